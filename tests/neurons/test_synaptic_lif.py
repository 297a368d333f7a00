"""Leaky integrate-and-fire neurons with synapses, held against their closed forms."""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp
from scipy.optimize import brentq

import neurojax as nj
from neurojax.neurons import AlphaLIF, ConductanceLIF, CurrentLIF

TAU_M = 10.0
# Faster than the membrane, as fast, hardly slower, slower.
TAU_SYN = np.array([2.0, 10.0, 10.0001, 30.0])


def exponential(s, tau_syn):
    return np.exp(-s / tau_syn)


def alpha(s, tau_syn):
    return s / tau_syn * np.exp(1 - s / tau_syn)


def potential(current, s, tau_syn):
    """A membrane's, a time s after a spike has arrived that evokes this current."""
    value, _ = quad(lambda x: current(x, tau_syn) * math.exp((x - s) / TAU_M) / TAU_M, 0, s)
    return value


@pytest.mark.parametrize(("neuron", "current"), [(CurrentLIF, exponential), (AlphaLIF, alpha)])
@pytest.mark.usefixtures("x64")
def test_response_is_exact_in_steps_of_any_length(neuron, current):
    cells = neuron((4,), tau_m=TAU_M, tau_syn=TAU_SYN, resistance=2.0, v_threshold=9.0)
    weight = np.full((1, 4), 3.0)
    for dt in (0.1, 2.0):
        # What falls in the last step before 2 ms is felt from there on.
        arrival = nj.Arrivals(np.array([2.0 - dt]), weight)
        sol = nj.simulate(cells, t1=22.0, dt=dt, incoming=arrival, record=["v", "i_syn"])
        end, middle = sol.final.state, round(10 / dt)
        for i, tau_syn in enumerate(TAU_SYN):
            np.testing.assert_allclose(end.i_syn[i], 3 * current(20, tau_syn), rtol=1e-11)
            np.testing.assert_allclose(end.v[i], 6 * potential(current, 20, tau_syn), rtol=1e-9)
            v = 6 * potential(current, 8, tau_syn)
            np.testing.assert_allclose(sol["v"][middle, i], v, rtol=1e-9)


@pytest.mark.usefixtures("x64")
def test_a_weight_is_the_peak_of_the_alpha_current():
    cells = AlphaLIF((1,), tau_syn=5.0, v_threshold=100.0)
    arrival = nj.Arrivals(np.array([0.0]), np.array([[2.5]]))
    sol = nj.simulate(cells, t1=20.0, dt=0.1, incoming=arrival, record=["i_syn"])

    i_syn = np.asarray(sol["i_syn"])[:, 0]
    assert abs(i_syn.max() - 2.5) < 1e-12
    assert abs(sol.ts[i_syn.argmax()] - (0.1 + 5.0)) < 1e-9


@pytest.mark.usefixtures("x64")
def test_by_events_and_refractory():
    """Two spikes of one arrival, the second when v has risen from the reset, where it was held
    while the current decayed."""
    cell = CurrentLIF(tau_m=TAU_M, tau_syn=20.0, refractory=4.0)
    arrival = nj.Arrivals(np.array([1.0]), np.array([6.0]))
    sol = nj.simulate(cell, t1=12.0, incoming=arrival, record=["v", "i_syn"], max_spikes=3)

    def rise(current: float) -> Any:
        return brentq(lambda s: current * potential(exponential, s, 20.0) - 1, 0, 15)

    first = 1 + rise(6.0)
    second = first + 4 + rise(6 * np.exp(-(first + 3) / 20))
    times = np.asarray(sol.spikes.times)
    np.testing.assert_allclose(times, [first, second, np.inf], rtol=1e-7)
    # Sampled every 0.06 ms.
    held = (sol.ts > first + 0.01) & (sol.ts < first + 3.99)
    assert np.all(sol["v"][held] == 0)


@pytest.fixture
def inhibited():
    """A neuron with slow synapses, and what arrives at it: (times, excitatory, inhibitory)."""
    times = np.array([1.0, 3.0, 3.0, 6.0])
    exc, inh = np.array([0.02, 0.0, 0.03, 0.0]), np.array([0.0, 0.04, 0.0, 0.01])
    return ConductanceLIF(tau_exc=3.0, tau_inh=8.0), times, exc, inh


@pytest.mark.usefixtures("x64")
def test_conductances_against_a_solver_of_scipy(inhibited):
    cell, times, exc, inh = inhibited
    weights = nj.Arrivals(times, np.stack([exc, inh], 1))
    drive = 0.2
    sol = nj.simulate(cell, drive, t1=10.0, incoming=weights, record=["v", "g_exc"], max_spikes=2)

    def rate(t, y):
        v, g_exc, g_inh = y
        synaptic = g_exc * (0 - v) + g_inh * (-85 - v)
        leak = 0.0166667 * (-70 - v)
        return [(leak + synaptic + drive) / 0.25, -g_exc / 3, -g_inh / 8]

    y, start = np.array([-70.0, 0, 0]), 0.0
    for t, e, i in zip([*times, 10.0], [*exc, 0.0], [*inh, 0.0], strict=True):
        if t > start:
            y = solve_ivp(rate, (start, t), y, rtol=1e-11, atol=1e-12).y[:, -1]
        y, start = y + np.array([0, e, i]), t
    end = sol.final.state
    assert sol.spikes.counts() == 0
    np.testing.assert_allclose([end.v, end.g_exc, end.g_inh], y, rtol=1e-8)


@pytest.mark.usefixtures("x64")
def test_excitation_and_inhibition_together_or_apart(inhibited):
    """A signed sum, or both kinds: they differ where both arrive in one step."""
    cell, times, exc, inh = inhibited

    def end(incoming):
        state = nj.simulate(cell, t1=8.0, dt=0.1, incoming=incoming, record=["v"]).final.state
        return np.array([state.v, state.g_exc, state.g_inh])

    pair = end((nj.Arrivals(times, exc), nj.Arrivals(times, inh)))
    np.testing.assert_allclose(end(nj.Arrivals(times, np.stack([exc, inh], 1))), pair, rtol=1e-14)
    apart = times + np.array([0, 0, 0.1, 0])
    signed = end(nj.Arrivals(apart, exc - inh))
    np.testing.assert_allclose(end((nj.Arrivals(apart, exc), nj.Arrivals(apart, inh))), signed)
    summed = end(nj.Arrivals(times, exc - inh))
    felt = np.exp(-(8 - 3.1) / np.array([3.0, 8.0]))
    np.testing.assert_allclose(pair[1:] - summed[1:], 0.03 * felt, rtol=1e-9)


def test_a_population_of_conductances_takes_both_forms():
    cells = ConductanceLIF((2, 3))
    state = cells.initial_state()
    weights = jnp.arange(-3, 3.0).reshape(2, 3)
    signed = cells.receive(state, weights)
    stacked = cells.receive(state, jnp.stack([jnp.maximum(weights, 0), jnp.maximum(-weights, 0)]))

    np.testing.assert_array_equal(signed.g_exc, [[0, 0, 0], [0, 1, 2]])
    np.testing.assert_array_equal(signed.g_inh, [[3, 2, 1], [0, 0, 0]])
    np.testing.assert_array_equal(stacked.g_exc, signed.g_exc)
    np.testing.assert_array_equal(stacked.g_inh, signed.g_inh)
