"""What a synapse is: a conductance that arriving spikes open and that closes by itself."""

import abc
from typing import TYPE_CHECKING, ClassVar

import equinox as eqx
from jaxtyping import Array, Float

from ..core import Affine

if TYPE_CHECKING:  # to a type checker an AbstractVar would be a field that __init__ takes
    from typing import ClassVar as AbstractVar
else:
    from equinox import AbstractVar


class Synapse(eqx.Module):
    """A conductance that follows spikes linearly: all synapses of a kind onto one membrane are one.

    A subclass says how many `stages` its kinetics have, and owes the `opening` that a weight (µS)
    adds to the stages when a spike arrives, their `rate` of change per ms, and the `conductance`
    (µS) that they make. Its current is `conductance · (v − E_rev)`, unless it says otherwise.
    """

    stages: ClassVar[int]
    E_rev: AbstractVar[Array]

    @abc.abstractmethod
    def opening(self, weight: Float[Array, "*shape"]) -> Float[Array, "stages *shape"]:
        """What a weight (µS) adds to each stage."""

    @abc.abstractmethod
    def rate(self, stages: Float[Array, "stages *shape"]) -> Float[Array, "stages *shape"]:
        """d(stages)/dt per ms."""

    @abc.abstractmethod
    def conductance(self, stages: Float[Array, "stages *shape"]) -> Float[Array, "*shape"]:
        """In µS, its peak after one spike being the weight."""

    def current(self, stages: Float[Array, "stages *shape"], v: Float[Array, "*shape"]) -> Affine:
        """The current into the membrane (nA), as a line in v (mV)."""
        g = self.conductance(stages)
        return Affine(g, g * self.E_rev)
