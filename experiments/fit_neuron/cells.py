"""The neurons that are fitted, and the range of each parameter."""

import math
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

import neurojax as nj
from experiments.fit_neuron.traces import Trace, passive
from neurojax.core import as_parameter, positive, where_spiked
from neurojax.neurons import IntegrateAndFire

TITLES = {"adex": "AdEx", "slow": "AdEx with slow potassium"}


class Range(NamedTuple):
    """From `low` to `high`; evenly in the logarithm where `log`."""

    low: float
    high: float
    log: bool = False


def factor(middle: float, by: float) -> Range:
    return Range(middle / by, middle * by, log=True)


def around(middle: float, below: float, above: float) -> Range:
    return Range(middle - below, middle + above)


def at_places(
    ranges: dict[str, Range], unit: Float[Array, "parameter *lane"]
) -> dict[str, Float[Array, "*lane"]]:
    """Parameters from their places in their ranges, 0 to 1."""
    found = {}
    for (name, range), place in zip(ranges.items(), unit, strict=True):
        low, high = (math.log(x) if range.log else float(x) for x in range[:2])
        value = low + (high - low) * place
        found[name] = jnp.exp(value) if range.log else value
    return found


class AdExCell:
    """`nj.AdEx`, one for each point of the unit cube that its parameters' ranges make."""

    name: ClassVar[str] = "adex"

    def __init__(self, trace: Trace, v_peak: float, refractory: float):
        self.v_peak, self.refractory = v_peak, refractory
        self.ranges = self._ranges(trace)

    def _ranges(self, trace: Trace) -> dict[str, Range]:
        """From the recording's passive membrane, the potentials its spikes rise from and are reset
        to; wide enough that where in them the cell is remains to be found."""
        capacitance, conductance, rest = passive(trace)
        onset, troughs = spike_potentials(trace, self.refractory)
        return {
            "C_m": factor(capacitance, 5),
            "g_leak": factor(conductance, 5),
            "E_leak": around(rest, 20, 20),
            "v_T": around(onset, 30, 5),
            "delta_T": Range(0.5, 10, log=True),
            "a": Range(-0.1 * conductance, 2 * conductance),
            "tau_w": Range(5, 5000, log=True),
            "b": Range(0.05 * conductance, 50 * conductance, log=True),
            "v_reset": Range(troughs[0] - 5, troughs[1] + 5),
        }

    def parameters(self, unit: Float[Array, "parameter lane"]) -> dict[str, Float[Array, " lane"]]:
        """Parameters from their places in their ranges, 0 to 1."""
        return at_places(self.ranges, unit)

    def neuron(self, unit: Float[Array, "parameter lane"]) -> Any:
        parameters: dict[str, Any] = self.parameters(unit)
        return nj.AdEx(unit.shape[1:], refractory=self.refractory, v_peak=self.v_peak, **parameters)

    def onset(self, neuron: Any, state: Any) -> Float[Array, " lane"]:
        """The potential from which the upstroke takes over."""
        return jnp.minimum(neuron.v_T + 2 * neuron.delta_T, neuron.v_peak - 5)


class SlowState(NamedTuple):
    """Membrane potential (mV), adaptation current (nA), slow conductance (µS), threshold shift
    (mV), steps of refractoriness left."""

    v: Float[Array, "*shape"]
    w: Float[Array, "*shape"]
    g_slow: Float[Array, "*shape"]
    theta: Float[Array, "*shape"]
    frozen: Int[Array, "*shape"]


class SlowAdEx(IntegrateAndFire):
    """`AdEx` with a slow potassium conductance and a threshold that moves:

    `C_m dv/dt = −g_leak (v − E_leak) + g_leak Δ_T exp((v − v_T − θ)/Δ_T) − w − g (v − E_K) + I`,
    `tau_w dw/dt = a (v − E_leak) − w`, `tau_slow dg/dt = −g`, `tau_theta dθ/dt = −θ`; at a spike
    `v = v_reset`, `w += b`, `g += b_slow`, `θ += b_theta`.

    Units as in `nj.AdEx`; b_slow in µS, b_theta in mV.
    Source: Brette & Gerstner 2005 for w; the conductance as in Treves 1993, Network 4, the
    threshold as in Mensi et al. 2012, J. Neurophysiol. 107.
    """

    C_m: Array = eqx.field(converter=as_parameter, default=0.05)
    g_leak: Array = eqx.field(converter=as_parameter, default=5e-4)
    E_leak: Array = eqx.field(converter=as_parameter, default=-30.0)
    v_T: Array = eqx.field(converter=as_parameter, default=-45.0)
    delta_T: Array = eqx.field(converter=as_parameter, default=3.0)
    a: Array = eqx.field(converter=as_parameter, default=0.0)
    tau_w: Array = eqx.field(converter=as_parameter, default=30.0)
    b: Array = eqx.field(converter=as_parameter, default=3e-3)
    v_reset: Array = eqx.field(converter=as_parameter, default=-52.0)
    tau_slow: Array = eqx.field(converter=as_parameter, default=3000.0)
    b_slow: Array = eqx.field(converter=as_parameter, default=2e-5)
    E_K: Array = eqx.field(converter=as_parameter, default=-88.0)
    tau_theta: Array = eqx.field(converter=as_parameter, default=300.0)
    b_theta: Array = eqx.field(converter=as_parameter, default=1.0)
    v_peak: Array = eqx.field(converter=as_parameter, default=-10.0)

    def __check_init__(self) -> None:
        times = {"tau_w": self.tau_w, "tau_slow": self.tau_slow, "tau_theta": self.tau_theta}
        positive("SlowAdEx", C_m=self.C_m, g_leak=self.g_leak, delta_T=self.delta_T, **times)

    def initial_state(self, key: Any = None) -> SlowState:
        v = jnp.broadcast_to(self.E_leak, self.shape)
        none = jnp.zeros_like(v)
        return SlowState(v, none, none, none, jnp.zeros(self.shape, jnp.int32))

    def vector_field(self, t: Any, state: SlowState, drive: Any) -> SlowState:
        v, w, g, theta, _ = state
        upstroke = jnp.exp(jnp.minimum((v - self.v_T - theta) / self.delta_T, 10.0))
        leak = self.g_leak * (self.E_leak - v + self.delta_T * upstroke)
        rate = (leak - w - g * (v - self.E_K) + drive) / self.C_m
        return SlowState(
            v=self.unless_refractory(state, rate),
            w=(self.a * (v - self.E_leak) - w) / self.tau_w,
            g_slow=-g / self.tau_slow,
            theta=-theta / self.tau_theta,
            frozen=None,  # pyright: ignore[reportArgumentType]
        )

    def distance(self, state: SlowState) -> Float[Array, "*shape"]:
        return state.v - self.v_peak

    def reset(self, state: SlowState, spikes: Float[Array, "*shape"]) -> SlowState:
        return state._replace(
            v=where_spiked(spikes, self.v_reset, state.v),
            w=state.w + self.b * spikes,
            g_slow=state.g_slow + self.b_slow * spikes,
            theta=state.theta + self.b_theta * spikes,
        )


class SlowCell(AdExCell):
    """`SlowAdEx`, likewise."""

    name: ClassVar[str] = "slow"

    def _ranges(self, trace: Trace) -> dict[str, Range]:
        ranges = super()._ranges(trace)
        conductance = passive(trace)[1]
        return ranges | {
            "tau_w": Range(5, 500, log=True),
            "tau_slow": Range(1000, 20_000, log=True),
            "b_slow": Range(2e-3 * conductance, 0.2 * conductance, log=True),
            "E_K": Range(-105, -75),
            "tau_theta": Range(20, 1000, log=True),
            "b_theta": Range(0.05, 5, log=True),
        }

    def neuron(self, unit: Float[Array, "parameter lane"]) -> Any:
        parameters: dict[str, Any] = self.parameters(unit)
        return SlowAdEx(
            unit.shape[1:], refractory=self.refractory, v_peak=self.v_peak, **parameters
        )

    def onset(self, neuron: Any, state: SlowState) -> Float[Array, " lane"]:
        return jnp.minimum(neuron.v_T + state.theta + 2 * neuron.delta_T, neuron.v_peak - 5)


Cell = AdExCell


def spike_potentials(trace: Trace, refractory: float) -> tuple[float, tuple[float, float]]:
    """Where spikes rise from and where they leave the membrane (mV), in training sweeps: the median
    of the voltage 2 ms before one; the lowest and highest at the end of its refractory period."""
    steps = np.floor(trace.spikes / trace.dt + 1e-6).astype(int)
    training = np.concatenate([np.r_[trace.of(sweep)] for sweep in trace.sweeps("train")])
    steps = steps[np.isin(steps, training)]
    after = np.minimum(steps + round(refractory / trace.dt), len(trace.voltage) - 1)
    before = np.maximum(steps - round(2.0 / trace.dt), 0)
    left = trace.voltage[after]
    return float(np.nanmedian(trace.voltage[before])), (
        float(np.nanmin(left)),
        float(np.nanmax(left)),
    )
