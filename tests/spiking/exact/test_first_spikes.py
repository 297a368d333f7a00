"""First spikes in closed form, against a fine grid, finite differences and what must not matter."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import neurojax as nj
from neurojax.neurons import CurrentLIF
from neurojax.spiking import Layer, first_spikes

T1 = 50.0
NEURONS, INPUTS = 40, 6


def mixed_layer(dtype: Any = float) -> Any:
    """Time constants of all ratios, equal and nearly equal ones among them, and weights of both
    signs: some neurons spike, some stay silent."""
    rng = np.random.default_rng(4)
    tau_m = rng.choice([5.0, 10.0, 20.0], NEURONS)
    tau_syn = tau_m * rng.choice([0.1, 0.25, 0.5, 1.0, 1.0 + 1e-7, 3.0], NEURONS)
    cell = CurrentLIF(
        (NEURONS,),
        tau_m=jnp.asarray(tau_m, dtype),
        tau_syn=jnp.asarray(tau_syn, dtype),
        v_rest=jnp.asarray(rng.uniform(-0.4, -0.2, NEURONS), dtype),
        v_threshold=jnp.asarray(rng.uniform(0.6, 0.8, NEURONS), dtype),
        v_reset=jnp.asarray(-0.5, dtype),
        resistance=jnp.asarray(rng.uniform(1.0, 1.5, NEURONS), dtype),
    )
    weights = rng.normal(0.8, 1.6, (INPUTS, NEURONS))
    return Layer(cell, jnp.asarray(weights, dtype)), jnp.asarray(rng.uniform(0, 20, INPUTS), dtype)


def potentials(layer, times, t):
    """[t, neuron], above rest: the textbook sum, extended for nearly equal time constants."""
    cell = layer.neuron
    tau_m, tau_syn, r = (
        np.asarray(x, np.longdouble) for x in (cell.tau_m, cell.tau_syn, cell.resistance)
    )
    s = np.maximum(t[:, None] - np.asarray(times, np.longdouble), 0)[..., None]
    equal = tau_m == tau_syn
    apart = (np.exp(-s / tau_m) - np.exp(-s / tau_syn)) / np.where(equal, 1, tau_m / tau_syn - 1)
    response = np.where(equal, s / tau_m * np.exp(-s / tau_m), apart)
    return r * (response * np.asarray(layer.weights)).sum(1)


def by_grid(layer, times):
    """First crossing and maximum of each neuron, by 5,001 points and bisection between two."""
    grid = np.linspace(0, T1, 5_001)
    threshold = np.asarray(layer.neuron.v_threshold - layer.neuron.v_rest)
    trace = potentials(layer, times, grid)
    above = trace > threshold
    first = above.argmax(0)
    low, high = grid[np.maximum(first - 1, 0)], grid[first]
    for _ in range(60):
        middle = (low + high) / 2
        past = np.diagonal(potentials(layer, times, middle)) > threshold
        low, high = np.where(past, low, middle), np.where(past, middle, high)
    peaks = np.where(above.any(0), threshold, trace.max(0)).astype(float)
    return np.where(above.any(0), high, np.inf), peaks


@pytest.mark.usefixtures("x64")
def test_times_and_peaks_are_those_of_a_fine_grid():
    layer, times = mixed_layer()
    found = first_spikes(layer, times, T1)
    expected, peaks = by_grid(layer, times)

    assert 10 < np.isfinite(expected).sum() < NEURONS - 5
    spiked = np.isfinite(expected)
    np.testing.assert_array_equal(np.isfinite(found.times), spiked)
    # The reference is good to 1e-13 and, where time constants differ by 1e-7, to 1e-19/1e-7/slope.
    np.testing.assert_allclose(found.times[spiked], expected[spiked], rtol=0, atol=1e-11)
    # The grid's 0.01 ms: a kink is missed by that times a slope of at most 1 per ms.
    above_rest = found.peaks - layer.neuron.v_rest
    np.testing.assert_allclose(above_rest, peaks, rtol=0, atol=0.01)
    assert np.all(above_rest >= peaks - 1e-12)


@pytest.mark.usefixtures("x64")
def test_derivatives_are_those_of_finite_differences(differences):
    layer, times = mixed_layer()
    to_times, to_peaks = np.random.default_rng(0).normal(size=(2, NEURONS))

    def loss(point):
        layer, times = point
        found = first_spikes(layer, times, T1)
        spikes = jnp.where(jnp.isfinite(found.times), found.times, 0.0)
        return (spikes * to_times + found.peaks * to_peaks).sum()

    gradient, _ = ravel_pytree(jax.jit(jax.grad(loss))((layer, times)))
    difference = differences(loss, (layer, times), h=1e-6)
    # Times are good to 1e-15 of 50 ms, a difference over 2e-6 to 1e-7 or so.
    np.testing.assert_allclose(gradient, difference, rtol=1e-6, atol=1e-6)
    assert np.count_nonzero(gradient) > 0.8 * gradient.size


@pytest.mark.usefixtures("x64")
def test_a_peak_that_an_arrival_makes_moves_with_it():
    """Excitation at 2 ms, inhibition at 5 ms, when the potential still rises below threshold."""
    cell = CurrentLIF((1,), tau_m=20.0, tau_syn=10.0)
    layer = Layer(cell, [[1.0], [-3.0]])

    def highest(excited, inhibited):
        return first_spikes(layer, jnp.stack([excited, inhibited]), T1).peaks[0]

    point = jnp.asarray(2.0), jnp.asarray(5.0)
    s = 3.0
    rise = np.exp(-s / 20) - np.exp(-s / 10)
    slope = np.exp(-s / 10) / 10 - np.exp(-s / 20) / 20
    peak, slopes = jax.value_and_grad(highest, argnums=(0, 1))(*point)
    np.testing.assert_allclose([peak, *slopes], [rise, -slope, slope], rtol=1e-12)


def test_silent_neurons_have_no_time_and_no_derivative_but_a_peak():
    layer, times = mixed_layer()

    def total(layer, times):
        found = first_spikes(layer, times, T1)
        return jnp.where(jnp.isfinite(found.times), found.times, 0.0).sum(), found

    gradient, found = jax.grad(total, has_aux=True)(layer, times)
    silent = np.isinf(found.times)
    assert 5 < silent.sum() < NEURONS
    assert np.all(np.isfinite(ravel_pytree(gradient)[0]))
    assert np.all(gradient.weights[:, silent] == 0)
    assert np.all(found.peaks[silent] < layer.neuron.v_threshold[silent])
    np.testing.assert_array_equal(found.peaks[~silent], layer.neuron.v_threshold[~silent])

    # A step along its peak's derivative leads a silent neuron to threshold.
    to_peaks = jax.grad(lambda layer: first_spikes(layer, times, T1).peaks.sum())(layer).weights
    steps = (layer.neuron.v_threshold - found.peaks) / jnp.maximum((to_peaks**2).sum(0), 1e-9)
    led = Layer(layer.neuron, layer.weights + 1.2 * jnp.where(silent, steps, 0)[None] * to_peaks)
    driven = silent & (np.abs(np.asarray(to_peaks)).sum(0) > 0)
    assert np.isfinite(first_spikes(led, times, T1).times)[driven].mean() > 0.9


def test_inputs_that_do_not_spike():
    layer, times = mixed_layer()
    gradient, found = jax.jacrev(lambda t: (first_spikes(layer, t, T1),) * 2, has_aux=True)(
        jnp.full_like(times, jnp.inf)
    )
    assert np.all(np.isinf(found.times))
    np.testing.assert_array_equal(found.peaks, layer.neuron.v_rest)
    assert all(np.all(leaf == 0) for leaf in gradient)

    some = times.at[2].set(jnp.inf)
    without = Layer(layer.neuron, jnp.delete(layer.weights, 2, axis=0))
    np.testing.assert_allclose(
        first_spikes(layer, some, T1).times,
        first_spikes(without, jnp.delete(times, 2), T1).times,
        rtol=1e-6,
    )
    later = times.at[2].set(T1 + 3)
    np.testing.assert_array_equal(
        first_spikes(layer, later, T1).times, first_spikes(layer, some, T1).times
    )


@pytest.mark.usefixtures("x64")
def test_order_ties_and_repeats_of_input_spikes():
    layer, times = mixed_layer()
    times = times.at[1].set(times[0])
    found = first_spikes(layer, times, T1)

    order = np.array([3, 0, 5, 1, 2, 4])
    shuffled = first_spikes(Layer(layer.neuron, layer.weights[order]), times[order], T1)
    merged = Layer(layer.neuron, layer.weights[1:].at[0].add(layer.weights[0]))
    both = jnp.stack([times, times + 3.0])
    twice = Layer(layer.neuron, jnp.concatenate([layer.weights] * 2))
    for one, other in (
        (shuffled, found),
        (first_spikes(merged, times[1:], T1), found),
        (first_spikes(layer, both, T1), first_spikes(twice, both.reshape(-1), T1)),
    ):
        np.testing.assert_allclose(one.times, other.times, rtol=1e-12)
        np.testing.assert_allclose(one.peaks, other.peaks, rtol=1e-12)


def test_a_batch_in_single_precision_is_its_samples_in_double():
    layer, times = mixed_layer(jnp.float32)
    batch = times[None] + jnp.arange(5.0)[:, None] * jnp.arange(INPUTS, dtype=float)[None] / 7
    found = jax.vmap(lambda t: first_spikes(layer, t, T1))(batch)
    with jax.enable_x64(True):
        precise = jax.tree.map(lambda x: x.astype(jnp.float64), (layer, batch))
        alone = [first_spikes(precise[0], sample, T1) for sample in precise[1]]
    for i, one in enumerate(alone):
        np.testing.assert_array_equal(np.isfinite(found.times[i]), np.isfinite(one.times))
        # 1e-7 of rounding in a potential of several, over a slope of 0.01 per ms.
        spiked = np.isfinite(one.times)
        np.testing.assert_allclose(found.times[i][spiked], one.times[spiked], atol=3e-4)
        np.testing.assert_allclose(found.peaks[i], one.peaks, atol=3e-6)


def one_cell(**parameters):
    return CurrentLIF((2,), **parameters)


WEIGHTS = np.ones((3, 2))


@pytest.mark.parametrize(
    ("layer", "times", "error", "said"),
    [
        (one_cell(), [1.0] * 3, TypeError, "Layer"),
        (Layer(nj.LIF((2,)), WEIGHTS), [1.0] * 3, TypeError, "LIF has no closed form"),
        (Layer(one_cell(), WEIGHTS, np.eye(2)), [1.0] * 3, ValueError, "recurrent"),
        (Layer(one_cell(), WEIGHTS), [1.0] * 4, ValueError, "3 inputs"),
        (Layer(one_cell(), WEIGHTS), [1.0, -2.0, 1.0], ValueError, "negative or NaN, got -2"),
        (Layer(one_cell(), WEIGHTS), [1.0, np.nan, 1.0], ValueError, "negative or NaN, got nan"),
        (Layer(one_cell(v_rest=1.5), WEIGHTS), [1.0] * 3, ValueError, "v_rest must be below"),
        (Layer(one_cell(v_reset=1.5), WEIGHTS), [1.0] * 3, ValueError, "v_reset must be below"),
    ],
)
def test_what_has_no_closed_form_is_refused(layer, times, error, said):
    with pytest.raises(error, match=said):
        first_spikes(layer, jnp.asarray(times), T1)
