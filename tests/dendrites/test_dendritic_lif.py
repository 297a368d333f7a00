"""The leaky integrate-and-fire neuron with branches: closed forms, SciPy, and what NMDA adds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import neurojax as nj
from neurojax.core import Arrivals
from neurojax.dendrites import DendriticLIF

G_C = np.array([0.015, 0.005])


def dendrify(t, y):
    """Dendrify's soma and two dendrites with NMDA synapses, in pF, nS, mV and pA."""
    v, v_d, g = y[0], y[1:3], y[3:5]
    block = 1 + 1.0 * np.exp(-0.062 * v_d) / 3.57
    axial = 1000 * G_C * (v - v_d)
    soma = (10 * (-60 - v) - axial.sum()) / 200
    dendrite = (2.5 * (-60 - v_d) + axial + g / block * (0 - v_d)) / 50
    return np.concatenate([[soma], dendrite, -g / 60])


def spikes_by_scipy(weights, t1):
    """Spike times after these weights (nS) arrive at time 5 ms."""

    def crosses(t, y):
        return y[0] + 40

    crosses.terminal, crosses.direction = True, 1
    t, y, times = 5.0, np.array([-60.0, -60, -60, *weights]), []
    while t < t1:
        run = solve_ivp(dendrify, (t, t1), y, events=crosses, rtol=1e-10, atol=1e-10)
        t, y = run.t[-1], run.y[:, -1]
        if run.status == 1:
            times.append(t)
            y = np.array([-50.0, *y[1:]])
    return np.array(times)


@pytest.mark.usefixtures("x64")
def test_it_is_dendrify_s_model():
    """By events to the solver's tolerance, and on the clock in the first order."""
    expected = spikes_by_scipy([100.0, 20.0], 30.0)
    assert expected.size >= 3
    cell = DendriticLIF(branches=2, g_c=G_C)
    arriving = Arrivals(np.array([5.0]), np.array([[0.1, 0.02]]))
    sol = nj.simulate(
        cell, incoming=arriving, t1=30.0, record=["spikes"], max_spikes=expected.size + 2
    )
    times = np.asarray(sol.spikes.times)
    assert np.isinf(times[expected.size :]).all()
    np.testing.assert_allclose(times[: expected.size], expected, atol=1e-6)

    def error(dt):
        sol = nj.simulate(cell, incoming=arriving, t1=30.0, dt=dt, record=["spikes"])
        assert sol.spikes.times.size == expected.size
        return np.abs(np.asarray(sol.spikes.times) - expected).max()

    assert error(0.01) < 0.3 * error(0.1) < 0.3


@pytest.mark.usefixtures("x64")
def test_passive_it_is_a_linear_circuit():
    """Steady potentials under currents into all compartments, from Kirchhoff's law."""
    cell = DendriticLIF(branches=2, g_c=G_C, v_threshold=jnp.inf)
    drive = {"soma": 0.05, "dendrite": np.array([0.1, -0.02])}
    sol = nj.simulate(cell, drive, t1=800.0, dt=0.5, record=[])
    circuit = np.diag([0.01 + G_C.sum(), 0.0025 + G_C[0], 0.0025 + G_C[1]])
    circuit[0, 1:] = circuit[1:, 0] = -G_C
    steady = -60 + np.linalg.solve(circuit, [0.05, 0.1, -0.02])
    np.testing.assert_allclose(sol.final.state.v, steady[0], atol=1e-8)
    np.testing.assert_allclose(sol.final.state.v_dendrite, steady[1:], atol=1e-8)


@pytest.mark.usefixtures("x64")
def test_no_charge_is_lost():
    """Without leaks, what goes in is what the capacitances hold, whatever flows between them."""
    cell = DendriticLIF(branches=3, g_leak=0.0, g_d=0.0, v_threshold=jnp.inf)
    drive = {"dendrite": np.array([0.02, 0.0, -0.005])}
    state = nj.simulate(cell, drive, t1=40.0, dt=0.01, record=[]).final.state
    charge = 0.2 * (state.v + 60) + 0.05 * jnp.sum(state.v_dendrite + 60)
    # First order in the step: exponential Euler takes the neighbours' potential from its start.
    np.testing.assert_allclose(charge, 40.0 * 0.015, rtol=5e-3)


def peak(weights, magnesium):
    """The soma's highest depolarisation (mV) after weights [branch, pattern] arrive."""
    weights = np.asarray(weights, np.float32)
    cell = DendriticLIF(
        weights.shape[1:], branches=len(weights), magnesium=magnesium, v_threshold=jnp.inf
    )
    arriving = Arrivals(np.zeros(1, np.float32), weights[None])
    sol = nj.simulate(cell, incoming=arriving, t1=60.0, dt=0.1)
    return np.asarray(sol["v"]).max(axis=0) + 60


CLUSTERED, SPREAD = [4.0, 0, 0, 0], [1.0, 1, 1, 1]


def test_nmda_receptors_favour_inputs_that_come_together():
    """Four synapses on one branch or on four: AMPA's driving force favours the latter, magnesium
    the former, as in the branches of Poirazi, Brannon & Mel 2003."""
    patterns = 0.004 * np.array([CLUSTERED, SPREAD]).T
    together, apart = peak(patterns, 0.0)
    assert together < 0.95 * apart
    together, apart = peak(patterns, 1.0)
    assert together > 1.05 * apart


def test_a_branch_is_sigmoid_with_magnesium_only():
    """Twice the synapses, more than twice the response at first, then less."""
    weights = 0.002 * 2.0 ** np.arange(8)[None]
    with_it, without = peak(weights, 1.0), peak(weights, 0.0)
    assert np.any(with_it[1:] > 2.05 * with_it[:-1])
    assert with_it[-1] < 1.5 * with_it[-2]
    assert np.all(without[1:] < 2 * without[:-1])


def test_branches_may_differ_and_populations_are_their_cells():
    """Parameters by branch, and by branch and neuron."""
    magnesium = np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 0.0]], np.float32)  # [branch, neuron]
    kick = Arrivals(np.array([1.0], np.float32), np.full((1, 3, 2), 0.02, np.float32))
    together = DendriticLIF((2,), branches=3, magnesium=magnesium)
    both = nj.simulate(together, incoming=kick, t1=50.0, dt=0.1)
    for i in range(2):
        alone = DendriticLIF(branches=3, magnesium=magnesium[:, i])
        own = Arrivals(kick.times, kick.weights[:, :, i])
        sol = nj.simulate(alone, incoming=own, t1=50.0, dt=0.1)
        assert sol.spikes.times.size > 0
        np.testing.assert_allclose(both.spikes.of(i), sol.spikes.times, atol=1e-4)


@pytest.mark.usefixtures("x64")
def test_gradient_is_the_finite_difference():
    def end(g_c):
        cell = DendriticLIF(branches=2, g_c=g_c, v_threshold=jnp.inf)
        arriving = Arrivals(np.zeros(1), np.array([[0.03, 0.0]]))
        return nj.simulate(cell, incoming=arriving, t1=20.0, dt=0.1, record=[]).final.state.v

    g_c, step = jnp.asarray(G_C), jnp.array([1e-6, 0.0])
    finite = (end(g_c + step) - end(g_c - step)) / 2e-6
    np.testing.assert_allclose(jax.grad(end)(g_c)[0], finite, rtol=1e-6)


def test_faults_are_named():
    with pytest.raises(ValueError, match=r"DendriticLIF: branches must be at least 1, got 0"):
        DendriticLIF(branches=0)
    with pytest.raises(ValueError, match=r"DendriticLIF: g_c has shape \(2,\), for 3 branches"):
        DendriticLIF(branches=3, g_c=G_C)
    with pytest.raises(ValueError, match=r"DendriticLIF: magnesium must not be negative, got -1"):
        DendriticLIF(magnesium=-1.0)
    with pytest.raises(ValueError, match=r"magnesium has shape \(3,\), the population \(2,\)"):
        DendriticLIF((2,), magnesium=np.ones((1, 3)))
