"""Spikes that arrive from outside, by the clock and by events, held against closed forms."""

from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import neurojax as nj
from neurojax.core import Clock

TAU, DT = 10.0, 0.1  # ms
TIMES = np.array([1.0, 2.34, 2.34, 7.5])  # ms
WEIGHTS = np.array([[0.3, 0.1], [0.2, -0.4], [0.1, 0.0], [0.25, 0.3]])


def response(times, weights, t):
    """v of a membrane without a drive at time t, as if nothing arrived after it."""
    since = np.maximum(t - times, 0)
    return np.sum(
        np.where(times < t, 1.0, 0.0)[:, None] * weights * np.exp(-since / TAU)[:, None], 0
    )


@pytest.mark.usefixtures("x64")
def test_on_the_clock_they_arrive_at_the_end_of_the_step_they_fall_in():
    arrivals = nj.Arrivals(TIMES, WEIGHTS)
    sol = nj.simulate(nj.LIF((2,), tau_m=TAU), t1=10.0, dt=DT, incoming=arrivals)

    felt = (np.floor(TIMES / DT + 1e-3) + 1) * DT
    expected = [response(felt - 1e-9, WEIGHTS, t) for t in np.asarray(sol.ts)]
    np.testing.assert_allclose(sol["v"], expected, atol=1e-9)  # of the 1e-9 ms
    # 1.0 is no multiple of 0.1 in binary: it is step 10, felt by sample 11.
    assert np.all(sol["v"][10] == 0) and np.all(sol["v"][11] == WEIGHTS[0])


@pytest.mark.usefixtures("x64")
def test_whatever_a_drive_may_be_on_the_clock():
    """One value for each step, as an array, a Series, an array for each neuron or a function."""
    values = np.where(np.arange(50)[:, None] % 7 == 3, np.array([0.05, 0.1]), 0.0)
    cell = nj.LIF((2,), tau_m=TAU)

    def end(incoming):
        return nj.simulate(cell, t1=5.0, dt=DT, incoming=incoming, record=["spikes"]).final.state.v

    at = np.arange(50)[values[:, 0] > 0]
    expected = np.sum(np.exp(-(50 - at - 1) * DT / TAU)) * np.array([0.05, 0.1])
    for incoming in (values, nj.Series(values), nj.Arrivals(at * DT, values[at])):
        np.testing.assert_allclose(end(incoming), expected, atol=1e-14)
    decay = np.exp(-DT / TAU)
    steady = 0.01 * (1 - decay**50) / (1 - decay)
    np.testing.assert_allclose(end(lambda t: jnp.full(2, 0.01)), steady, atol=1e-14)
    poisson = nj.Poisson(jr.key(1), 500.0, 0.01, (2,))
    drawn = np.stack([poisson.on(Clock(jnp.array(n), DT)) for n in range(50)])
    np.testing.assert_allclose(end(poisson), decay ** np.arange(49, -1, -1) @ drawn, atol=1e-14)


@pytest.mark.usefixtures("x64")
def test_gradients_on_the_clock():
    """Far from threshold, where the surrogate of a spike is nothing."""
    cell = nj.LIF((2,), tau_m=TAU, v_threshold=1e9)

    def end(weights):
        arrivals = nj.Arrivals(TIMES, weights)
        sol = nj.simulate(cell, t1=10.0, dt=DT, incoming=arrivals, record=["v"])
        return sol.final.state.v.sum()

    felt = (np.floor(TIMES / DT + 1e-3) + 1) * DT
    closed = np.exp(-(10 - felt) / TAU)[:, None] * np.ones(2)
    np.testing.assert_allclose(jax.grad(end)(jnp.asarray(WEIGHTS)), closed, rtol=1e-12)


@pytest.fixture(scope="module")
def by_events():
    """Samples and spike times of a driven pair, and the derivatives of its first neuron's: compiled
    once for all of the numbers below."""
    ts = np.array([0.5, 1.0, 2.0, 2.34, 5.0])

    @jax.jit
    def run(times, weights, current):
        sol = nj.simulate(
            nj.LIF((2,), tau_m=TAU, refractory=2.0),
            current,
            t1=9.0,
            ts=ts,
            incoming=nj.Arrivals(times, weights),
            max_spikes=4,
        )
        return sol.spikes.times[0], (sol["v"], sol.spikes, sol.final.state.v)

    slopes = jax.jit(jax.grad(lambda *args: run(*args)[0], argnums=(0, 1, 2)))
    return ts, run, slopes


@pytest.mark.usefixtures("x64")
def test_by_events_they_arrive_at_their_times(by_events):
    ts, run, _ = by_events
    _, (v, spikes, end) = run(TIMES[::-1], WEIGHTS[::-1], jnp.zeros(2))

    expected = np.stack([response(TIMES - 1e-12, WEIGHTS, t) for t in ts])
    np.testing.assert_allclose(v, expected, atol=1e-9)  # a sample at an arrival is after it
    np.testing.assert_allclose(end, response(TIMES, WEIGHTS, 9.0), atol=1e-9)
    assert not np.isfinite(spikes.times).any()


@pytest.mark.usefixtures("x64")
def test_gradients_of_a_spike_that_an_arrival_hastens(by_events):
    """v = I (1 − exp(−t/τ)) + w exp(−(t − a)/τ) is 1 at t = τ ln((I − w exp(a/τ)) / (I − 1))."""
    _, run, slopes = by_events
    current, a, w = 1.5, 2.0, 0.3
    times = jnp.array([a, 20.0, 20.0, 20.0])
    weights = jnp.zeros((4, 2)).at[0, 0].set(w)
    args = times, weights, jnp.array([current, 0.0])
    left = current - w * np.exp(a / TAU)
    spike, _ = run(*args)
    to_times, to_weights, to_current = slopes(*args)

    np.testing.assert_allclose(spike, TAU * np.log(left / (current - 1)), atol=1e-8)
    np.testing.assert_allclose(to_times[0], -w * np.exp(a / TAU) / left, rtol=1e-7)
    np.testing.assert_allclose(to_weights[0, 0], -TAU * np.exp(a / TAU) / left, rtol=1e-7)
    np.testing.assert_allclose(to_current[0], TAU * (1 / left - 1 / (current - 1)), rtol=1e-7)
    assert np.all(to_times[1:] == 0) and np.all(to_weights[1:] == 0)


@pytest.mark.usefixtures("x64")
def test_a_spike_that_an_arrival_makes_is_at_its_time(by_events):
    """And is deaf while refractory: of the arrivals at 3, 4 and 6 ms the second is not heard."""
    _, run, slopes = by_events
    times = jnp.array([3.0, 4.0, 6.0, 20.0])
    weights = jnp.array([[1.2, 0.4], [0.5, 0.4], [0.25, -0.4], [0.0, 0.0]])
    spike, (_, spikes, end) = run(times, weights, jnp.zeros(2))
    to_times, to_weights, _ = slopes(times, weights, jnp.zeros(2))

    assert spike == 3.0
    np.testing.assert_array_equal(spikes.counts(), [1, 0])
    decays = np.exp((np.array([3.0, 4.0, 6.0]) - 9) / TAU)
    expected = [0.25 * decays[2], np.dot([0.4, 0.4, -0.4], decays)]
    np.testing.assert_allclose(end, expected, atol=1e-9)
    np.testing.assert_array_equal(to_times, [1, 0, 0, 0])
    assert np.all(np.isfinite(to_weights))


@pytest.mark.usefixtures("x64")
def test_a_run_goes_on_where_it_stopped():
    """An arrival at the stop is heard once."""
    arrivals = nj.Arrivals(np.array([2.0, 4.0, 4.0, 6.0]), np.array([0.2, 0.3, 0.1, 0.6]))
    kinds: list[dict[str, Any]] = [{"dt": DT}, {"max_spikes": 4}]
    for kind in kinds:
        whole = nj.simulate(nj.LIF(), 0.5, t1=8.0, incoming=arrivals, **kind)
        half = nj.simulate(nj.LIF(), 0.5, t1=4.0, incoming=arrivals, **kind)
        rest = nj.simulate(nj.LIF(), 0.5, t1=8.0, incoming=arrivals, state=half.final, **kind)

        both = np.concatenate([half.spikes.of(0), rest.spikes.of(0)])
        assert whole.spikes.counts() == 1
        np.testing.assert_allclose(both, whole.spikes.of(0), atol=1e-9)
        np.testing.assert_allclose(rest.final.state.v, whole.final.state.v, atol=1e-9)


def test_what_is_no_incoming_spike_is_refused():
    cell = nj.LIF((2,))
    good = nj.Arrivals(TIMES, WEIGHTS)
    clock: dict[str, Any] = {"t1": 1.0, "dt": DT}
    with pytest.raises(ValueError, match=r"Arrivals: times of shape \(4,\) need weights with as m"):
        nj.Arrivals(TIMES, WEIGHTS[:2])
    with pytest.raises(ValueError, match=r"incoming\.weights holds NaN"):
        nj.simulate(cell, incoming=nj.Arrivals(TIMES, WEIGHTS * np.nan), **clock)
    with pytest.raises(ValueError, match=r"incoming does not fit LIF: "):
        nj.simulate(nj.LIF((3,)), incoming=good, **clock)
    with pytest.raises(ValueError, match=r"incoming does not fit LIF: "):
        nj.simulate(nj.LIF((3,)), incoming=good, t1=1.0)
    with pytest.raises(ValueError, match=r"incoming does not fit LIF: state\.v becomes \(2,\)"):
        nj.simulate(nj.LIF(), incoming=good, t1=1.0)
    with pytest.raises(
        TypeError, match=r"incoming must be Arrivals\(times, weights\) in a run by e"
    ):
        nj.simulate(cell, incoming=np.ones((10, 2)), t1=1.0)
    with pytest.raises(TypeError, match=r"incoming: PoissonNeuron has no synapses"):
        nj.simulate(nj.neurons.PoissonNeuron((2,)), incoming=good, key=jr.key(0), **clock)
    with pytest.raises(
        ValueError, match=r"Arrivals are events: they can be incoming spikes, not a"
    ):
        nj.simulate(cell, good, t1=1.0)
