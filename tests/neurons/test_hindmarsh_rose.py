"""Hindmarsh & Rose's neuron: its patterns, and that one of them is chaotic."""

import jax
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import neurojax as nj
from neurojax.neurons import HindmarshRose

pytestmark = pytest.mark.usefixtures("x64")


def field(t, y, current):
    """Hindmarsh & Rose 1984, eq. 15, with r = 0.006, s = 4, x₁ = −1.6."""
    x, y, z = y
    return [y - x**3 + 3 * x**2 - z + current, 1 - 5 * x**2 - y, 0.006 * (4 * (x + 1.6) - z)]


def rise(t, y, current):
    return y[0]


rise.direction = 1


def test_spikes_in_both_modes_are_those_of_scipys_solution():
    start = [-1.6, 1 - 5 * 1.6**2, 0.0]
    times = solve_ivp(
        field, (0, 60), start, args=(2.0,), rtol=1e-10, atol=1e-12, method="DOP853", events=rise
    ).t_events[0]
    sol = nj.simulate(HindmarshRose(), 2.0, t1=60.0, max_spikes=10)
    clocked = nj.simulate(HindmarshRose(), 2.0, t1=60.0, dt=0.01)

    assert len(times) == 9
    np.testing.assert_allclose(sol.spikes.of(0), times, atol=1e-8)
    # Stamps are the starts of steps: up to 0.01 early.
    np.testing.assert_allclose(clocked.spikes.of(0), times, atol=0.012)


@pytest.fixture(scope="module")
def patterns():
    """3,000 units of time at currents of 1, 2, 3.25 and 4, each from two starts 1e-8 apart."""
    currents = np.repeat([1.0, 2.0, 3.25, 4.0], 2)
    with jax.enable_x64(True):
        cells = HindmarshRose(v_init=-1.6 + np.tile([0.0, 1e-8], 4))
        return nj.simulate(cells, currents, t1=3000.0, dt=0.02, record=["v", "spikes"], every=50)


def intervals(patterns, i):
    spikes = patterns.spikes.of(2 * i)
    return np.diff(spikes[spikes > 1000])


def test_it_rests_bursts_and_fires(patterns):
    """At 1 it falls silent after the start; at 2 it fires in bursts, spikes 15 apart and pauses of
    114; at 4 evenly."""
    assert intervals(patterns, 0).size == 0
    short, long = np.sort(intervals(patterns, 1))[[0, -1]]
    assert long > 6 * short
    even = intervals(patterns, 3)
    assert even.size > 80 and np.ptp(even) < 0.05


def test_at_a_current_of_3_25_it_bursts_chaotically(patterns):
    """Two starts 1e-8 apart part for good; at 2 and 4, where it is periodic, they stay together.
    No two intervals are alike, where a periodic burst has two."""
    v = np.asarray(patterns["v"])
    apart = np.abs(v[:, 1::2] - v[:, ::2])[-1000:].max(0)

    assert apart[2] > 1
    assert np.all(apart[[0, 1, 3]] < 1e-4)
    assert len(np.unique(np.round(intervals(patterns, 2)))) > 15
    assert len(np.unique(np.round(intervals(patterns, 1)))) <= 4


def test_an_adaptation_that_is_refused():
    with pytest.raises(ValueError, match=r"HindmarshRose: r must be positive, got -0.006"):
        HindmarshRose(r=-0.006)
