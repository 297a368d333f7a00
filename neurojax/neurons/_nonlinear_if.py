"""Integrate-and-fire neurons of one variable that make their own upstroke."""

from typing import Any, NamedTuple, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ..core import as_parameter, positive, where_spiked
from ._integrate_and_fire import IntegrateAndFire
from ._upstroke import upstroke


class NonlinearIFState(NamedTuple):
    """Membrane potential, and the steps for which a neuron is still refractory."""

    v: Float[Array, "*shape"]
    frozen: Int[Array, "*shape"] | None


class NonlinearIF(IntegrateAndFire):
    """A neuron with `tau_m dv/dt = F(v) + resistance · I` that spikes above `v_peak` and is then at
    `v_reset`. A subclass says what F is, and owes the fields of both potentials."""

    tau_m: Array = eqx.field(converter=as_parameter, default=10.0)
    v_rest: Array = eqx.field(converter=as_parameter, default=-65.0)
    v_peak: Array = eqx.field(converter=as_parameter, default=-30.0)
    v_reset: Array = eqx.field(converter=as_parameter, default=-68.0)
    resistance: Array = eqx.field(converter=as_parameter, default=1.0)

    def __check_init__(self) -> None:
        positive(type(self).__name__, tau_m=self.tau_m)

    def initial_state(self, key: PRNGKeyArray | None = None) -> NonlinearIFState:
        v = jnp.broadcast_to(self.v_rest, self.shape)
        return NonlinearIFState(v, self.unfrozen())

    def flow(self, state: NonlinearIFState, own: Array, drive: Any) -> NonlinearIFState:
        """The state's rate where `own` is F(v)."""
        rate = (own + self.resistance * drive) * (1 / self.tau_m)
        return state._replace(v=self.unless_refractory(state, rate), frozen=None)

    def distance(self, state: NonlinearIFState) -> Float[Array, "*shape"]:
        return state.v - self.v_peak

    def reset(self, state: NonlinearIFState, spikes: Float[Array, "*shape"]) -> NonlinearIFState:
        return state._replace(v=where_spiked(spikes, self.v_reset, state.v))


@final
class QuadraticIF(NonlinearIF):
    """Quadratic integrate-and-fire:

    `tau_m dv/dt = curvature · (v − v_rest) (v − v_critical) + resistance · I`.

    Without a drive v falls to v_rest from below v_critical and rises from above it; a spike when
    `v > v_peak`, then `v = v_reset`, held for `refractory` ms. Potentials and `resistance · I` in
    mV, curvature in 1/mV, times in ms. Arriving spikes add to v. With the default curvature, tau_m
    is the time constant at rest.

    Source: Latham et al. 2000, J. Neurophysiol. 83; Gerstner et al. 2014, Neuronal Dynamics,
    sec. 5.3.
    """

    v_critical: Array = eqx.field(converter=as_parameter, default=-50.0)
    curvature: Array = eqx.field(converter=as_parameter, default=1 / 15)

    def __check_init__(self) -> None:
        positive("QuadraticIF", curvature=self.curvature)

    def vector_field(self, t: Any, state: NonlinearIFState, drive: Any) -> NonlinearIFState:
        own = self.curvature * (state.v - self.v_rest) * (state.v - self.v_critical)
        return self.flow(state, own, drive)


@final
class ExponentialIF(NonlinearIF):
    """Exponential integrate-and-fire:

    `tau_m dv/dt = v_rest − v + Δ_T exp((v − v_T)/Δ_T) + resistance · I`.

    A spike when `v > v_peak`, then `v = v_reset`, held for `refractory` ms. Potentials and
    `resistance · I` in mV, times in ms. Arriving spikes add to v.

    Source: Fourcaud-Trocmé et al. 2003, J. Neurosci. 23; their fit to the Wang-Buzsáki neuron gives
    the defaults (with a refractory period of 1.7 ms).
    """

    v_T: Array = eqx.field(converter=as_parameter, default=-59.9)
    delta_T: Array = eqx.field(converter=as_parameter, default=3.48)

    def __check_init__(self) -> None:
        positive("ExponentialIF", delta_T=self.delta_T)

    def vector_field(self, t: Any, state: NonlinearIFState, drive: Any) -> NonlinearIFState:
        rise = self.delta_T * upstroke((state.v - self.v_T) * (1 / self.delta_T))
        return self.flow(state, self.v_rest - state.v + rise, drive)
