"""Neurons that make their own upstroke, held against quadrature."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

import neurojax as nj
from neurojax.neurons import ExponentialIF, Izhikevich, QuadraticIF


def quadratic(v):
    return (v + 65) * (v + 50) / 15


def exponential(v):
    return -65 - v + 3.48 * np.exp((v + 59.9) / 3.48)


CASES = [(QuadraticIF, quadratic), (ExponentialIF, exponential)]


def period(own, drive, start):
    """How long v takes from `start` to the peak: ∫ tau_m dv / (F(v) + drive)."""
    return quad(lambda v: 10 / (own(v) + drive), start, -30, epsabs=1e-12, epsrel=1e-12)[0]


@pytest.mark.parametrize(("neuron", "own"), CASES)
@pytest.mark.usefixtures("x64")
def test_spike_times_by_events(neuron, own):
    drive = np.array([8.0, 12.0, 20.0])
    sol = nj.simulate(neuron((3,), refractory=1.7), drive, t1=60.0, max_spikes=40)

    for i in range(3):
        first, later = period(own, drive[i], -65), period(own, drive[i], -68) + 1.7
        times = sol.spikes.of(i)
        assert times.size >= 1
        np.testing.assert_allclose(times, first + later * np.arange(times.size), atol=1e-7)


@pytest.mark.parametrize(("neuron", "own"), CASES)
@pytest.mark.parametrize("dt", [0.02, 0.005])
@pytest.mark.usefixtures("x64")
def test_spike_times_on_the_clock(neuron, own, dt):
    """A spike is stamped with its step, its reset waits for the end, the solver is of first order:
    two steps for each spike so far."""
    times = nj.simulate(neuron(), 20.0, t1=60.0, dt=dt, record=["spikes"]).spikes.times
    exact = period(own, 20.0, -65) + period(own, 20.0, -68) * np.arange(times.size)
    assert times.size >= 3
    assert np.all(np.abs(times - exact) < 2 * dt * np.arange(1, times.size + 1))


@pytest.mark.usefixtures("x64")
def test_the_quadratic_neuron_at_rest_leaks_as_a_passive_one():
    cell = QuadraticIF()
    state = cell.initial_state()
    slope = jax.grad(lambda v: cell.vector_field(0.0, state._replace(v=v), 0.0).v)(state.v)
    np.testing.assert_allclose(slope, -1 / cell.tau_m, rtol=1e-12)


@pytest.mark.usefixtures("x64")
def test_izhikevichs_neuron_by_events_and_in_small_steps():
    """With another parabola: 4.1 v + 108."""
    cells = Izhikevich(
        b=np.array([0.2, -0.1]),
        c=-60.0,
        linear=np.array([5, 4.1]),
        constant=np.array([140.0, 108.0]),
    )
    drive = np.array([10.0, 30.0])
    events = nj.simulate(cells, drive, t1=100.0, max_spikes=40)
    clock = nj.simulate(cells, drive, t1=100.0, dt=0.005, record=["spikes"])

    for i in range(2):
        times = events.spikes.of(i)
        assert times.size >= 3
        # Two steps a spike: one until the reset, and the solver's error.
        late = 0.01 * np.arange(1, times.size + 1)
        assert np.all(np.abs(clock.spikes.of(i) - times) < late)


def test_a_steep_upstroke_stays_finite():
    """Far past its peak within one step, and started there, in single precision."""
    for cell in (ExponentialIF((2,)), QuadraticIF((2,)), nj.AdEx((2,)), Izhikevich((2,))):
        start = cell.initial_state()._replace(v=jnp.array([500.0, -35.0]))
        sol = nj.simulate(cell, 100.0, t1=5.0, dt=1.0, state=start)
        assert sol.spikes.counts()[0] >= 1 and sol.final.state.v.dtype == jnp.float32
        assert np.all(np.isfinite(sol["v"]))
