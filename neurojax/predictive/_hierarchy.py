"""A chain of layers, each predicting the next, as a system that descends its energy."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ..core import EnergySystem
from ._energies import Energy, Gaussian

Activation = Callable[[Float[Array, "..."]], Float[Array, "..."]]
Activities = tuple[Float[Array, "..."], ...]
Clamps = dict[str, Float[Array, "..."]]


def identity(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """The activation of the input."""
    return x


class Dense(eqx.Module):
    """How one layer predicts the next: `μ = W f(z) + b`, with samples (if any) in front.

    `weight` is [out, in], `bias` [out] or None, f is the activation of the layer below.
    """

    weight: Float[Array, "out in"]
    bias: Float[Array, " out"] | None
    activation: Activation = eqx.field(static=True, default=identity)

    def __call__(self, below: Float[Array, "*batch in"]) -> Float[Array, "*batch out"]:
        product = self.activation(below) @ self.weight.T
        if self.bias is None:
            return product
        return product + jnp.broadcast_to(self.bias, product.shape)


@final
class Hierarchy(EnergySystem):
    """Predictive coding over a chain of layers: `E = Σₗ Eₗ(zₗ, μₗ(zₗ₋₁))`.

    The state is a tuple of activities z₀ (input) to z_L (output), each [batch, width] or [width];
    layer l predicts zₗ from zₗ₋₁ and `energies[l − 1]` is the cost of the difference. The drive is
    the clamps, a dict: "input" and "output", each held at data where it is given. An output that is
    not clamped has nothing above it and is its own prediction, so its energy is left out.

    Energies are summed over samples, so that what a sample does depends on no other.
    Source: Whittington & Bogacz 2017, Neural Computation 29(5), eqs. 2.7–2.15.
    """

    layers: tuple[Dense, ...]
    energies: tuple[Energy, ...]
    origin: Any = None

    def __check_init__(self) -> None:
        if len(self.energies) != len(self.layers):
            raise ValueError(
                f"Hierarchy: energies needs one for each of the {len(self.layers)} layers, "
                f"got {len(self.energies)}."
            )
        for number, (below, above) in enumerate(zip(self.layers, self.layers[1:], strict=False), 1):
            if below.weight.shape[0] != above.weight.shape[1]:
                raise ValueError(
                    f"Hierarchy: layer {number} gives {below.weight.shape[0]} units, layer "
                    f"{number + 1} takes {above.weight.shape[1]}."
                )

    @property
    def widths(self) -> tuple[int, ...]:
        """Units of each layer, input first."""
        return (self.layers[0].weight.shape[1], *(x.weight.shape[0] for x in self.layers))

    def initial_state(self, key: PRNGKeyArray | None = None) -> Activities:
        """Activities of one sample that follow from a zero input."""
        return self.feedforward(jnp.zeros(self.widths[0], self.layers[0].weight.dtype))

    def feedforward(self, x: Float[Array, "*batch in"]) -> Activities:
        """The activities that follow from an input: each layer at its prediction."""
        activities = [x]
        for layer in self.layers:
            activities.append(layer(activities[-1]))
        return tuple(activities)

    def clamped(self, state: Activities, clamps: Clamps) -> Activities:
        """The activities with their clamped parts at the data."""
        check_clamps(self, clamps)
        first, *hidden, last = state
        return (clamps.get("input", first), *hidden, clamps.get("output", last))

    def layer_energies(self, state: Activities, clamps: Clamps) -> Float[Array, " layers"]:
        """The energy of each layer that is predicted, summed over samples."""
        z = self.clamped(state, clamps)
        costs = [
            energy(above, layer(below))
            for energy, layer, below, above in zip(
                self.energies, self.layers, z[:-1], z[1:], strict=True
            )
        ]
        if "output" not in clamps:
            costs[-1] = jnp.zeros_like(costs[-1])
        return jnp.stack(costs)

    def energy(self, state: Activities, clamps: Clamps) -> Float[Array, ""]:
        return jnp.sum(self.layer_energies(state, clamps))

    def free(self, state: Activities, clamps: Clamps) -> PyTree[bool]:
        inner = (True,) * (len(self.layers) - 1)
        return ("input" not in clamps, *inner, False)

    def output(self, state: Activities) -> Float[Array, "..."]:
        return state[-1]


def predict(hierarchy: Hierarchy, x: Float[Array, "*batch in"]) -> Float[Array, "*batch out"]:
    """The output's prediction (logits under a categorical energy) from an input, feed-forward.

    With only the input clamped this is where inference ends, so none is run.
    """
    check_clamps(hierarchy, {"input": x})
    return hierarchy.feedforward(x)[-1]


def mlp(
    widths: Sequence[int],
    key: PRNGKeyArray,
    *,
    activation: Activation = jax.nn.relu,
    output: Energy | None = None,
) -> Hierarchy:
    """A fresh hierarchy of dense layers, input width first.

    Weights and biases uniform in ±1/√(inputs); Gaussian energies of precision 1, and `output`
    (Gaussian unless given) on top.
    """
    if len(widths) < 2 or min(widths) < 1:
        raise ValueError(f"widths must be at least two positive numbers, got {tuple(widths)}.")
    layers = []
    for number, (below, above) in enumerate(itertools.pairwise(widths)):
        limit = below**-0.5
        key_weight, key_bias = jr.split(jr.fold_in(key, number))
        weight = jr.uniform(key_weight, (above, below), minval=-limit, maxval=limit)
        bias = jr.uniform(key_bias, (above,), minval=-limit, maxval=limit)
        layers.append(Dense(weight, bias, identity if number == 0 else activation))
    energies = [Gaussian()] * (len(layers) - 1) + [output or Gaussian()]
    return Hierarchy(tuple(layers), tuple(energies))


def check_clamps(hierarchy: Hierarchy, clamps: Clamps) -> None:
    """Refuse clamps of an unknown name, of another width than their layer, or of different numbers
    of samples."""
    due = {"input": hierarchy.widths[0], "output": hierarchy.widths[-1]}
    for name, value in clamps.items():
        if name not in due:
            raise ValueError(f"clamps has no {name!r}: a hierarchy can clamp {', '.join(due)}.")
        if jnp.shape(value)[-1:] != (due[name],):
            raise ValueError(
                f"clamps[{name!r}] has shape {jnp.shape(value)}, its layer {due[name]} units."
            )
    shapes = {name: jnp.shape(value) for name, value in clamps.items()}
    if len({shape[:-1] for shape in shapes.values()}) > 1:
        raise ValueError(f"clamps must hold the same samples, got shapes {shapes}.")
