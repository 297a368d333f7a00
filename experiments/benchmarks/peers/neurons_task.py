"""The neurons that every side simulates: no synapses, each with a constant current of its own.

Units: ms, mV, nF, µS, nA; for HH µF/cm², mS/cm², µA/cm². Runs in every venv.
"""

import argparse
from typing import Any

import numpy as np

MODELS = ("lif", "adex", "hh")
DT = 0.1  # ms, the default of Brian2 and of NEST
LIF = {"tau_m": 20.0, "v_rest": -65.0, "v_threshold": -50.0, "v_reset": -65.0, "refractory": 5.0}
ADEX = {  # Brette & Gerstner 2005, but for the peak
    "C_m": 0.281,
    "g_leak": 0.03,
    "E_leak": -70.6,
    "v_T": -50.4,
    "delta_T": 2.0,
    "a": 0.004,
    "tau_w": 144.0,
    "b": 0.0805,
    "v_reset": -70.6,
    "v_peak": -30.0,
}
HH = {"C_m": 1.0, "g_Na": 120.0, "g_K": 36.0, "g_leak": 0.3}
HH |= {"E_Na": 50.0, "E_K": -77.0, "E_leak": -54.3, "v_init": -65.0, "v_threshold": 0.0}
CURRENTS = {"lif": (15.1, 22.0), "adex": (0.7, 1.4), "hh": (10.0, 20.0)}
"""Weakest and strongest; LIF's are resistance times current (mV)."""


def arguments(doc: str | None) -> argparse.ArgumentParser:
    """What every side is told."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--model", choices=MODELS, required=True)
    parser.add_argument("--neurons", type=int, required=True)
    parser.add_argument("--ms", type=float, required=True, help="biological time")
    return parser


def currents(model: str, neurons: int) -> np.ndarray:
    """One for each neuron."""
    return np.linspace(*CURRENTS[model], neurons)


def steps(ms: float) -> int:
    return round(ms / DT)


def answers(counts: Any, v: Any, neurons: int, ms: float) -> dict[str, Any]:
    """What every side reports: spikes and the last v of each neuron, and their rate in Hz."""
    results = {"spikes": np.asarray(counts).tolist(), "v": np.asarray(v, float).tolist()}
    spikes = int(np.sum(counts))
    return {"results": results, "spikes": spikes, "rate": spikes / neurons / ms * 1000}
