"""Leaky integrate-and-fire neurons with synaptic currents."""

import math
from typing import Any, NamedTuple, final

import diffrax
import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ..core import ExactLinear, as_parameter, positive
from ._leaky import LeakyIntegrateAndFire


class CurrentLIFState(NamedTuple):
    """Membrane potential, synaptic current, steps of refractoriness left."""

    v: Float[Array, "*shape"]
    i_syn: Float[Array, "*shape"]
    frozen: Int[Array, "*shape"] | None


@final
class CurrentLIF(LeakyIntegrateAndFire):
    """Leaky integrate-and-fire with an exponentially decaying synaptic current:

    `tau_m dv/dt = v_rest − v + resistance · (i_syn + I)`, `tau_syn di_syn/dt = −i_syn`.

    A spike when `v > v_threshold`, then `v = v_reset`, held for `refractory` ms. The weights of
    arriving spikes add to i_syn, also while v is held. tau_m, tau_syn and refractory in ms; i_syn,
    weights and the drive I in one unit, which `resistance` turns into that of v (nA, MΩ and mV, or
    1 as in the defaults).

    Source: Rotter & Diesmann 1999, Biol. Cybern. 81; the model iaf_psc_exp of NEST.
    """

    tau_syn: Array = eqx.field(converter=as_parameter, default=5.0)

    synaptic = True

    def __check_init__(self) -> None:
        positive("CurrentLIF", tau_syn=self.tau_syn)

    @property
    def default_solver(self) -> diffrax.AbstractSolver:
        return ExactLinear()

    def initial_state(self, key: PRNGKeyArray | None = None) -> CurrentLIFState:
        v = self.at_rest()
        return CurrentLIFState(v, jnp.zeros_like(v), self.unfrozen())

    def vector_field(self, t: Any, state: CurrentLIFState, drive: Any) -> CurrentLIFState:
        decay = -state.i_syn * (1 / self.tau_syn)
        return state._replace(v=self.leak(state, state.i_syn + drive), i_syn=decay, frozen=None)

    def receive(self, state: CurrentLIFState, incoming: Any) -> CurrentLIFState:
        return state._replace(i_syn=state.i_syn + incoming)


class AlphaLIFState(NamedTuple):
    """Membrane potential, synaptic current, what the current rises to, steps of refractoriness
    left."""

    v: Float[Array, "*shape"]
    i_syn: Float[Array, "*shape"]
    rise: Float[Array, "*shape"]
    frozen: Int[Array, "*shape"] | None


@final
class AlphaLIF(LeakyIntegrateAndFire):
    """Leaky integrate-and-fire with an alpha-shaped synaptic current:

    `tau_m dv/dt = v_rest − v + resistance · (i_syn + I)`, `tau_syn di_syn/dt = rise − i_syn`,
    `tau_syn drise/dt = −rise`; an arriving weight w adds e·w to rise.

    Its current is `w (s/tau_syn) exp(1 − s/tau_syn)` a time s later: it peaks at w after tau_syn.
    Units, threshold and reset as of `CurrentLIF`.

    Source: Rotter & Diesmann 1999, Biol. Cybern. 81; the model iaf_psc_alpha of NEST.
    """

    tau_syn: Array = eqx.field(converter=as_parameter, default=5.0)

    synaptic = True

    def __check_init__(self) -> None:
        positive("AlphaLIF", tau_syn=self.tau_syn)

    @property
    def default_solver(self) -> diffrax.AbstractSolver:
        return ExactLinear()

    def initial_state(self, key: PRNGKeyArray | None = None) -> AlphaLIFState:
        v = self.at_rest()
        none = jnp.zeros_like(v)
        return AlphaLIFState(v, none, none, self.unfrozen())

    def vector_field(self, t: Any, state: AlphaLIFState, drive: Any) -> AlphaLIFState:
        rate = 1 / self.tau_syn
        return state._replace(
            v=self.leak(state, state.i_syn + drive),
            i_syn=(state.rise - state.i_syn) * rate,
            rise=-state.rise * rate,
            frozen=None,
        )

    def receive(self, state: AlphaLIFState, incoming: Any) -> AlphaLIFState:
        return state._replace(rise=state.rise + math.e * incoming)
