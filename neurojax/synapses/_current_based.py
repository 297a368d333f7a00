"""Synapses that pass a current whatever the potential is."""

from typing import final

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import Affine
from ._synapse import Synapse


@final
class CurrentBased(Synapse):
    """A synapse whose current follows the `kinetics` of a conductance, and not the potential.

    Weights are the peaks of the current (nA, or the unit of the neurons' drive), and its sign.
    `CurrentBased(Exponential(tau=5.0))` is the synapse of Vogels & Abbott 2005's CUBA network.
    """

    kinetics: Synapse

    @property
    def stages(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.kinetics.stages

    @property
    def E_rev(self) -> Array:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.kinetics.E_rev

    def opening(self, weight: Float[Array, "*shape"]) -> Float[Array, "stages *shape"]:
        return self.kinetics.opening(weight)

    def rate(self, stages: Float[Array, "stages *shape"]) -> Float[Array, "stages *shape"]:
        return self.kinetics.rate(stages)

    def conductance(self, stages: Float[Array, "stages *shape"]) -> Float[Array, "*shape"]:
        """The current."""
        return self.kinetics.conductance(stages)

    def current(self, stages: Float[Array, "stages *shape"], v: Float[Array, "*shape"]) -> Affine:
        return Affine(jnp.zeros(()), self.conductance(stages))
