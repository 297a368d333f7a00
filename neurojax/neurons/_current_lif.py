"""Leaky integrate-and-fire neurons with synaptic currents."""

from typing import Any, NamedTuple, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ..core import as_parameter, positive, where_spiked
from ._integrate_and_fire import IntegrateAndFire


class CurrentLIFState(NamedTuple):
    """Membrane potential, synaptic current, steps of refractoriness left."""

    v: Float[Array, "*shape"]
    i_syn: Float[Array, "*shape"]
    frozen: Int[Array, "*shape"]


@final
class CurrentLIF(IntegrateAndFire):
    """Leaky integrate-and-fire with an exponentially decaying synaptic current:

    `tau_m dv/dt = v_rest − v + resistance · (i_syn + I)`, `tau_syn di_syn/dt = −i_syn`.

    A spike when `v > v_threshold`, then `v = v_reset`, held for `refractory` ms. The weights of
    arriving spikes add to i_syn, also while v is held. tau_m, tau_syn and refractory in ms; i_syn,
    weights and the drive I in one unit, which `resistance` turns into that of v (nA, MΩ and mV, or
    1 as in the defaults).

    Source: Rotter & Diesmann 1999, Biol. Cybern. 81, sec. 3.1.1; the model iaf_psc_exp of NEST.
    """

    tau_m: Array = eqx.field(converter=as_parameter, default=10.0)
    tau_syn: Array = eqx.field(converter=as_parameter, default=5.0)
    v_rest: Array = eqx.field(converter=as_parameter, default=0.0)
    v_threshold: Array = eqx.field(converter=as_parameter, default=1.0)
    v_reset: Array = eqx.field(converter=as_parameter, default=0.0)
    resistance: Array = eqx.field(converter=as_parameter, default=1.0)

    def __check_init__(self) -> None:
        positive("CurrentLIF", tau_m=self.tau_m, tau_syn=self.tau_syn)

    def initial_state(self, key: PRNGKeyArray | None = None) -> CurrentLIFState:
        v = jnp.broadcast_to(self.v_rest, self.shape)
        return CurrentLIFState(v, jnp.zeros_like(v), jnp.zeros(self.shape, jnp.int32))

    def vector_field(self, t: Any, state: CurrentLIFState, drive: Any) -> CurrentLIFState:
        current = state.i_syn + drive
        rate = (self.v_rest - state.v + self.resistance * current) / self.tau_m
        decay = -state.i_syn / self.tau_syn
        return state._replace(v=self.unless_refractory(state, rate), i_syn=decay, frozen=None)

    def distance(self, state: CurrentLIFState) -> Float[Array, "*shape"]:
        return state.v - self.v_threshold

    def reset(self, state: CurrentLIFState, spikes: Float[Array, "*shape"]) -> CurrentLIFState:
        return state._replace(v=where_spiked(spikes, self.v_reset, state.v))

    def receive(self, state: CurrentLIFState, incoming: Any) -> CurrentLIFState:
        return state._replace(i_syn=state.i_syn + incoming)
