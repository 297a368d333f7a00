"""The leaky integrate-and-fire neuron by events, held against its closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj
from neurojax.neurons import LIFState

TAU, REFRACTORY = 10.0, 5.0


def spike_times(drive, cell, t1=100.0, max_spikes=4):
    sol = nj.simulate(cell, drive, t1=t1, record=["v"], max_spikes=max_spikes)
    return sol.spikes.times


def rise(current):
    """Time from 0 to threshold 1 under a constant current."""
    return TAU * np.log(current / (current - 1))


@pytest.mark.usefixtures("x64")
def test_spike_times_in_double_precision():
    cell = nj.LIF(tau_m=TAU, refractory=REFRACTORY)
    times = np.asarray(spike_times(1.2, cell))
    times = times[np.isfinite(times)]

    assert times.size == 4
    assert abs(times[0] - 17.9176) < 5e-5 and abs(times[0] - rise(1.2)) < 1e-6
    np.testing.assert_allclose(np.diff(times), 22.9176, atol=5e-5)
    np.testing.assert_allclose(np.diff(times), rise(1.2) + REFRACTORY, atol=1e-6)


def test_spike_times_in_single_precision():
    times = np.asarray(spike_times(1.2, nj.LIF(tau_m=TAU, refractory=REFRACTORY)))

    # rtol 1e-5 of the controller, over the slope dv/dt = 0.02 at threshold: 1e-3 ms.
    expected = rise(1.2) + (rise(1.2) + REFRACTORY) * np.arange(4)
    np.testing.assert_allclose(times[:4], expected, atol=3e-3)
    assert np.all(np.isinf(times[4:]))


def wavy(amplitude, offset):
    return nj.Sine(amplitude=amplitude, frequency=30.0, offset=offset)


@pytest.fixture(scope="module")
def slopes():
    """Derivatives of the first three spike times to the drive's amplitude and offset and to the
    cell's parameters: compiled once, a constant current being a wave of amplitude 0."""

    @jax.jit
    def jacobian(amplitude, offset, cell):
        def times(amplitude, offset, cell):
            return spike_times(wavy(amplitude, offset), cell, t1=70.0, max_spikes=4)[:3]

        return jax.jacobian(times, argnums=(0, 1, 2))(amplitude, offset, cell)

    return jacobian


@pytest.mark.usefixtures("x64")
def test_gradient_of_spike_times_to_a_constant_current(slopes):
    """d(rise)/dI = −tau / (I (I − 1)), and once more for each further spike."""
    _, to_current, _ = slopes(0.0, 1.2, nj.LIF(tau_m=TAU, refractory=REFRACTORY))

    closed = -TAU / (1.2 * 0.2)
    assert abs(to_current[0] - closed) < 1e-6
    assert abs(to_current[0] / closed - 1) < 1e-6
    np.testing.assert_allclose(to_current, closed * np.arange(1, 4), rtol=1e-6)


@pytest.mark.usefixtures("x64")
def test_gradient_of_spike_times_to_the_parameters(slopes):
    """The k-th spike, k = 1, 2, 3, is at kT + (k − 1) refractory, T = tau ln(RI / (RI − θ))."""
    _, _, to = slopes(0.0, 1.2, nj.LIF(tau_m=TAU, refractory=REFRACTORY))

    k = np.arange(1, 4)
    np.testing.assert_allclose(to.tau_m, k * rise(1.2) / TAU, rtol=1e-6)
    np.testing.assert_allclose(to.v_threshold, k * TAU / 0.2, rtol=1e-6)
    np.testing.assert_allclose(to.resistance, -k * TAU / 0.2, rtol=1e-6)
    np.testing.assert_allclose(to.refractory, k - 1, atol=1e-6)
    # A reset above 0 shortens the later rises: dT/dv_reset = −tau / (I − v_reset).
    np.testing.assert_allclose(to.v_reset, -(k - 1) * TAU / 1.2, rtol=1e-6, atol=1e-9)


@pytest.mark.usefixtures("x64")
def test_gradients_under_a_changing_drive_are_those_of_finite_differences(slopes):
    cell = nj.LIF(tau_m=TAU, refractory=REFRACTORY)
    to_amplitude, to_offset, _ = slopes(0.4, 1.5, cell)

    def times(amplitude, offset):
        return spike_times(wavy(amplitude, offset), cell, t1=70.0)[:3]

    # Times are good to 1e-9 ms or so, a difference over 2e-5 to 1e-4.
    h = 1e-5
    by_amplitude = (times(0.4 + h, 1.5) - times(0.4 - h, 1.5)) / (2 * h)
    by_offset = (times(0.4, 1.5 + h) - times(0.4, 1.5 - h)) / (2 * h)
    assert np.all(np.abs(by_amplitude) > 0.1)
    np.testing.assert_allclose(to_amplitude, by_amplitude, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(to_offset, by_offset, rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("x64")
def test_a_population_spikes_each_at_its_own_time():
    current = np.array([1.2, 0.9, 2.0, 2.0])
    cells = nj.LIF(shape=(4,), tau_m=TAU, refractory=np.array([5.0, 5.0, 0.0, 0.0]))
    sol = nj.simulate(cells, current, t1=45.0, max_spikes=20)

    np.testing.assert_allclose(sol.spikes.of(0), [rise(1.2), 2 * rise(1.2) + 5], atol=1e-6)
    assert sol.spikes.of(1).size == 0
    np.testing.assert_allclose(sol.spikes.of(2), rise(2.0) * np.arange(1, 7), atol=1e-6)
    np.testing.assert_allclose(sol.spikes.of(3), sol.spikes.of(2), atol=1e-9)
    np.testing.assert_array_equal(sol.spikes.counts(), [2, 0, 6, 6])


@pytest.mark.usefixtures("x64")
def test_samples_follow_the_closed_form_between_spikes():
    cell = nj.LIF(tau_m=TAU, refractory=REFRACTORY)
    ts = np.array([0.0, 5.0, 17.9, 18.0, 22.9, 23.0, 30.0, 50.0])
    sol = nj.simulate(cell, 1.2, t1=50.0, ts=ts)

    period = rise(1.2) + REFRACTORY
    since = np.where(ts < rise(1.2), ts, np.maximum((ts - period) % period, 0))
    since = np.where((ts > rise(1.2)) & (ts < period), 0, since)
    since = np.where(ts == 50.0, 50 - 2 * period, since)
    np.testing.assert_array_equal(sol.ts, ts)
    np.testing.assert_allclose(sol["v"], 1.2 * (1 - np.exp(-since / TAU)), atol=1e-7)


@pytest.mark.usefixtures("x64")
def test_started_above_threshold_it_waits_to_fall_before_it_may_spike():
    """By events a spike is a rise through the threshold: 3 exp(−t/10) never rises."""
    above = LIFState(jnp.array(3.0), None)
    falling = nj.simulate(nj.LIF(), 0.0, t1=30.0, state=above)
    assert falling.spikes.counts() == 0
    assert abs(falling.final.state.v - 3 * np.exp(-3)) < 1e-8

    # It falls below 1, and rises once more when the current comes.
    pulse = nj.Step(1.2, start=30.0)
    v30 = 3 * np.exp(-3)
    again = 30 + TAU * np.log((1.2 - v30) / 0.2)
    sol = nj.simulate(nj.LIF(), pulse, t1=50.0, state=above)
    np.testing.assert_allclose(sol.spikes.of(0)[:1], [again], atol=1e-6)
