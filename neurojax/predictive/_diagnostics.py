"""What inference did, in numbers: accuracy alone hides a network that only mimics backprop."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax
from jaxtyping import Array, Float, Int

from ._hierarchy import INPUT, OUTPUT, Activities, Hierarchy, predict
from ._inference import infer
from ._rules import BackpropRule, weight_gradient

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@final
class Diagnostics(eqx.Module):
    """Of one batch with input and output clamped; energies are means over samples.

    - `energy_before`, `energy_after`: of each prediction, in the order of `names`, at the
      feed-forward and the settled state; `energy_trace`: of each step [steps + 1, energies].
    - `relaxation`: by how much of its start the total energy fell, in percent.
    - `imbalance`: the largest of the settled energies by the smallest.
    - `cosine`: of each edge with weights (`edges` names them; each layer's of a stack), between the
      predictive-coding gradient and backprop's.
    - `residual`: root mean square of dE/dz at the end, of each sample; `steps` that were taken.
    - `dead`: of each node that predicts others (`nodes` names them), the part of its units to which
      nothing that they predict is sensitive, in any of the samples.
    """

    energy_before: Float[Array, " energies"]
    energy_after: Float[Array, " energies"]
    energy_trace: Float[Array, "times energies"]
    relaxation: Float[Array, ""]
    imbalance: Float[Array, ""]
    cosine: Float[Array, " edges"]
    residual: Float[Array, " samples"]
    steps: Int[Array, ""]
    dead: Float[Array, " nodes"]
    names: tuple[str, ...] = eqx.field(static=True)
    edges: tuple[str, ...] = eqx.field(static=True)
    nodes: tuple[str, ...] = eqx.field(static=True)

    def plot(self) -> "Figure":
        """A matplotlib figure: energies while settling, cosines to backprop, dead units."""
        from ._plot_diagnostics import plot_diagnostics

        return plot_diagnostics(self)


@eqx.filter_jit
def diagnose(
    hierarchy: Hierarchy, x: Float[Array, "batch ..."], y: Float[Array, "batch ..."], **how: Any
) -> Diagnostics:
    """Energies, relaxation, alignment with backprop and dead units on one batch; `how` is
    `infer`'s."""
    clamps = {INPUT: x, OUTPUT: y}
    settled = infer(hierarchy, clamps, record_energy=True, **how)
    trace = jnp.asarray(settled.energy_trace) / x.shape[0]
    _, local = weight_gradient(hierarchy, settled.activities, clamps)
    backprop, _ = BackpropRule()(hierarchy, (x, y))
    after = trace[-1]
    cosines = edge_cosines(local, backprop)
    dead = dead_units(hierarchy, settled.activities)
    return Diagnostics(
        energy_before=trace[0],
        energy_after=after,
        energy_trace=trace,
        relaxation=settled.relaxation,
        imbalance=jnp.max(after) / jnp.maximum(jnp.min(after), jnp.finfo(after.dtype).tiny),
        cosine=jnp.stack(list(cosines.values())),
        residual=settled.residual,
        steps=settled.steps,
        dead=jnp.stack(list(dead.values())) if dead else jnp.zeros(0),
        names=hierarchy.energy_names,
        edges=tuple(cosines),
        nodes=tuple(dead),
    )


def edge_cosines(a: Hierarchy, b: Hierarchy) -> dict[str, Float[Array, ""]]:
    """The cosine between two gradients in each edge's weights, of each layer in a stack's."""
    found = {}
    for number, (p, q) in enumerate(zip(a.edges, b.edges, strict=True)):
        weights, others = jax.tree.leaves(p.module), jax.tree.leaves(q.module)
        if not weights:
            continue
        name = p.name if p.name not in found else f"{p.name} ({number})"
        length = a.by_name[p.target].length
        if length is None:
            found[name] = _cosine(weights, others)
        else:
            layers = jax.vmap(_cosine)(weights, others)
            found |= {f"{name}[{n}]": layers[n] for n in range(length)}
    return found


def _cosine(p: list[Array], q: list[Array]) -> Float[Array, ""]:
    product = sum(jnp.vdot(x, y) for x, y in zip(p, q, strict=True))
    norms = optax.tree.norm(p) * optax.tree.norm(q)
    return product / jnp.maximum(norms, jnp.finfo(norms.dtype).tiny)


def dead_units(hierarchy: Hierarchy, z: Activities) -> dict[str, Float[Array, ""]]:
    """Of each node that predicts others, the part of its units whose slope is zero in all that is
    predicted, for each of the samples."""

    def projected(z: Activities) -> Float[Array, ""]:
        total = jnp.zeros((), hierarchy.dtype)
        for number, factor in enumerate(hierarchy.inferred):
            for part in jax.tree.leaves(hierarchy.prediction(factor, z)):
                along = jr.normal(jr.fold_in(jr.key(0), number), part.shape, part.dtype)
                total = total + jnp.sum(along * part)
        return total

    slope = jax.grad(projected)(z)
    sources = {name for factor in hierarchy.inferred for name in factor.sources}
    return {
        name: jnp.mean(jnp.all(x == 0, axis=0).astype(x.dtype))
        for name, x in slope.items()
        if name in sources and name != INPUT
    }


def target_alignment(
    hierarchy: Hierarchy,
    x: Float[Array, "batch ..."],
    y: Float[Array, "batch ..."],
    rule: Callable,
    *,
    learning_rate: float,
) -> Float[Array, " batch"]:
    """How straight an update moves each sample's prediction to its target: the cosine between what
    the prediction changed by and what it should have (1 is straight).

    The update is one of gradient descent on that sample alone.
    Source: Song et al. 2024, Nature Neuroscience 27, 348–358 (prospective configuration), fig. 3.
    """
    energy = hierarchy.by_name[OUTPUT].energy

    def one(x: Array, y: Array) -> Float[Array, ""]:
        pair = (x[None], y[None])
        gradient, _ = rule(hierarchy, pair, None)
        updates = jax.tree.map(lambda g: -learning_rate * g, gradient)
        moved = eqx.apply_updates(hierarchy, updates)
        before, after = (energy.mean(predict(h, pair[0])) for h in (hierarchy, moved))
        return _cosine([after - before], [pair[1] - before])

    return jax.lax.map(lambda pair: one(*pair), (x, y))
