"""The integrate-and-fire neurons against NEST's, by NEST's convention, in double precision.

As there, a spike is at the end of its step, others arrive before the threshold is tested, and
refractory periods that are no whole number of steps are rounded up.
"""

from typing import Any, NamedTuple

import diffrax
import numpy as np
import pytest

import neurojax as nj
from models import naud_patterns
from neurojax.core import System

pytestmark = pytest.mark.usefixtures("x64")

DT, T1 = 0.1, 200.0  # ms
STEPS = round(T1 / DT)
T_REF = np.array([0.0, 0.1, 0.25, 0.3, 2.0, 2.05, 3.33, 7.0])  # ms
N = T_REF.size
FINE = 0.01  # ms

rng = np.random.default_rng(0)
ARRIVALS = np.unique(np.round(rng.uniform(1, 190, 300), 1))
WEIGHTS = rng.choice([0.7, -0.5], (ARRIVALS.size, 1)) * rng.uniform(0.5, 1.5, (ARRIVALS.size, N))


class Case(NamedTuple):
    """A model of NEST's with its parameters (mV, pF, nS, pA, ms) and the size of arriving weights;
    the same neuron of ours (µS, nF, nA) with its drive, and how large its weights are in NEST's;
    NEST's variables and ours, with how many of its unit make one of ours, and tolerances."""

    model: str
    given: dict[str, Any]
    weight: float | None
    neuron: type
    parameters: dict[str, Any]
    drive: Any
    unit: float
    variables: dict[str, tuple[str, float, float]]
    solver: diffrax.AbstractSolver | None = None


def between(low, high):
    return np.linspace(low, high, N)


def parameters_of(given: dict[str, Any], **renamed: Any) -> dict[str, Any]:
    """NEST's dictionary, one value for each neuron."""
    return {k: np.broadcast_to(v, (N, *np.shape(v)[1:])) for k, v in (given | renamed).items()}


TAU = between(5, 20)
LEAKY = {"C_m": 250.0, "tau_m": TAU, "E_L": -70.0, "V_th": -55.0, "V_reset": -65.0, "t_ref": T_REF}
LEAKY |= {"I_e": 15.5 * 250 / TAU * between(0.9, 1.5)}
OURS: dict[str, Any] = {"tau_m": TAU, "v_rest": -70.0, "v_threshold": -55.0, "v_reset": -65.0}
OURS |= {"resistance": TAU / 250}  # of pA
# Equal to tau_m in one: their propagator is then another, in ours nothing is special.
TAU_SYN = np.where(np.arange(N) == 3, TAU, between(1, 8))
SYNAPTIC = LEAKY | {"tau_syn_ex": TAU_SYN, "tau_syn_in": TAU_SYN}

GLIF = {"reset_fraction": 0.0, "reset_add": between(5, 18.51)}
GLIF_PAUSE = np.maximum(T_REF, 0.1)  # NEST refuses none


def glif(spike: bool, currents: bool, voltage: bool) -> Case:
    """A level of GLIF by the three flags that NEST names them by, with the reset that is the same
    for both: NEST's resets a fraction of the potential of one step earlier."""
    flags = {"spike_dependent_threshold": spike, "after_spike_currents": currents}
    given = flags | {"adapting_threshold": voltage, "t_ref": GLIF_PAUSE}
    given |= {"voltage_reset_fraction": 0.0, "voltage_reset_add": GLIF["reset_add"]}
    given |= {"V_reset": -78.85 + GLIF["reset_add"], "current": between(150, 600)}
    none = np.zeros(0)
    ours = GLIF | ({} if spike else {"threshold_add": 0.0})
    ours |= {} if currents else {"asc_add": none, "asc_decay": none, "asc_fraction": none}
    ours |= {} if voltage else {"voltage_index": 0.0}
    # Their v follows the mean after-spike current of a step, 2e-4 mV from where it should be.
    tolerance = 5e-4 if currents else 1e-5
    drive = nj.Step(between(0.15, 0.6), start=2 * DT)
    variables = {"V_m": ("v", 1.0, tolerance)}
    return Case("glif_psc", given, None, nj.neurons.GLIF, ours, drive, 1.0, variables)


def cases() -> dict[str, Case]:
    exact = {"V_m": ("v", 1.0, 1e-11)}
    return {
        "delta": Case("iaf_psc_delta", LEAKY, 4.0, nj.LIF, OURS, LEAKY["I_e"], 1.0, exact),
        "exp": Case(
            "iaf_psc_exp",
            SYNAPTIC,
            200.0,
            nj.neurons.CurrentLIF,
            OURS | {"tau_syn": TAU_SYN},
            LEAKY["I_e"],
            1.0,
            exact,
        ),
        "alpha": Case(
            "iaf_psc_alpha",
            SYNAPTIC,
            200.0,
            nj.neurons.AlphaLIF,
            OURS | {"tau_syn": TAU_SYN},
            LEAKY["I_e"],
            1.0,
            exact,
        ),
        # Theirs is solved to 1e-3 mV a step.
        "conductance": Case(
            "iaf_cond_exp",
            {"t_ref": T_REF, "V_th": -55.0, "I_e": between(200, 600)}
            | {"tau_syn_ex": between(0.2, 3), "tau_syn_in": between(2, 8)},
            6.0,
            nj.neurons.ConductanceLIF,
            {"tau_exc": between(0.2, 3), "tau_inh": between(2, 8)},
            between(0.2, 0.6),
            1e3,
            {"V_m": ("v", 1.0, 1e-3), "g_ex": ("g_exc", 1e3, 1e-3), "g_in": ("g_inh", 1e3, 1e-3)},
            diffrax.Dopri5(),
        ),
        # Rounding, multiplied by the upstroke.
        "izhikevich": Case(
            "izhikevich",
            {"a": between(0.02, 0.1), "b": between(0.2, 0.26), "c": -65.0, "d": between(2, 8)}
            | {"I_e": between(3, 20), "V_m": -65.0, "U_m": -65 * between(0.2, 0.26)},
            2.0,
            nj.neurons.Izhikevich,
            {"a": between(0.02, 0.1), "b": between(0.2, 0.26), "d": between(2, 8)},
            between(3, 20),
            1.0,
            {"V_m": ("v", 1.0, 1e-7), "U_m": ("u", 1.0, 1e-9)},
            diffrax.Euler(),
        ),
        "glif 1": glif(False, False, False),
        "glif 2": glif(True, False, False),
        "glif 3": glif(False, True, False),
        "glif 4": glif(True, True, False),
        "glif 5": glif(True, True, True),
    }


NAMES = list(cases())


@pytest.fixture(scope="module")
def nest(oracle):
    inputs: dict[str, Any] = {"dt": DT, "t1": T1}
    for name, case in cases().items():
        given = parameters_of(case.given) | {"model": case.model, "record": list(case.variables)}
        if case.weight is not None:
            given |= {"arrivals": ARRIVALS, "weights": case.weight * WEIGHTS}
        inputs |= {f"{name}:{key}": value for key, value in given.items()}
    return oracle("nest_neurons", **inputs)


@pytest.mark.parametrize("name", NAMES)
def test_same_run(name, nest):
    case = cases()[name]
    refractory = case.given.get("t_ref", 0.0)
    cell: System = case.neuron((N,), **case.parameters, refractory=refractory, convention="nest")
    weights = None if case.weight is None else WEIGHTS * (case.weight / case.unit)
    sol = nj.simulate(
        cell,
        case.drive,
        t1=T1,
        dt=DT,
        incoming=None if weights is None else nj.Arrivals(ARRIVALS, weights),
        solver=case.solver,
        record=[*(ours for ours, *_ in case.variables.values()), "spikes"],
    )

    steps, neurons = nest[f"{name}:spike_steps"], nest[f"{name}:spike_neurons"]
    within = steps <= STEPS
    ours = np.stack([np.rint(sol.spikes.times / DT).astype(int), sol.spikes.indices])
    theirs = np.stack([steps, neurons])[:, within]
    order = np.lexsort(theirs[::-1])
    assert ours.shape[1] > 40
    np.testing.assert_array_equal(ours, theirs[:, order])
    for variable, (own, unit, tolerance) in case.variables.items():
        # NEST's first record is at the end of the first step.
        traces = nest[f"{name}:{variable}"][: STEPS - 1]
        np.testing.assert_allclose(sol[own][1:] * unit, traces, rtol=0, atol=tolerance)


def test_adex_by_events(oracle):
    """NEST follows the upstroke in steps as small as it takes, resets at once, and stamps the spike
    with the end of its step of dt."""
    current = np.array([600.0, 800.0, 1000.0, 1200.0])
    given = {"I_e": current, "V_peak": -30.0, "V_reset": -70.6, "gsl_error_tol": 1e-12}
    given = {k: np.broadcast_to(v, 4) for k, v in given.items()}
    given |= {"model": "aeif_cond_exp", "record": ["V_m", "w"]}
    nest = oracle("nest_neurons", dt=FINE, t1=T1, **{f"adex:{k}": v for k, v in given.items()})
    ts = np.arange(1, 200.0)
    sol = nj.simulate(
        nj.AdEx((4,)), current / 1000, t1=T1, ts=ts, record=["v", "w", "spikes"], max_spikes=40
    )

    at = np.rint(ts / FINE).astype(int) - 1
    for neuron in range(4):
        stamps = FINE * nest["adex:spike_steps"][nest["adex:spike_neurons"] == neuron]
        late = stamps - sol.spikes.of(neuron)
        assert late.size >= 1 and np.all((late > -1e-5) & (late < FINE + 1e-5))
        # Where a spike is a grid step or more away.
        apart = np.abs(ts[:, None] - stamps).min(axis=1) > 2 * FINE
        for own, theirs, unit in (("v", "V_m", 1.0), ("w", "w", 1000.0)):
            traces = nest[f"adex:{theirs}"][at, neuron]
            ours = np.asarray(sol[own][:, neuron]) * unit
            np.testing.assert_allclose(ours[apart], traces[apart], rtol=0, atol=2e-5)


def test_naud_patterns(oracle):
    """Spike for spike; of the irregular one, whose solutions part, the first four."""
    rows = naud_patterns.Pattern(*np.array(list(naud_patterns.PATTERNS.values()), float).T)
    given = {"C_m": rows.C, "g_L": rows.g_L, "E_L": rows.E_L, "V_m": rows.E_L, "a": rows.a}
    given |= {"tau_w": rows.tau_w, "b": rows.b, "V_reset": rows.V_r, "I_e": rows.I}
    given |= parameters_of({"V_th": -50.0, "Delta_T": 2.0, "V_peak": 0.0, "gsl_error_tol": 1e-10})
    given |= {"model": "aeif_cond_exp", "record": ["V_m"]}
    nest = oracle("nest_neurons", dt=FINE, t1=600.0, **{f"p:{k}": v for k, v in given.items()})
    sol = naud_patterns.firing_patterns(dt=FINE)

    for i, name in enumerate(naud_patterns.PATTERNS):
        theirs = FINE * nest["p:spike_steps"][nest["p:spike_neurons"] == i]
        theirs, ours = theirs[theirs <= 600], sol.spikes.of(i)
        if name == "irregular spiking":
            theirs, ours = theirs[:4], ours[:4]
        # Each reset waits for the end of our step, and the solver is of first order in it.
        late = 2 * FINE * np.arange(1, theirs.size + 1)
        assert ours.size == theirs.size
        assert np.all(np.abs(ours - theirs) <= late)
