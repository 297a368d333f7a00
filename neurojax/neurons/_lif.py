"""Leaky integrate-and-fire neurons."""

from typing import Any, NamedTuple, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ..core import as_parameter, positive, where_spiked
from ._integrate_and_fire import IntegrateAndFire


class LIFState(NamedTuple):
    """Membrane potential, and the steps for which a neuron is still refractory."""

    v: Float[Array, "*shape"]
    frozen: Int[Array, "*shape"]


@final
class LIF(IntegrateAndFire):
    """Leaky integrate-and-fire: `tau_m dv/dt = v_rest − v + resistance · I`.

    A spike when `v > v_threshold`, then `v = v_reset`, held for `refractory` ms. `shape` is that of
    the population; parameters are scalars or arrays of it. tau_m and refractory in ms; v and
    `resistance · I` in one unit of choice (mV, or 1 as in the default threshold). The drive is I;
    arriving spikes add to v. ExponentialEuler integrates it exactly under a drive that is constant
    in a step.

    Raises `ValueError` for a tau_m that is not positive or a negative refractory period.
    Source: Lapicque 1907; Gerstner et al. 2014, Neuronal Dynamics, eqs. 1.5 and 1.10.
    """

    tau_m: Array = eqx.field(converter=as_parameter, default=10.0)
    v_rest: Array = eqx.field(converter=as_parameter, default=0.0)
    v_threshold: Array = eqx.field(converter=as_parameter, default=1.0)
    v_reset: Array = eqx.field(converter=as_parameter, default=0.0)
    resistance: Array = eqx.field(converter=as_parameter, default=1.0)

    def __check_init__(self) -> None:
        positive("LIF", tau_m=self.tau_m)

    def initial_state(self, key: PRNGKeyArray | None = None) -> LIFState:
        v = jnp.broadcast_to(self.v_rest, self.shape)
        return LIFState(v, jnp.zeros(self.shape, jnp.int32))

    def vector_field(self, t: Any, state: LIFState, drive: Any) -> LIFState:
        rate = (self.v_rest - state.v + self.resistance * drive) * (1 / self.tau_m)
        return state._replace(v=self.unless_refractory(state, rate), frozen=None)

    def distance(self, state: LIFState) -> Float[Array, "*shape"]:
        return state.v - self.v_threshold

    def reset(self, state: LIFState, spikes: Float[Array, "*shape"]) -> LIFState:
        return state._replace(v=where_spiked(spikes, self.v_reset, state.v))
