"""The Poisson neuron."""

from typing import Any, NamedTuple, final

import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ..core import Clock, SpikingSystem
from ._escape_noise import drawn
from ._integrate_and_fire import IntegrateAndFire


class PoissonNeuronState(NamedTuple):
    """Spikes expected since the step began, steps of refractoriness left."""

    expected: Float[Array, "*shape"]
    frozen: Int[Array, "*shape"] | None


@final
class PoissonNeuron(IntegrateAndFire):
    """A neuron that spikes at random with the rate that drives it (Hz; none below zero).

    In a step it spikes with probability `1 − exp(−∫ rate dt)`, and the derivative of a spike is
    that of this probability. With `refractory` (ms) above zero it is a Poisson process with dead
    time. It needs a clock and a key, and has no synapses.

    Source: Gerstner et al. 2014, Neuronal Dynamics, sec. 7.2.
    """

    default_record = ("spikes",)
    receive = SpikingSystem.receive

    def __check_init__(self) -> None:
        if self.escape is not None:
            raise ValueError("PoissonNeuron: escape must be None, it spikes at random by itself.")

    @property
    def random(self) -> bool:
        return True

    def initial_state(self, key: PRNGKeyArray | None = None) -> PoissonNeuronState:
        none = jnp.zeros(self.shape, jnp.result_type(float))
        return PoissonNeuronState(none, self.unfrozen())

    def vector_field(self, t: Any, state: PoissonNeuronState, drive: Any) -> PoissonNeuronState:
        hazard = jnp.broadcast_to(jnp.maximum(drive, 0) / 1000, self.shape)
        return state._replace(expected=self.unless_refractory(state, hazard), frozen=None)

    def output(self, state: PoissonNeuronState) -> Float[Array, "*shape"]:
        return state.expected

    def distance(self, state: PoissonNeuronState) -> Float[Array, "*shape"]:
        return state.expected

    def fire(
        self, clock: Clock, state: PoissonNeuronState, key: PRNGKeyArray | None
    ) -> Float[Array, "*shape"]:
        return drawn(state.expected, self._key(key))

    def reset(
        self, state: PoissonNeuronState, spikes: Float[Array, "*shape"]
    ) -> PoissonNeuronState:
        return state._replace(expected=jnp.zeros_like(state.expected))
