"""Leaky integrate-and-fire neurons with synaptic conductances."""

from typing import Any, NamedTuple, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ..core import as_parameter, positive, where_spiked
from ._integrate_and_fire import IntegrateAndFire


class ConductanceLIFState(NamedTuple):
    """Membrane potential (mV), excitatory and inhibitory conductance (µS), steps of refractoriness
    left."""

    v: Float[Array, "*shape"]
    g_exc: Float[Array, "*shape"]
    g_inh: Float[Array, "*shape"]
    frozen: Int[Array, "*shape"] | None


@final
class ConductanceLIF(IntegrateAndFire):
    """Leaky integrate-and-fire with exponentially decaying synaptic conductances:

    `C_m dv/dt = −g_leak (v − E_leak) − g_exc (v − E_exc) − g_inh (v − E_inh) + I`,
    `tau_exc dg_exc/dt = −g_exc`, `tau_inh dg_inh/dt = −g_inh`.

    A spike when `v > v_threshold`, then `v = v_reset`, held for `refractory` ms. An arriving weight
    (µS) adds to g_exc where it is positive, and its size to g_inh where it is negative. Where both
    kinds arrive at once their sum would hide it: give them apart, as a pair `(excitatory,
    inhibitory)` or stacked in an array [2, *shape], each at least zero.

    C_m in nF, g_leak in µS, potentials in mV, tau_exc, tau_inh and refractory in ms, the drive I in
    nA. Source: the model iaf_cond_exp of NEST, whose parameters are the defaults, but for its
    refractory period of 2 ms.
    """

    C_m: Array = eqx.field(converter=as_parameter, default=0.25)
    g_leak: Array = eqx.field(converter=as_parameter, default=0.0166667)
    E_leak: Array = eqx.field(converter=as_parameter, default=-70.0)
    E_exc: Array = eqx.field(converter=as_parameter, default=0.0)
    E_inh: Array = eqx.field(converter=as_parameter, default=-85.0)
    tau_exc: Array = eqx.field(converter=as_parameter, default=0.2)
    tau_inh: Array = eqx.field(converter=as_parameter, default=2.0)
    v_threshold: Array = eqx.field(converter=as_parameter, default=-55.0)
    v_reset: Array = eqx.field(converter=as_parameter, default=-60.0)

    synaptic = True

    def __check_init__(self) -> None:
        of = {"C_m": self.C_m, "g_leak": self.g_leak}
        positive("ConductanceLIF", **of, tau_exc=self.tau_exc, tau_inh=self.tau_inh)

    def initial_state(self, key: PRNGKeyArray | None = None) -> ConductanceLIFState:
        v = jnp.broadcast_to(self.E_leak, self.shape)
        none = jnp.zeros_like(v)
        return ConductanceLIFState(v, none, none, self.unfrozen())

    def vector_field(self, t: Any, state: ConductanceLIFState, drive: Any) -> ConductanceLIFState:
        v, g_exc, g_inh, _ = state
        synaptic = g_exc * (self.E_exc - v) + g_inh * (self.E_inh - v)
        rate = (self.g_leak * (self.E_leak - v) + synaptic + drive) * (1 / self.C_m)
        return state._replace(
            v=self.unless_refractory(state, rate),
            g_exc=-g_exc * (1 / self.tau_exc),
            g_inh=-g_inh * (1 / self.tau_inh),
            frozen=None,
        )

    def distance(self, state: ConductanceLIFState) -> Float[Array, "*shape"]:
        return state.v - self.v_threshold

    def reset(
        self, state: ConductanceLIFState, spikes: Float[Array, "*shape"]
    ) -> ConductanceLIFState:
        return state._replace(v=where_spiked(spikes, self.v_reset, state.v))

    def receive(self, state: ConductanceLIFState, incoming: Any) -> ConductanceLIFState:
        if isinstance(incoming, tuple) or incoming.ndim > len(self.shape):
            exc, inh = incoming
        else:
            exc, inh = jnp.maximum(incoming, 0), jnp.maximum(-incoming, 0)
        return state._replace(g_exc=state.g_exc + exc, g_inh=state.g_inh + inh)
