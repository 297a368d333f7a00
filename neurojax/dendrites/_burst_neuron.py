"""The burst neuron of Naud & Sprekeler: a dendrite that turns a soma's spikes into bursts."""

from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ..core import as_parameter, non_negative, positive, where_spiked
from ..neurons import IntegrateAndFire
from ._by_site import DENDRITE, by_site
from ._sites import SOMA


class BurstNeuronState(NamedTuple):
    """Somatic and dendritic potential (mV), their adaptation currents (nA), how far the threshold
    is raised (mV), time since the last spike (ms), steps of refractoriness left."""

    v: Float[Array, "*shape"]
    v_dendrite: Float[Array, "*shape"]
    w: Float[Array, "*shape"]
    w_dendrite: Float[Array, "*shape"]
    theta: Float[Array, "*shape"]
    since: Float[Array, "*shape"]
    frozen: Int[Array, "*shape"] | None


@final
class BurstNeuron(IntegrateAndFire):
    """A pyramidal cell whose soma sets how often it fires, and whose dendrite how often in bursts:

    `C_s dv/dt = −(C_s/tau_s) (v − E_leak) + g_s f(v_d) − w + I_s`,
    `tau_w dw/dt = −w`,
    `C_d dv_d/dt = −(C_d/tau_d) (v_d − E_leak) + g_d f(v_d) + c_d K(t − t_spike) − w_d + I_d`,
    `tau_wd dw_d/dt = a_d (v_d − E_leak) − w_d`, with `f(v) = 1/(1 + exp(−(v − E_d)/D_d))`.

    A spike when `v > v_threshold + theta`; then `v = v_reset`, `w += b`, and theta, which decays
    with tau_theta, `+= delta_theta`. K is the back-propagating spike: 1 from bap_delay to
    bap_delay + bap_duration after the last spike, else 0.

    Potentials in mV, C in nF, times in ms; b, g_s, g_d, c_d in nA, a_d in µS. The drive is a
    current (nA) into the soma, or a dict of currents by site, "soma" and "dendrite"; arriving
    spikes add to v. `shape` is a population's.

    Source: Naud & Sprekeler 2018, PNAS 115, E6329–E6338, and Payeur et al. 2021, Nat. Neurosci. 24,
    1010–1019; numbers of their simulations (auryn's NaudGroup), where the back-propagating spike
    has no delay.
    """

    C_s: Array = eqx.field(converter=as_parameter, default=0.37)
    tau_s: Array = eqx.field(converter=as_parameter, default=16.0)
    g_s: Array = eqx.field(converter=as_parameter, default=1.3)
    tau_w: Array = eqx.field(converter=as_parameter, default=100.0)
    b: Array = eqx.field(converter=as_parameter, default=0.2)
    C_d: Array = eqx.field(converter=as_parameter, default=0.17)
    tau_d: Array = eqx.field(converter=as_parameter, default=7.0)
    g_d: Array = eqx.field(converter=as_parameter, default=1.2)
    c_d: Array = eqx.field(converter=as_parameter, default=2.6)
    bap_delay: Array = eqx.field(converter=as_parameter, default=0.0)
    bap_duration: Array = eqx.field(converter=as_parameter, default=2.0)
    tau_wd: Array = eqx.field(converter=as_parameter, default=30.0)
    a_d: Array = eqx.field(converter=as_parameter, default=0.013)
    E_d: Array = eqx.field(converter=as_parameter, default=-38.0)
    D_d: Array = eqx.field(converter=as_parameter, default=6.0)
    E_leak: Array = eqx.field(converter=as_parameter, default=-70.0)
    v_reset: Array = eqx.field(converter=as_parameter, default=-70.0)
    v_threshold: Array = eqx.field(converter=as_parameter, default=-50.0)
    delta_theta: Array = eqx.field(converter=as_parameter, default=2.0)
    tau_theta: Array = eqx.field(converter=as_parameter, default=27.0)

    def __check_init__(self) -> None:
        name = type(self).__name__
        above_zero = ("C_s", "C_d", "D_d", "tau_s", "tau_d", "tau_w", "tau_wd", "tau_theta")
        positive(name, **{each: getattr(self, each) for each in above_zero})
        non_negative(name, bap_delay=self.bap_delay, bap_duration=self.bap_duration)

    def initial_state(self, key: PRNGKeyArray | None = None) -> BurstNeuronState:
        """At rest, the last spike long ago."""
        v = jnp.broadcast_to(self.E_leak, self.shape)
        none = jnp.zeros_like(v)
        since = none + self.bap_delay + self.bap_duration
        return BurstNeuronState(v, v, none, none, none, since, self.unfrozen())

    def vector_field(self, t: Any, state: BurstNeuronState, drive: Any) -> BurstNeuronState:
        v_d = state.v_dendrite
        currents = by_site(type(self).__name__, drive)
        active = jax.nn.sigmoid((v_d - self.E_d) / self.D_d)
        soma = (self.g_s * active - state.w + currents.get(SOMA, 0.0)) / self.C_s
        dendrite = self.g_d * active + self.c_d * self.kernel(state.since) - state.w_dendrite
        dendrite = dendrite + currents.get(DENDRITE, 0.0)
        return BurstNeuronState(
            v=self.unless_refractory(state, (self.E_leak - state.v) / self.tau_s + soma),
            v_dendrite=(self.E_leak - v_d) / self.tau_d + dendrite / self.C_d,
            w=-state.w / self.tau_w,
            w_dendrite=(self.a_d * (v_d - self.E_leak) - state.w_dendrite) / self.tau_wd,
            theta=-state.theta / self.tau_theta,
            since=jnp.ones_like(v_d),
            frozen=None,  # pyright: ignore[reportArgumentType]
        )

    def kernel(self, since: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """K at a time (ms) since the last spike."""
        # Whole steps since a spike add up to these times but for rounding.
        later = since + 1e-4 - self.bap_delay
        return ((later >= 0) & (later < self.bap_duration)).astype(since.dtype)

    def distance(self, state: BurstNeuronState) -> Float[Array, "*shape"]:
        return state.v - self.v_threshold - state.theta

    def reset(self, state: BurstNeuronState, spikes: Float[Array, "*shape"]) -> BurstNeuronState:
        return state._replace(
            v=where_spiked(spikes, self.v_reset, state.v),
            w=state.w + self.b * spikes,
            theta=state.theta + self.delta_theta * spikes,
            since=where_spiked(spikes, jnp.zeros_like(state.since), state.since),
        )
