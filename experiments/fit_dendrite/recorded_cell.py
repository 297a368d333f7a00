"""A simple branched cell for a recording, and the range of each of its parameters."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from experiments.fit_neuron.cells import Range, factor
from experiments.fit_neuron.traces import Trace, passive
from neurojax.channels import (
    Channel,
    Current,
    Ions,
    Leak,
    Rates,
    ohmic,
    stacked,
    traub_miles_gates,
)
from neurojax.core import as_parameter, positive
from neurojax.dendrites import Branch, Cell, build_morphology, discretise, placed

INITIAL = "custom_5"  # the axon's initial segment
# Two dendrites that fork once and an axon, 4600 µm² in 9 compartments.
STEMS = [Branch(None, 120.0, 0.9) for _ in range(2)]
TWIGS = [Branch(stem, 120.0, 0.5) for stem in range(2) for _ in range(2)]
AXON = [Branch(None, 30.0, 0.6, INITIAL), Branch(6, 150.0, 0.35, "axon")]
COMPARTMENTS = discretise(build_morphology(10.0, STEMS + TWIGS + AXON))
FIRES = ~COMPARTMENTS.select("basal")  # where spikes are made; dendrites are passive but for Slow
IN_AXON = ~COMPARTMENTS.select("soma")[FIRES]
V_PEAK = -10.0  # mV, through which a spike rises, in the recording and in the cell
E_NA = 55.0  # mV
SLOPE_P, SLOPE_SLOW = 5.0, 4.0  # mV
SLOW = ("medium", "slow")


class Spiking(Channel):
    """Sodium and potassium of `TraubMiles`, h and n moved from m by `shift_h` and `shift_n` (mV)
    and `speed_h` and `speed_n` times as fast, for the recorded spikes are slow; and sodium that
    stays open, `g_P / (1 + exp((v_P − v)/5)) (v − E_Na)`.

    Source: as `neurojax.channels.TraubMiles`; the persistent part as in French et al. 1990, J. Gen.
    Physiol. 95, 1139–1157, at once.
    """

    gates: ClassVar[tuple[str, ...]] = ("m", "h", "n")

    g_Na: Array = eqx.field(converter=as_parameter)
    g_K: Array = eqx.field(converter=as_parameter)
    g_P: Array = eqx.field(converter=as_parameter)
    E_K: Array = eqx.field(converter=as_parameter)
    v_T: Array = eqx.field(converter=as_parameter)
    v_P: Array = eqx.field(converter=as_parameter)
    shift_h: Array = eqx.field(converter=as_parameter)
    shift_n: Array = eqx.field(converter=as_parameter)
    speed_h: Array = eqx.field(converter=as_parameter)
    speed_n: Array = eqx.field(converter=as_parameter)
    E_Na: Array = eqx.field(converter=as_parameter, default=E_NA)

    def rates(self, v: Float[Array, "*shape"], ions: Ions) -> Rates:
        u = v - self.v_T
        m = traub_miles_gates(u)[0]
        h = [self.speed_h * rate for rate in traub_miles_gates(u - self.shift_h)[1]]
        n = [self.speed_n * rate for rate in traub_miles_gates(u - self.shift_n)[2]]
        return stacked([m, (h[0], h[1]), (n[0], n[1])])

    def currents(
        self, v: Float[Array, "*shape"], gates: Float[Array, "3 *shape"], ions: Ions
    ) -> tuple[Current, ...]:
        m, h, n = gates
        persistent = self.g_P * jax.nn.sigmoid((v - self.v_P) / SLOPE_P)
        return (
            ohmic("na", self.g_Na * (m * m * m * h) + persistent, self.E_Na),
            ohmic("k", self.g_K * ((n * n) * (n * n)), self.E_K),
        )


class Slow(Channel):
    """`g p (v − E)`, potassium that spikes open and that closes with the time constant tau (ms):
    `p∞ = 1 / (1 + exp((v_half − v)/4))`.

    Source: the conductance after spikes as in Treves 1993, Network 4, 259–284, here of a gate.
    """

    gates: ClassVar[tuple[str, ...]] = ("p",)

    g: Array = eqx.field(converter=as_parameter)
    E: Array = eqx.field(converter=as_parameter)
    tau: Array = eqx.field(converter=as_parameter)
    v_half: Array = eqx.field(converter=as_parameter)

    def __check_init__(self) -> None:
        positive("Slow", tau=self.tau)

    def rates(self, v: Float[Array, "*shape"], ions: Ions) -> Rates:
        steady = jax.nn.sigmoid((v - self.v_half) / SLOPE_SLOW)
        return stacked([(steady / self.tau, (1 - steady) / self.tau)])

    def currents(
        self, v: Float[Array, "*shape"], gates: Float[Array, "1 *shape"], ions: Ions
    ) -> tuple[Current, ...]:
        return (ohmic("k", self.g * gates[0], self.E),)


def ranges_for(trace: Trace) -> dict[str, Range]:
    """Capacitance (µF/cm²), leak and rest around those of the recording's passive membrane in
    training sweeps; R_a in Ω·cm, densities in mS/cm², potentials in mV, times in ms."""
    capacitance, conductance, rest = passive(trace)
    area = 1e-5 * float(COMPARTMENTS.area.sum())
    return {
        "C_m": factor(capacitance / area, 5),
        "R_a": Range(50, 1000, log=True),
        "g_leak": factor(conductance / area, 5),
        "E_leak": Range(rest - 20, rest + 30),
        "g_Na_soma": Range(3, 300, log=True),
        "g_Na_axon": Range(10, 1000, log=True),
        "g_K_soma": Range(1, 100, log=True),
        "g_K_axon": Range(3, 600, log=True),
        "g_P": Range(0.001, 0.3, log=True),
        "E_K": Range(-105, -70),
        "v_T": Range(-65, -25),
        "v_P": Range(-50, -20),
        "shift_h": Range(-25, 5),
        "shift_n": Range(-10, 20),
        "speed_h": Range(0.05, 1.5, log=True),
        "speed_n": Range(0.05, 1.5, log=True),
        "v_half": Range(-30, 5),
        "g_medium": Range(0.002, 2, log=True),
        "tau_medium": Range(5, 500, log=True),
        "g_slow": Range(0.005, 2, log=True),
        "tau_slow": Range(500, 20_000, log=True),
    }


def cell_of(p: dict[str, Any], v_init: Any) -> Cell:
    """The cell with these parameters (`ranges_for`)."""
    shared = ("g_P", "E_K", "v_T", "v_P", "shift_h", "shift_n", "speed_h", "speed_n")
    spiking = Spiking(
        g_Na=jnp.where(IN_AXON, p["g_Na_axon"], p["g_Na_soma"]),
        g_K=jnp.where(IN_AXON, p["g_K_axon"], p["g_K_soma"]),
        **{name: p[name] for name in shared},
    )
    slow = {
        name: Slow(g=p[f"g_{name}"], E=p["E_K"], tau=p[f"tau_{name}"], v_half=p["v_half"])
        for name in SLOW
    }
    channels = {"leak": Leak(g=p["g_leak"], E=p["E_leak"]), "spiking": placed(spiking, FIRES)}
    return Cell(
        COMPARTMENTS,
        channels | slow,
        C_m=p["C_m"],
        R_a=p["R_a"],
        v_init=v_init,
        v_threshold=V_PEAK,
    )
