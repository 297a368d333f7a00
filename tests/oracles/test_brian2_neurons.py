"""The integrate-and-fire neurons against Brian2, in double precision, solver for solver.

Every population has refractory periods of no step, of one, of whole steps that have no exact
double and of fractions of a step, and gets so many spikes that some come as it spikes.
"""

from typing import Any, NamedTuple

import diffrax
import numpy as np
import pytest

import neurojax as nj
from neurojax.core import System

pytestmark = pytest.mark.usefixtures("x64")

DT, T1 = 0.1, 150.0  # ms
PAUSE = np.array([0.0, 0.1, 0.25, 0.3, 2.0, 2.05, 3.33, 7.0])  # ms
N = PAUSE.size

rng = np.random.default_rng(0)
ARRIVALS = np.unique(np.round(rng.uniform(1, 140, 500), 1))
WEIGHTS = rng.choice([0.4, -0.3], (ARRIVALS.size, 1)) * rng.uniform(0.5, 1.5, (ARRIVALS.size, N))


class Case(NamedTuple):
    """A population: the neuron's class, Brian2's method and the solver that is the same, the drive,
    the size of arriving weights, parameters, and what differs from zero at the start."""

    neuron: type
    method: str
    solver: diffrax.AbstractSolver | None
    current: np.ndarray
    weight: float
    parameters: dict[str, Any]
    start: dict[str, Any] | None = None


def between(low, high):
    return np.linspace(low, high, N)


LEAKY = {"tau_m": between(5, 20), "v_reset": -0.2, "resistance": 2.0}
LEAKY |= {"v_rest": 0.0, "v_threshold": 1.0}
DRIVE = between(0.45, 1.0)
UPSTROKE = {"tau_m": between(5, 20), "v_rest": -65.0, "v_peak": -30.0, "v_reset": -68.0}
UPSTROKE |= {"resistance": 1.0}
CASES = {
    "lif": Case(nj.LIF, "exact", None, DRIVE, 0.2, LEAKY),
    "current": Case(
        nj.neurons.CurrentLIF, "exact", None, DRIVE, 1.0, LEAKY | {"tau_syn": between(1, 8)}
    ),
    "alpha": Case(
        nj.neurons.AlphaLIF, "exact", None, DRIVE, 1.0, LEAKY | {"tau_syn": between(1, 8)}
    ),
    "adaptive": Case(
        nj.neurons.AdaptiveLIF,
        "exact",
        None,
        DRIVE,
        0.2,
        LEAKY | {"tau_theta": between(20, 100), "delta_theta": between(0.05, 0.5)},
    ),
    "conductance": Case(
        nj.neurons.ConductanceLIF,
        "exponential_euler",
        None,
        between(0.2, 0.6),
        0.01,
        {"C_m": 0.25, "g_leak": 0.0166667, "E_leak": -70.0, "E_exc": 0.0, "E_inh": -85.0}
        | {"tau_exc": between(0.5, 3), "tau_inh": between(2, 8)}
        | {"v_threshold": -55.0, "v_reset": -60.0},
        {"v": -70.0},
    ),
    "quadratic": Case(
        nj.neurons.QuadraticIF,
        "rk2",
        diffrax.Midpoint(),
        between(4, 15),
        2.0,
        UPSTROKE | {"v_critical": -50.0, "curvature": 1 / 15},
        {"v": -65.0},
    ),
    "exponential": Case(
        nj.neurons.ExponentialIF,
        "rk2",
        diffrax.Midpoint(),
        between(4, 15),
        2.0,
        UPSTROKE | {"v_T": -59.9, "delta_T": 3.48},
        {"v": -65.0},
    ),
    "adex": Case(
        nj.AdEx,
        "euler",
        diffrax.Euler(),
        between(0.7, 1.2),
        2.0,
        {"C_m": 0.281, "g_leak": 0.03, "E_leak": -70.6, "v_T": -50.4, "delta_T": 2.0}
        | {"a": 0.004, "tau_w": 144.0, "b": 0.0805, "v_peak": -30.0}
        | {"v_reset": between(-70.6, -47)},
        {"v": -70.6},
    ),
    "izhikevich": Case(
        nj.neurons.Izhikevich,
        "euler",
        diffrax.Euler(),
        between(3, 20),
        2.0,
        {"a": between(0.02, 0.1), "b": 0.2, "c": -65.0, "d": between(2, 8), "v_peak": 30.0},
        {"v": -65.0, "u": -13.0},
    ),
    "glif": Case(
        nj.neurons.GLIF,
        "euler",
        diffrax.Euler(),
        between(0.3, 0.6),
        2.0,
        {"C_m": 0.05872, "g_leak": 0.00943, "E_leak": -78.85, "v_threshold": -51.68}
        | {"reset_fraction": between(0, 0.4), "reset_add": 18.51}
        | {"threshold_add": 0.37, "threshold_decay": 0.009}
        | {"voltage_index": between(0, 0.01), "voltage_decay": 0.09}
        | {"asc_add": np.stack([between(-0.02, 0), between(0, -0.3)])}
        | {"asc_decay": np.stack([between(0.002, 0.01), between(0.05, 0.2)])}
        | {"asc_fraction": np.stack([between(1, 0.5), between(0.3, 1)])},
        {"v": -78.85},
    ),
}

# Rounding of tens of mV, which the upstrokes multiply.
TOLERANCE = 1e-9


def named(case):
    """The parameters by Brian2's names: an after-spike current is a variable of its own there."""
    named = {}
    for name, value in (case.parameters | (case.start or {})).items():
        if name.startswith("asc_"):
            named |= {f"{name.removeprefix('asc_')}_{k}": row for k, row in enumerate(value)}
        else:
            named[name] = np.broadcast_to(value, N)
    return named


@pytest.fixture(scope="module")
def brian2(oracle):
    inputs = {"dt": DT, "t1": T1}
    for model, case in CASES.items():
        given = named(case) | {"model": model, "method": case.method, "I": case.current}
        given |= {"pause": PAUSE, "arrivals": ARRIVALS, "weights": WEIGHTS * case.weight}
        inputs |= {f"{model}:{key}": value for key, value in given.items()}
    return oracle("brian2_neurons", **inputs)


def run(case: Case, variables: list[str]) -> nj.Solution:
    cell: System = case.neuron((N,), **case.parameters, refractory=PAUSE)
    arrivals = nj.Arrivals(ARRIVALS, WEIGHTS * case.weight)
    return nj.simulate(
        cell,
        case.current,
        t1=T1,
        dt=DT,
        incoming=arrivals,
        solver=case.solver,
        record=[*variables, "spikes"],
    )


@pytest.mark.parametrize("model", list(CASES))
def test_same_run(model, brian2):
    results = {k.partition(":")[2]: v for k, v in brian2.items() if k.startswith(f"{model}:")}
    expected = np.stack([results.pop("spike_steps"), results.pop("spike_neurons")])
    stacked = {k: results.pop(k) for k in ("asc_0", "asc_1") if k in results}
    sol = run(CASES[model], [*results, *(["asc"] if stacked else [])])

    steps = np.rint(sol.spikes.times / DT).astype(int)
    np.testing.assert_array_equal(np.stack([steps, sol.spikes.indices]), expected)
    for name, trace in results.items():
        np.testing.assert_allclose(sol[name], trace, rtol=0, atol=TOLERANCE)
    for k, trace in enumerate(stacked.values()):
        np.testing.assert_allclose(sol["asc"][:, k], trace, rtol=0, atol=1e-12)  # nA


def test_spikes_arrive_while_neurons_spike_and_are_refractory(brian2):
    """What the order of arrival and reset would change is in these runs."""
    steps, neurons = brian2["lif:spike_steps"], brian2["lif:spike_neurons"]
    arriving = np.rint(ARRIVALS / DT).astype(int)
    for neuron, wait in enumerate(np.floor(PAUSE / DT + 1e-3)):
        since = arriving[:, None] - steps[neurons == neuron]
        assert np.any((since >= 0) & (since <= wait))
