"""Izhikevich's simple model of spiking neurons."""

from typing import Any, NamedTuple, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ..core import as_parameter, where_spiked
from ._integrate_and_fire import IntegrateAndFire


class IzhikevichState(NamedTuple):
    """Membrane potential (mV), recovery variable, steps of refractoriness left."""

    v: Float[Array, "*shape"]
    u: Float[Array, "*shape"]
    frozen: Int[Array, "*shape"] | None


@final
class Izhikevich(IntegrateAndFire):
    """Izhikevich's neuron:

    `dv/dt = 0.04 v² + 5 v + 140 − u + I`, `du/dt = a (b v − u)`; v > v_peak: `v = c`, `u += d`.

    v in mV and t in ms; a in 1/ms, u and the drive I in mV/ms. The coefficients of the parabola are
    the parameters `quadratic`, `linear` and `constant`: his integrators have others. Arriving
    spikes add to v. Starts at v = c with u = b v.

    Source: Izhikevich 2003, IEEE Trans. Neural Networks 14, eqs. 1–3, whose regular spiking neuron
    has the defaults. His programs take Euler's steps of 0.1 to 0.5 ms, here
    `solver=diffrax.Euler()`; at those the outcome is the method's as much as the model's.
    """

    a: Array = eqx.field(converter=as_parameter, default=0.02)
    b: Array = eqx.field(converter=as_parameter, default=0.2)
    c: Array = eqx.field(converter=as_parameter, default=-65.0)
    d: Array = eqx.field(converter=as_parameter, default=8.0)
    v_peak: Array = eqx.field(converter=as_parameter, default=30.0)
    quadratic: Array = eqx.field(converter=as_parameter, default=0.04)
    linear: Array = eqx.field(converter=as_parameter, default=5.0)
    constant: Array = eqx.field(converter=as_parameter, default=140.0)

    def initial_state(self, key: PRNGKeyArray | None = None) -> IzhikevichState:
        v = jnp.broadcast_to(self.c, self.shape)
        return IzhikevichState(v, self.b * v, self.unfrozen())

    def vector_field(self, t: Any, state: IzhikevichState, drive: Any) -> IzhikevichState:
        v, u, _ = state
        rate = (self.quadratic * v + self.linear) * v + self.constant - u + drive
        recovery = self.a * (self.b * v - u)
        return state._replace(v=self.unless_refractory(state, rate), u=recovery, frozen=None)

    def distance(self, state: IzhikevichState) -> Float[Array, "*shape"]:
        return state.v - self.v_peak

    def reset(self, state: IzhikevichState, spikes: Float[Array, "*shape"]) -> IzhikevichState:
        v = where_spiked(spikes, self.c, state.v)
        return state._replace(v=v, u=state.u + self.d * spikes)
