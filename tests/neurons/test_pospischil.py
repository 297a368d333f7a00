"""The cortical cells of Pospischil et al. 2008: the authors' own program, and what the paper says
each current is for."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj
from neurojax.neurons import Pospischil

CELLS: dict[str, Any] = {
    "RS": Pospischil.regular_spiking,
    "FS": Pospischil.fast_spiking,
    "IB": Pospischil.intrinsically_bursting,
    "LTS": Pospischil.low_threshold_spiking,
}
DIFFER = ("g_Kd", "g_M", "g_L", "g_T", "g_leak", "E_leak", "v_init")


def per_area(nanoamperes, side=96.0):
    """µA/cm² into a cylinder as long as wide (µm), the electrode of the authors' program."""
    return nanoamperes * 1e5 / (np.pi * side**2)


def population(cells, **shared):
    """Cells as one population."""
    each = {name: np.array([float(getattr(cell, name)) for cell in cells]) for name in DIFFER}
    return Pospischil(**{"shape": (len(cells),), **each, **shared})


@pytest.mark.usefixtures("x64")
def test_spikes_are_those_of_the_authors_program():
    """ModelDB 123623 under NEURON 9.0.2 at dt 0.0025 ms, whose slow gates (p, q, r, u) start shut
    and whose E_Ca is Nernst's, without its calcium pool: RS, FS, IB and LTS with its currents."""
    expected = [
        [320.33, 347.96, 386.68, 453.24, 586.11],
        [317.03, 337.20, 357.38, 377.55, 397.72, 417.90, 438.07, 458.24, 478.42, 498.59],
        [617.74, 647.09],
        [431.01, 442.40, 488.08, 697.20],
    ]
    cells = population([make() for make in CELLS.values()], E_Ca=120.256)
    start = cells.initial_state()
    shut = start._replace(gates=start.gates.at[3:].set(0.0))
    drive = nj.Step(
        np.array([per_area(0.75), per_area(0.5, side=67.0), per_area(0.15), per_area(0.15)]),
        np.array([300.0, 300.0, 500.0, 400.0]),
        np.array([700.0, 700.0, 2500.0, 800.0]),
    )
    sol = nj.simulate(cells, drive, t1=750.0, dt=0.0025, state=shut, record=["spikes"])

    for i, times in enumerate(expected):
        # Theirs are at the end of the step and printed to 0.01 ms.
        np.testing.assert_allclose(sol.spikes.of(i)[: len(times)], times, atol=0.02)
    assert sol.spikes.counts()[[0, 2, 3]].tolist() == [5, 2, 4]


@pytest.fixture(scope="module")
def trains():
    """Spikes of RS, FS, IB, LTS and of three with a current taken away, under a step of current;
    and of LTS, with and without its T current, as an inhibiting step ends."""
    make = CELLS
    held = {"E_leak": -60.0, "v_init": -60.0}
    cells = [
        make["RS"](),
        make["RS"](g_M=0.0),
        make["FS"](),
        make["IB"](),
        make["IB"](g_L=0.0),
        make["LTS"](**held),
        make["LTS"](g_T=0.0, **held),
    ]
    steps = [0.75, 0.75, 1.0, 0.15, 0.15, -0.075, -0.075]
    drive = nj.Step(np.array([per_area(step) for step in steps]), 100.0, 500.0)
    sol = nj.simulate(population(cells), drive, t1=700.0, dt=0.025, record=["spikes"])
    names = ["RS", "RS without M", "FS", "IB", "IB without L", "LTS", "LTS without T"]
    return {name: sol.spikes.of(i) for i, name in enumerate(names)}


def test_the_m_current_adapts(trains):
    """RS fires ever slower, and evenly once the M current is blocked; FS has none."""
    for name in ("RS without M", "FS"):
        intervals = np.diff(trains[name])
        assert len(intervals) > 10 and intervals.max() / intervals.min() < 1.05
    adapting = np.diff(trains["RS"])
    assert np.all(np.diff(adapting) > 0) and adapting[-1] > 2 * adapting[0]
    assert len(trains["RS"]) < len(trains["RS without M"]) / 2


def test_the_l_current_bursts(trains):
    """IB starts with spikes less than 15 ms apart; not so without the L current."""
    assert np.sum(np.diff(trains["IB"]) < 15) >= 3
    assert np.all(np.diff(trains["IB without L"]) > 15)


def test_the_t_current_fires_when_inhibition_ends(trains):
    """Depolarised to −60 mV, LTS is silent but for a rebound after hyperpolarisation."""
    assert len(trains["LTS"]) >= 1 and np.all(trains["LTS"] > 500)
    assert len(trains["LTS without T"]) == 0


@pytest.mark.usefixtures("x64")
def test_the_t_current_inactivates_within_tens_of_milliseconds():
    """The time constant of u at −84 and at −40 mV by the formula of the authors' program."""
    v = jnp.array([-86.0, -42.0])
    opening, closing = Pospischil((2,)).rates(v)
    q10 = 3**1.2
    rest = (30.8 + (211.4 + np.exp(29.2 / 5)) / 2) / q10
    risen = (30.8 + (211.4 + np.exp(73.2 / 5)) / (1 + np.exp(44 / 3.2))) / q10

    np.testing.assert_allclose(1 / (opening + closing)[-1], [rest, risen], rtol=1e-12)
    assert 8 < risen < 10 and 50 < rest < 90


def test_a_population_can_be_trained_in_any_of_its_parameters():
    """The gradient of the mean potential reaches every array, and is finite."""

    @jax.jit
    def slopes(cells):
        def mean_v(cells):
            return nj.simulate(cells, 4.0, t1=5.0, dt=0.05, record=["v"])["v"].mean()

        return jax.grad(mean_v)(cells)

    to = slopes(population([make() for make in CELLS.values()], g_L=0.1, g_T=0.1))
    reached = {
        n: np.asarray(getattr(to, n)) for n in (*DIFFER, "C_m", "g_Na", "E_Ca", "v_T", "v_x")
    }
    assert all(np.all(np.isfinite(x)) and np.any(x != 0) for x in reached.values())
