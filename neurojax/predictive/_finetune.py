"""Fine-tune a hierarchy by predictive coding or by backprop, from the same start."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, PyTree

from ..learning import Batches, Fit, Gradient, IncrementalGradient, Record, fit
from ._energies import Energy, Gaussian
from ._held import learns
from ._hierarchy import Hierarchy, predict
from ._rules import Batch, rule_named


def finetune(
    hierarchy: Hierarchy,
    data: Batch | Batches,
    *,
    optimizer: optax.GradientTransformation,
    rule: str | Gradient | IncrementalGradient = "pc",
    freeze: Sequence[int | str] = (),
    learning_rates: Mapping[int | str, float] | None = None,
    precision: Mapping[str, float] | None = None,
    **how: Any,
) -> Fit:
    """Train a hierarchy's weights on `(inputs, targets)`, samples first, or on a dict of clamps.

    - `rule`: a name that `rule_named` takes ("pc", "epc", "ipc", "pn", "nn", "cn", "ep" or "bp"),
      whose fields (`steps`, `step_size`, `tolerance`, ...) may be given too; or any gradient that
      `learning.fit` takes.
    - `freeze`: edges, by number from 0 or by target, whose weights stay.
    - `learning_rates`: factors on the optimizer's updates, by edge; 1 for others.
    - `precision`: of Gaussian nodes, by name, set before training.
    - the rest is `learning.fit`'s: epochs, batch_size, key, validation, checkpoint, ...

    In a hierarchy `with_adapters` only these learn. Running statistics of a pretrained network
    stay.

    Raises `FloatingPointError` in the first epoch in which inference, on average over batches,
    raised the energy: its steps are then too large for the weights.
    """
    of_rule = {name: how.pop(name) for name in FIELDS if name in how}
    if isinstance(rule, str):
        rule = rule_named(rule, **of_rule)
    elif of_rule:
        raise ValueError(f"{', '.join(of_rule)} are for a rule by name: set them in the rule.")
    if precision:
        hierarchy = with_precision(hierarchy, precision)
    if learning_rates:
        optimizer = _scaled(optimizer, _factors(hierarchy, learning_rates))
    watch = _Watch(how.pop("on_epoch", None))
    spec = weights_of(hierarchy, freeze)
    return fit(hierarchy, data, rule, optimizer=optimizer, trainable=spec, on_epoch=watch, **how)


FIELDS = ("steps", "step_size", "tolerance", "solver", "coordinates", "start", "nudging", "penalty")


class _Watch(NamedTuple):
    """Passes an epoch's record on, unless inference diverged in it."""

    then: Callable[[Record], None] | None

    def __call__(self, record: Record) -> None:
        if record.get("train/relaxation", 0) < 0:
            raise FloatingPointError(
                f"inference raised the energy by {-record['train/relaxation']:.3g} % on average in "
                f"epoch {record['epoch']}: give a smaller step_size."
            )
        if self.then is not None:
            self.then(record)


def accuracy(
    hierarchy: Hierarchy, x: Float[Array, "samples ..."], labels: Int[Array, " samples"]
) -> Float[Array, ""]:
    """The fraction of samples whose highest predicted output is their label (feed-forward)."""
    return jnp.mean(jnp.argmax(predict(hierarchy, x), axis=-1) == labels)


def with_precision(hierarchy: Hierarchy, precision: Mapping[str, float]) -> Hierarchy:
    """The hierarchy with these precisions of its Gaussian nodes, by name.

    Raises `ValueError` for a node that is not there or not Gaussian.
    """
    nodes = {}
    for name, value in precision.items():
        node = hierarchy.by_name.get(name)
        if node is None or not isinstance(node.energy, Gaussian):
            gaussian = [n.name for n in hierarchy.nodes if isinstance(n.energy, Gaussian)]
            raise ValueError(
                f"precision has no Gaussian node {name!r}: they are {', '.join(gaussian)}."
            )
        energy = Gaussian(jnp.asarray(value, hierarchy.dtype))
        nodes[name] = eqx.tree_at(lambda node: node.energy, node, energy)
    replaced = tuple(nodes.get(node.name, node) for node in hierarchy.nodes)
    return eqx.tree_at(lambda h: h.nodes, hierarchy, replaced)


def weights_of(hierarchy: Hierarchy, freeze: Sequence[int | str] = ()) -> PyTree[bool]:
    """Which leaves learn: the arrays of edges' modules but held ones and the frozen edges', and the
    parameters of energies that are learned."""
    frozen = {number for edge in freeze for number in _numbers(hierarchy, edge, "freeze")}

    def of_energies(part: Any) -> PyTree[bool]:
        learned = isinstance(part, Energy) and part.learned
        return jax.tree.map(lambda leaf: learned and eqx.is_inexact_array(leaf), part)

    spec = jax.tree.map(of_energies, hierarchy, is_leaf=lambda x: isinstance(x, Energy))
    free = [number for number in range(len(hierarchy.edges)) if number not in frozen]
    return eqx.tree_at(
        lambda h: [h.edges[n].module for n in free],
        spec,
        [learns(hierarchy.edges[n].module) for n in free],
    )


def _numbers(hierarchy: Hierarchy, edge: int | str, argument: str) -> list[int]:
    """Of the edges that a number or the name of a target means."""
    numbers = range(len(hierarchy.edges))
    found = [n for n in numbers if edge in (n, hierarchy.edges[n].target)]
    if not found:
        targets = sorted({edge.target for edge in hierarchy.edges})
        raise ValueError(
            f"{argument} has no edge {edge!r}: edges are 0 to {len(numbers) - 1}, to "
            f"{', '.join(targets)}."
        )
    return found


def _factors(hierarchy: Hierarchy, rates: Mapping[int | str, float]) -> tuple[float, ...]:
    """Of each edge."""
    factors = [1.0] * len(hierarchy.edges)
    for edge, factor in rates.items():
        if not 0 <= factor < float("inf"):
            raise ValueError(f"learning_rates[{edge!r}] must be at least 0, got {factor}.")
        for number in _numbers(hierarchy, edge, "learning_rates"):
            factors[number] = factor
    return tuple(factors)


@functools.lru_cache(maxsize=32)  # an optimizer that is the same object is not compiled anew
def _scaled(
    optimizer: optax.GradientTransformation, factors: tuple[float, ...]
) -> optax.GradientTransformation:
    """The optimizer with each edge's updates times its factor."""

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        scaled = [
            jax.tree.map(lambda u, factor=factor: factor * u, edge.module)
            for factor, edge in zip(factors, updates.edges, strict=True)
        ]
        return eqx.tree_at(lambda h: [edge.module for edge in h.edges], updates, scaled), state

    scale = optax.GradientTransformation(lambda params: optax.EmptyState(), update)
    return optax.chain(optimizer, scale)
