"""How a hierarchy learns: the local gradient at the settled state, or backpropagation."""

from typing import final

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ._hierarchy import Activities, Clamps, Hierarchy
from ._inference import infer

Batch = tuple[Float[Array, "batch in"], Float[Array, "batch out"]]
Metrics = dict[str, Float[Array, ""]]


@final
class PredictiveCoding(eqx.Module):
    """Settle with input and output clamped, then follow the energy's gradient in the weights.

    A source of gradients for `learning.fit`: of the mean over samples, local to each layer. The
    fields are `infer`'s.
    Source: Whittington & Bogacz 2017, Neural Computation 29(5), eq. 2.15.
    """

    steps: int = eqx.field(static=True, default=20)
    step_size: float = eqx.field(static=True, default=0.1)
    tolerance: float | None = eqx.field(static=True, default=None)
    solver: diffrax.AbstractSolver | None = None

    def __call__(
        self, model: Hierarchy, batch: Batch, key: PRNGKeyArray | None = None
    ) -> tuple[Hierarchy, Metrics]:
        x, y = batch
        clamps = {"input": x, "output": y}
        settled = infer(
            model,
            clamps,
            steps=self.steps,
            step_size=self.step_size,
            tolerance=self.tolerance,
            solver=self.solver,
        )
        energy, gradient = weight_gradient(model, settled.activities, clamps)
        return gradient, {"energy": energy, "relaxation": settled.relaxation}


@final
class BackpropRule(eqx.Module):
    """Backpropagation of the output energy of the feed-forward prediction, mean over samples."""

    def __call__(
        self, model: Hierarchy, batch: Batch, key: PRNGKeyArray | None = None
    ) -> tuple[Hierarchy, Metrics]:
        x, y = batch

        def loss(model: Hierarchy) -> Float[Array, ""]:
            output = jax.lax.stop_gradient(model.energies[-1])
            return output(y, model.feedforward(x)[-1]) / x.shape[0]

        value, gradient = eqx.filter_value_and_grad(loss)(model)
        return gradient, {"energy": value}


def weight_gradient(
    model: Hierarchy, activities: Activities, clamps: Clamps
) -> tuple[Float[Array, ""], Hierarchy]:
    """Mean energy over samples at given activities, and its gradient in the model's weights.

    Precisions are held: an energy without its normalisation would always lower them.
    """
    samples = activities[0].shape[0]
    held = jax.lax.stop_gradient(activities)

    def mean_energy(model: Hierarchy) -> Float[Array, ""]:
        fixed = jax.lax.stop_gradient(model.energies)
        return eqx.tree_at(lambda m: m.energies, model, fixed).energy(held, clamps) / samples

    return eqx.filter_value_and_grad(mean_energy)(model)


def rule_named(rule: str, **inference: object) -> "PredictiveCoding | BackpropRule":
    """The rule of a name: "pc" or "bp"."""
    if rule == "pc":
        return PredictiveCoding(**inference)  # pyright: ignore[reportArgumentType]
    if rule == "bp":
        return BackpropRule()
    raise ValueError(f"rule must be 'pc', 'bp' or a gradient for learning.fit, got {rule!r}.")


def layer_cosines(a: Hierarchy, b: Hierarchy) -> Float[Array, " layers"]:
    """The cosine between two gradients in each layer's weights and biases."""

    def cosine(p: object, q: object) -> Float[Array, ""]:
        x = jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(p)])
        y = jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(q)])
        tiny = jnp.finfo(x.dtype).tiny
        return jnp.dot(x, y) / jnp.maximum(jnp.linalg.norm(x) * jnp.linalg.norm(y), tiny)

    return jnp.stack([cosine(p, q) for p, q in zip(a.layers, b.layers, strict=True)])
