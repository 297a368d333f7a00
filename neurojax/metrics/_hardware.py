"""What an operation costs on hardware: published energies, each with its scope and its source."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

SENECA_TABLE = "Tang et al. 2023, Front. Neurosci. 17, 1187252, table 3"
KERAS_SPIKING = "keras-spiking, model_energy.py, b28875a"
SANA_FE = "SANA-FE, arch/loihi.yaml, 8951ab0"


@dataclass(frozen=True)
class EnergyConstant:
    """A published energy of one operation.

    - `picojoules`: the energy, pJ.
    - `covers`: what is in it.
    - `source`: who measured, simulated or published it.
    - `quoted_from`: where the number was read, if not in the source itself.
    """

    picojoules: float
    covers: str
    source: str
    quoted_from: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.picojoules < float("inf"):
            raise ValueError(
                f"EnergyConstant: picojoules must be finite and at least 0, got {self.picojoules}."
            )


@dataclass(frozen=True)
class Hardware:
    """Hardware and the published energies of its operations.

    `mac`, `ac` and `update` (a multiply-accumulate, an accumulate, an update of a neuron) each hold
    all the constants known, which may disagree; none where there is none. `left_out` names what
    these energies leave out.
    """

    name: str
    process: str
    mac: tuple[EnergyConstant, ...] = ()
    ac: tuple[EnergyConstant, ...] = ()
    update: tuple[EnergyConstant, ...] = ()
    left_out: tuple[str, ...] = ()


_HOROWITZ = "Horowitz 2014, ISSCC, 10–14"
_DAVIES = "Davies et al. 2018, IEEE Micro 38(1), 82–99, table 2, simulated before silicon"
_HOEPPNER = "Höppner et al. 2019, IEEE Trans. Circuits Syst. I 66, 2973–2986"
_SHARP = "Sharp et al. 2012, J. Neurosci. Methods 210, 110–118, abstract"
_SPINNAKER = (
    EnergyConstant(13_300.0, "one synaptic operation", _HOEPPNER, KERAS_SPIKING),
    EnergyConstant(43_000.0, "one postsynaptic potential, measured", _SHARP),
)
_SPINNAKER_2 = (
    EnergyConstant(
        10.0,
        "one synaptic operation",
        "Höppner et al. 2021, arXiv 2103.08392",
        SENECA_TABLE,
    ),
    EnergyConstant(
        450.0, "one synaptic operation on the test chip in 28 nm", _HOEPPNER, KERAS_SPIKING
    ),
)
_SENECA = (
    EnergyConstant(
        2.8,
        "one synaptic operation in a core as synthesised",
        "Tang et al. 2023, Front. Neurosci. 17, 1187252, abstract",
    ),
)
_CHIP = ("idle power and leakage", "input, output and host")

_ALL = (
    Hardware(
        "CMOS fp32",
        "45 nm, 0.9 V",
        mac=(
            EnergyConstant(
                4.6,
                "a 32-bit float multiplication (3.7) and addition (0.9), the arithmetic alone",
                _HOROWITZ,
                "PMC10242054, table 3; PMC8934428, table 3",
            ),
        ),
        ac=(
            EnergyConstant(
                0.9,
                "a 32-bit float addition, the arithmetic alone",
                _HOROWITZ,
                "PMC10242054, table 3; PMC8934428, table 3",
            ),
        ),
        left_out=(
            "memory: weights, messages and states read and written",
            "idle power and leakage",
            "control, addressing of zeros, and transport of messages",
        ),
    ),
    Hardware(
        "Loihi",
        "14 nm",
        ac=(
            EnergyConstant(23.6, "one synaptic operation, at least", _DAVIES, SENECA_TABLE),
            EnergyConstant(
                27.1,
                "one synaptic operation, and 3.5 that is not explained",
                _DAVIES,
                KERAS_SPIKING,
            ),
            EnergyConstant(35.5, "one spike at a dense synapse", SANA_FE),
        ),
        update=(
            EnergyConstant(72.8, "access to a neuron (51.2) and its update (21.6)", SANA_FE),
            EnergyConstant(81.0, "an update of an active neuron", _DAVIES, KERAS_SPIKING),
        ),
        left_out=(*_CHIP, "spikes sent: 69.3 pJ, a message 111 pJ, a hop 3.0–4.2 pJ (SANA-FE)"),
    ),
    Hardware(
        # Graded messages are supported (footnote of SENECA_TABLE) and cost the same operation. The
        # table prints 45 pJ, a thousandth of what the others have: taken for a slip of the unit.
        "SpiNNaker",
        "130 nm",
        mac=_SPINNAKER,
        ac=_SPINNAKER,
        update=(
            EnergyConstant(26_000.0, "one neuron update", _HOEPPNER, KERAS_SPIKING),
            EnergyConstant(100_000.0, "one neuron for 1 ms, measured", _SHARP),
        ),
        left_out=_CHIP,
    ),
    Hardware(
        "SpiNNaker2",
        "22 nm",
        mac=_SPINNAKER_2,
        ac=_SPINNAKER_2,
        update=(
            EnergyConstant(
                2190.0, "one neuron update on the test chip in 28 nm", _HOEPPNER, KERAS_SPIKING
            ),
        ),
        left_out=_CHIP,
    ),
    Hardware(
        "TrueNorth",
        "28 nm",
        ac=(
            EnergyConstant(
                2.5,
                "one synaptic operation",
                "Akopyan et al. 2015, IEEE TCAD 34, 1537–1557",
                SENECA_TABLE,
            ),
            EnergyConstant(
                26.0,
                "the whole chip, idle power too, per synaptic event at 20 Hz and 128 synapses",
                "Merolla et al. 2014, Science 345, 668–673",
                "secondary accounts; not verified",
            ),
        ),
        left_out=_CHIP,
    ),
    Hardware(
        "Tianjic",
        "28 nm",
        ac=(
            EnergyConstant(
                1.54,
                "one synaptic operation",
                "Deng et al. 2020, IEEE JSSC 55, 2228–2246",
                SENECA_TABLE,
            ),
        ),
        left_out=_CHIP,
    ),
    Hardware(
        "ODIN",
        "28 nm",
        ac=(
            EnergyConstant(
                12.7,
                "one synaptic operation, at least",
                "Frenkel et al. 2019, IEEE TBioCAS 13, 145–158, abstract",
            ),
        ),
        left_out=_CHIP,
    ),
    Hardware(
        "ReckOn",
        "28 nm, 0.5 V",
        ac=(
            EnergyConstant(
                5.3,
                "one synaptic operation",
                "Frenkel & Indiveri 2022, ISSCC",
                f"{SENECA_TABLE}; the authors' README",
            ),
        ),
        left_out=_CHIP,
    ),
    Hardware("SENECA", "22 nm", mac=_SENECA, ac=_SENECA, left_out=_CHIP),
)

HARDWARE: Mapping[str, Hardware] = MappingProxyType({x.name: x for x in _ALL})
"""Hardware by its name; `HARDWARE["CMOS fp32"]` is the arithmetic that papers price by."""
