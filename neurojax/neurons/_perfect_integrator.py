"""Integrate-and-fire neurons without a leak."""

from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ..core import as_parameter, positive
from ._integrate_and_fire import IntegrateAndFire
from ._leaky import reset_potential
from ._lif import LIFState


@final
class IF(IntegrateAndFire):
    """Perfect integrate-and-fire: `C_m dv/dt = I`.

    A spike when `v > v_threshold`, then `v = v_reset`, or with `soft_reset` v falls by the
    difference of both; held for `refractory` ms. Starts at `v_start`. `I / C_m` is in the unit of v
    per ms. Arriving spikes add to v.

    Raises `ValueError` for a C_m that is not positive.
    Source: Gerstner et al. 2014, Neuronal Dynamics, sec. 1.3 (without the leak); Rueckauer et al.
    2017, Front. Neurosci. 11, 682, eqs. 2–4, for the soft reset.
    """

    C_m: Array = eqx.field(converter=as_parameter, default=1.0)
    v_start: Array = eqx.field(converter=as_parameter, default=0.0)
    v_threshold: Array = eqx.field(converter=as_parameter, default=1.0)
    v_reset: Array = eqx.field(converter=as_parameter, default=0.0)
    soft_reset: bool = eqx.field(static=True, default=False, kw_only=True)

    def __check_init__(self) -> None:
        positive("IF", C_m=self.C_m)

    def initial_state(self, key: PRNGKeyArray | None = None) -> LIFState:
        v = jnp.broadcast_to(self.v_start, self.shape)
        return LIFState(v, self.unfrozen())

    def vector_field(self, t: Any, state: LIFState, drive: Any) -> LIFState:
        rate = jnp.broadcast_to(drive / self.C_m, jnp.shape(state.v))
        return state._replace(v=self.unless_refractory(state, rate), frozen=None)

    def distance(self, state: LIFState) -> Float[Array, "*shape"]:
        return state.v - self.v_threshold

    def reset(self, state: LIFState, spikes: Float[Array, "*shape"]) -> LIFState:
        return state._replace(v=reset_potential(self, state.v, spikes))
