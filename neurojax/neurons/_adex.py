"""The adaptive exponential integrate-and-fire neuron."""

from typing import Any, NamedTuple, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ..core import as_parameter, positive, where_spiked
from ._integrate_and_fire import IntegrateAndFire
from ._upstroke import upstroke


class AdExState(NamedTuple):
    """Membrane potential (mV), adaptation current (nA), steps of refractoriness left."""

    v: Float[Array, "*shape"]
    w: Float[Array, "*shape"]
    frozen: Int[Array, "*shape"] | None


@final
class AdEx(IntegrateAndFire):
    """Adaptive exponential integrate-and-fire:

    `C_m dv/dt = −g_leak (v − E_leak) + g_leak Δ_T exp((v − v_T)/Δ_T) − w + I`,
    `tau_w dw/dt = a (v − E_leak) − w`; at v > v_peak, `v = v_reset` and `w += b`.

    C_m in nF, g_leak and a in µS, b, w and the drive I in nA, v in mV, tau_w and refractory in ms.
    Arriving spikes add to v.
    Source: Brette & Gerstner 2005, J. Neurophysiol. 94, eqs. 1–3, whose parameters are the defaults
    (a regular spiking neuron). Theirs for v_peak is 20 mV: the rise from −30 mV takes 0.5 µs, which
    a run by events cannot follow in single precision.
    """

    C_m: Array = eqx.field(converter=as_parameter, default=0.281)
    g_leak: Array = eqx.field(converter=as_parameter, default=0.03)
    E_leak: Array = eqx.field(converter=as_parameter, default=-70.6)
    v_T: Array = eqx.field(converter=as_parameter, default=-50.4)
    delta_T: Array = eqx.field(converter=as_parameter, default=2.0)
    a: Array = eqx.field(converter=as_parameter, default=0.004)
    tau_w: Array = eqx.field(converter=as_parameter, default=144.0)
    b: Array = eqx.field(converter=as_parameter, default=0.0805)
    v_reset: Array = eqx.field(converter=as_parameter, default=-70.6)
    v_peak: Array = eqx.field(converter=as_parameter, default=-30.0)

    def __check_init__(self) -> None:
        positive("AdEx", C_m=self.C_m, g_leak=self.g_leak, delta_T=self.delta_T, tau_w=self.tau_w)

    def initial_state(self, key: PRNGKeyArray | None = None) -> AdExState:
        v = jnp.broadcast_to(self.E_leak, self.shape)
        return AdExState(v, jnp.zeros_like(v), self.unfrozen())

    def vector_field(self, t: Any, state: AdExState, drive: Any) -> AdExState:
        v, w, _ = state
        exponential = self.delta_T * upstroke((v - self.v_T) * (1 / self.delta_T))
        rate = (self.g_leak * (self.E_leak - v + exponential) - w + drive) * (1 / self.C_m)
        adaptation = (self.a * (v - self.E_leak) - w) * (1 / self.tau_w)
        return state._replace(v=self.unless_refractory(state, rate), w=adaptation, frozen=None)

    def distance(self, state: AdExState) -> Float[Array, "*shape"]:
        return state.v - self.v_peak

    def reset(self, state: AdExState, spikes: Float[Array, "*shape"]) -> AdExState:
        v = where_spiked(spikes, self.v_reset, state.v)
        return state._replace(v=v, w=state.w + self.b * spikes)
