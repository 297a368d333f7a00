"""Delivery as three sums over synapses, each linear in both of its arguments, that are each other's
transposes: gradients of any order, in either mode, and batches.

With s of the neurons that spikes come from, g of those that they go to, w of synapses from i to j:

- `deliver(s, w)[j] = Σ s[i] w`: what arrives;
- `gather(w, g)[i] = Σ w g[j]`: its transpose in s;
- `outer(s, g)[i → j] = s[i] g[j]`, summed over the batch: its transpose in w.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array

from ..core import native
from . import _delivery_bits as bits, _delivery_plain as plain
from ._delivery_targets import Layout

Kernel = Callable[..., Array]

# Of all-to-all connections, on a CPU. A product takes the time of reading all weights, of a batch
# that of multiplying: 212 and 55 µs a sample for 2000 to 2000 neurons. Adding rows takes 1 µs a
# spike, so up to this part of spikes it is faster.
FEW_OF_ONE, FEW_OF_MANY = 0.15, 0.03
# Where connections are missing, the matrix must first be made (2 to 6 ms): worth it for so many.
SAMPLES_FOR_PRODUCT = 16

deliver_p, gather_p, outer_p = (
    Primitive(name) for name in ("deliver", "gather_arriving", "outer_of_arriving")
)
KERNELS: dict[Primitive, dict[str, Kernel]] = {
    deliver_p: {
        "reference": plain.deliver,
        "bits": bits.deliver,
        "compact": plain.compact_deliver,
        "dense": plain.dense_deliver,
    },
    gather_p: {
        "reference": plain.gather,
        "bits": bits.gather,
        "compact": plain.gather,
        "dense": plain.dense_gather,
    },
    outer_p: {
        "reference": plain.outer,
        "bits": bits.outer,
        "compact": plain.compact_outer,
        "dense": plain.dense_outer,
    },
}
BACKENDS = ("auto", *KERNELS[deliver_p])


def deliver(s: Array, w: Array, felt: Array, *connectivity: Array, **how: Any) -> Array:
    """What arrives, [batch, n_post], of spikes [batch, n_pre] with weights [rows, width], or `one`.

    Of `s` only those that are `felt` ([batch, n_pre], or `one` for all) have a derivative.
    """
    return deliver_p.bind(s, w, felt, *connectivity, **how)


def gather(w: Array, g: Array, felt: Array, *connectivity: Array, **how: Any) -> Array:
    """Of those neurons that are felt, [batch, n_pre], the sum of weight times g at the target."""
    return gather_p.bind(w, g, felt, *connectivity, **how)


def outer(s: Array, g: Array, *connectivity: Array, **how: Any) -> Array:
    """Of each synapse, [rows, width], spike times g at its target, summed over the batch."""
    return outer_p.bind(s, g, *connectivity, **how)


def one(value: Any, dtype: Any) -> Array:
    """One weight, or one truth, for all. A scalar could become a Python literal, with no dtype."""
    return jnp.full(1, value, dtype)


def _all_felt() -> Array:
    return one(True, bool)


def _if_felt(felt: Array, s: Array) -> Array:
    return jnp.where(felt, s, 0) if felt.ndim > 1 else s


def _filled(x: Array, index: Array, starts: Array, *, layout: Layout, backend: str) -> Array:
    """What is not zero in empty slots is no weight."""
    return jnp.where(index < layout.n_post, x, 0)


def _jvp_deliver_s(ds: Array, s: Array, w: Array, felt: Array, *rest: Array, **how: Any) -> Array:
    return deliver(_if_felt(felt, ds), w, felt, *rest, **how)


def _transposed(in_first: Callable[..., Array], in_second: Callable[..., Array]) -> Any:
    """The rule for an operation that is linear in each of its first two operands."""

    def rule(cotangent: Any, x: Any, y: Any, *rest: Array, **how: Any) -> list[Any]:
        first = ad.is_undefined_primal(x)
        unknown, known = (x, y) if first else (y, x)
        if isinstance(cotangent, ad.Zero):
            out = ad.Zero(unknown.aval.to_ct_aval())
        else:
            # Given from outside, it may be numpy's.
            out = (in_first if first else in_second)(jnp.asarray(cotangent), known, *rest, **how)
        return [out if first else None, None if first else out, *(None for _ in rest)]

    return rule


def _folded(primitive: Primitive, place: int, felt: int) -> Any:
    """The rule for batches: they go into the batch of operand `place` (and of `felt`), so that
    one loop goes over the events of all; where another operand has one, each is on its own."""

    def rule(operands: Any, axes: Any, **how: Any) -> tuple[Array, int]:
        if any(a is not None for n, a in enumerate(axes) if n not in (place, felt)):
            return _in_turn(primitive, operands, axes, **how)
        size = next(x.shape[a] for x, a in zip(operands, axes, strict=True) if a is not None)
        folded = list(operands)
        for n in (place, felt):
            x = operands[n]
            if x.ndim > 1:  # not `one`
                same = axes[n] is None
                x = jnp.broadcast_to(x, (size, *x.shape)) if same else jnp.moveaxis(x, axes[n], 0)
                folded[n] = x.reshape(-1, x.shape[-1])
        out = primitive.bind(*folded, **how)
        return out.reshape(size, -1, out.shape[-1]), 0

    return rule


def _in_turn(primitive: Primitive, operands: Any, axes: Any, **how: Any) -> tuple[Array, int]:
    batched = [jnp.moveaxis(x, a, 0) for x, a in zip(operands, axes, strict=True) if a is not None]

    def one(of_batch: list[Array]) -> Array:
        rest = iter(of_batch)
        each = [x if a is None else next(rest) for x, a in zip(operands, axes, strict=True)]
        return primitive.bind(*each, **how)

    return jax.lax.map(one, batched), 0


def _kernel(primitive: Primitive, backend: str, layout: Layout, on_cpu: bool) -> Kernel:
    kernel = partial(KERNELS[primitive][backend], layout=layout)
    if backend != "bits":
        return kernel
    return partial(kernel, compiled=native if on_cpu else lambda loop: loop)


def _chosen(primitive: Primitive, on_cpu: bool) -> Kernel:
    """What a primitive is compiled as."""

    def run(*operands: Array, layout: Layout, backend: str) -> Array:
        operands = tuple(x.reshape(()) if x.shape == (1,) else x for x in operands)
        events = _events(primitive, *operands)
        if primitive is deliver_p:  # who is felt matters to its derivative alone
            operands = (*operands[:2], *operands[3:])
        samples = operands[1 if primitive is gather_p else 0].shape[0]
        name = _named(backend, layout, on_cpu, events, samples)
        if name != "auto":
            return _kernel(primitive, name, layout, on_cpu)(*operands)
        assert events is not None
        few = jnp.mean(events) <= (FEW_OF_ONE if samples == 1 else FEW_OF_MANY)
        by_row, product = (_kernel(primitive, n, layout, on_cpu) for n in ("bits", "dense"))
        return jax.lax.cond(few, by_row, product, *operands)

    return run


def _named(backend: str, layout: Layout, on_cpu: bool, events: Array | None, samples: int) -> str:
    """The backend's name; "auto" where the number of events decides between bits and a product."""
    if backend == "auto" and not on_cpu:
        return "dense" if layout.aligned else "compact"
    if backend == "auto" and layout.aligned and (layout.full or samples >= SAMPLES_FOR_PRODUCT):
        return "dense" if events is None else "auto"
    if backend == "auto":
        backend = "bits"
    # Where all are felt there are no bits to look for.
    return "reference" if backend == "bits" and events is None else backend


def _events(primitive: Primitive, *operands: Array) -> Array | None:
    """Those that a loop over events would go through, [batch, n_pre]; None if it is all."""
    if primitive is gather_p:
        return operands[2] if operands[2].ndim else None
    return operands[0] != 0


def _define(
    primitive: Primitive, operands: int, shape: Any, jvp: Any, transpose: Any, batched: Any
) -> None:
    def at_once(*operands: Array, **how: Any) -> Array:
        return primitive.bind(*operands, **how)

    primitive.def_impl(jax.jit(at_once, static_argnames=("layout", "backend")))
    primitive.def_abstract_eval(shape)
    ad.defjvp(primitive, *jvp, *[None] * (operands - 2))
    ad.primitive_transposes[primitive] = _transposed(*transpose)
    batching.primitive_batchers[primitive] = batched
    for platform in (None, "cpu"):
        rule = mlir.lower_fun(_chosen(primitive, platform == "cpu"), multiple_results=False)
        mlir.register_lowering(primitive, rule, platform=platform)


_define(
    deliver_p,
    5,
    lambda s, *_, layout, backend: s.update(shape=(s.shape[0], layout.n_post)),
    (_jvp_deliver_s, lambda dw, s, w, *rest, **how: deliver(s, dw, *rest, **how)),
    (
        lambda g, w, felt, *rest, **how: gather(w, g, felt, *rest, **how),
        lambda g, s, felt, *rest, **how: outer(s, g, *rest, **how),
    ),
    _folded(deliver_p, 0, 2),
)
_define(
    gather_p,
    5,
    lambda w, g, *_, layout, backend: g.update(shape=(g.shape[0], layout.n_pre)),
    (
        lambda dw, w, g, *rest, **how: gather(dw, g, *rest, **how),
        lambda dg, w, g, *rest, **how: gather(w, dg, *rest, **how),
    ),
    (
        lambda s, g, felt, *rest, **how: outer(_if_felt(felt, s), g, *rest, **how),
        lambda s, w, felt, *rest, **how: deliver(_if_felt(felt, s), w, felt, *rest, **how),
    ),
    _folded(gather_p, 1, 2),
)
_define(
    outer_p,
    4,
    lambda s, g, index, starts, **_: g.update(shape=index.shape),
    (
        lambda ds, s, g, *rest, **how: outer(ds, g, *rest, **how),
        lambda dg, s, g, *rest, **how: outer(s, dg, *rest, **how),
    ),
    (
        lambda w, g, *rest, **how: gather(_filled(w, *rest, **how), g, _all_felt(), *rest, **how),
        lambda w, s, *rest, **how: deliver(s, _filled(w, *rest, **how), _all_felt(), *rest, **how),
    ),
    partial(_in_turn, outer_p),
)
