"""The generalised leaky integrate-and-fire neuron of the Allen Institute."""

from typing import Any, NamedTuple, final

import diffrax
import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ..core import as_parameter, non_negative, positive, where_spiked
from ._integrate_and_fire import IntegrateAndFire

STACKED = {"stacked": True}  # a row for each after-spike current


class GLIFState(NamedTuple):
    """Membrane potential (mV), the threshold's parts from spikes and from the voltage (mV),
    after-spike currents (nA), steps of refractoriness left."""

    v: Float[Array, "*shape"]
    theta_s: Float[Array, "*shape"]
    theta_v: Float[Array, "*shape"]
    asc: Float[Array, "currents *shape"]
    frozen: Int[Array, "*shape"]


@final
class GLIF(IntegrateAndFire):
    """Generalised leaky integrate-and-fire, level 5 (LIF-R-ASC-A):

    `C_m dv/dt = −g_leak (v − E_leak) + Σ asc + I`, `dasc/dt = −asc_decay · asc`,
    `dtheta_s/dt = −threshold_decay · theta_s`,
    `dtheta_v/dt = voltage_index (v − E_leak) − voltage_decay · theta_v`.

    A spike when `v > v_threshold + theta_s + theta_v`. All of the state is then held for
    `refractory` ms, at `v = E_leak + reset_fraction (v − E_leak) + reset_add`,
    `theta_s = threshold_add + theta_s`, `asc = asc_add + asc_fraction · asc`, where theta_s and asc
    count as having decayed over the refractory period.

    The lower levels are special cases. Without after-spike currents (their parameters arrays of
    length 0): levels 1 and 2. `voltage_index = 0`: up to level 4. `reset_fraction = 0` and
    `threshold_add = 0`: levels 1 and 3, with the reset at `E_leak + reset_add`.

    C_m in nF, g_leak in µS, potentials in mV, asc, asc_add and the drive I in nA, decays and
    voltage_index in 1/ms, refractory in ms. Parameters of the after-spike currents are of shape
    [currents] or [currents, *shape]. Arriving spikes add to v.

    Source: Teeter et al. 2018, Nature Communications 9:709, eqs. 1–8. The defaults are cell
    490626718 of the Allen Cell Types Database, as in the model glif_psc of NEST.
    """

    C_m: Array = eqx.field(converter=as_parameter, default=0.05872)
    g_leak: Array = eqx.field(converter=as_parameter, default=0.00943)
    E_leak: Array = eqx.field(converter=as_parameter, default=-78.85)
    v_threshold: Array = eqx.field(converter=as_parameter, default=-51.68)
    reset_fraction: Array = eqx.field(converter=as_parameter, default=0.2)
    reset_add: Array = eqx.field(converter=as_parameter, default=18.51)
    threshold_add: Array = eqx.field(converter=as_parameter, default=0.37)
    threshold_decay: Array = eqx.field(converter=as_parameter, default=0.009)
    asc_add: Array = eqx.field(
        converter=as_parameter, default=(-0.00918, -0.19894), metadata=STACKED
    )
    asc_decay: Array = eqx.field(converter=as_parameter, default=(0.003, 0.1), metadata=STACKED)
    asc_fraction: Array = eqx.field(converter=as_parameter, default=(1.0, 1.0), metadata=STACKED)
    voltage_index: Array = eqx.field(converter=as_parameter, default=0.005)
    voltage_decay: Array = eqx.field(converter=as_parameter, default=0.09)
    refractory: Array = eqx.field(converter=as_parameter, default=3.75, kw_only=True)

    def __check_init__(self) -> None:
        positive("GLIF", C_m=self.C_m, g_leak=self.g_leak)
        decays = {"asc_decay": self.asc_decay, "threshold_decay": self.threshold_decay}
        non_negative("GLIF", **decays, voltage_decay=self.voltage_decay)
        shapes = [x.shape for x in (self.asc_add, self.asc_decay, self.asc_fraction)]
        if () in shapes or len({shape[0] for shape in shapes}) != 1:
            raise ValueError(
                "GLIF: asc_add, asc_decay and asc_fraction need a row for each such current, "
                f"got shapes {', '.join(map(str, shapes))}."
            )

    @property
    def default_solver(self) -> diffrax.AbstractSolver:
        """Third order: the equations are linear and not stiff, and v follows asc within a step."""
        return diffrax.Bosh3()

    def initial_state(self, key: PRNGKeyArray | None = None) -> GLIFState:
        v = jnp.broadcast_to(self.E_leak, self.shape)
        none = jnp.zeros_like(v)
        asc = jnp.zeros((self.asc_add.shape[0], *self.shape), v.dtype)
        return GLIFState(v, none, none, asc, jnp.zeros(self.shape, jnp.int32))

    def vector_field(self, t: Any, state: GLIFState, drive: Any) -> GLIFState:
        v, theta_s, theta_v, asc, frozen = state
        current = jnp.sum(asc, axis=0) + drive
        decay = jnp.where(frozen[None] > 0, 0.0, -self._rows(self.asc_decay) * asc)
        index = self.voltage_index * (v - self.E_leak) - self.voltage_decay * theta_v
        rate = (self.g_leak * (self.E_leak - v) + current) * (1 / self.C_m)
        return state._replace(
            v=self.unless_refractory(state, rate),
            theta_s=self.unless_refractory(state, -self.threshold_decay * theta_s),
            theta_v=self.unless_refractory(state, index),
            asc=decay,
            frozen=None,
        )

    def distance(self, state: GLIFState) -> Float[Array, "*shape"]:
        return state.v - self.v_threshold - state.theta_s - state.theta_v

    def reset(self, state: GLIFState, spikes: Float[Array, "*shape"]) -> GLIFState:
        v = self.E_leak + self.reset_fraction * (state.v - self.E_leak) + self.reset_add
        theta_s = state.theta_s * jnp.exp(-self.threshold_decay * self.refractory)
        pause = jnp.broadcast_to(self.refractory, self.shape)[None]
        decayed = state.asc * jnp.exp(-self._rows(self.asc_decay) * pause)
        asc = self._rows(self.asc_add) + self._rows(self.asc_fraction) * decayed
        return state._replace(
            v=where_spiked(spikes, v, state.v),
            theta_s=where_spiked(spikes, self.threshold_add + theta_s, state.theta_s),
            asc=where_spiked(jnp.broadcast_to(spikes, asc.shape), asc, state.asc),
        )

    def _rows(self, parameter: Array) -> Float[Array, "currents ..."]:
        """A parameter of the after-spike currents, to go with `asc`."""
        if parameter.ndim > 1:
            return parameter
        return parameter.reshape(-1, *[1] * len(self.shape))
