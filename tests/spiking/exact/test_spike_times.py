"""All spikes of a layer in closed form, against `simulate` by events and finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import neurojax as nj
from neurojax.neurons import CurrentLIF
from neurojax.spiking import Layer, first_spikes, spike_times

T1, MOST = 25.0, 9
INPUTS, NEURONS = 3, 3


def layer_of(coupled):
    """Several spikes each; refractory, reset below rest, each neuron with its own constants."""
    rng = np.random.default_rng(2)
    cell = CurrentLIF(
        (NEURONS,),
        tau_m=jnp.array([10.0, 10.0, 6.0]),
        tau_syn=jnp.array([4.0, 10.0, 8.0]),
        v_rest=-0.2,
        v_reset=-0.5,
        v_threshold=0.8,
        resistance=1.5,
        refractory=jnp.array([1.5, 0.7, 2.0]),
    )
    weights = rng.normal(1.6, 0.8, (INPUTS, NEURONS))
    recurrent = jnp.asarray(rng.normal(0.0, 0.9, (NEURONS, NEURONS))) * float(coupled)
    return Layer(cell, weights, recurrent), jnp.asarray(rng.uniform(0, 12, INPUTS))


def by_neuron(spikes):
    """`EventSpikes` as [k-th spike, neuron]."""
    return jnp.sort(jnp.where(spikes.neurons, spikes.times[:, None], jnp.inf), axis=0)


def weighted(times):
    """A loss of all the spikes there are."""
    finite = jnp.isfinite(times)
    weights = jnp.sin(1.0 + jnp.arange(times.size, dtype=times.dtype).reshape(times.shape))
    return (jnp.where(finite, times, 0.0) * weights).sum()


def simulated(point):
    layer, times = point
    incoming = nj.Arrivals(times, jnp.eye(INPUTS))
    run = nj.simulate(layer, t1=T1, incoming=incoming, max_spikes=MOST, record=["spikes"])
    return by_neuron(run.spikes)


def closed(point):
    layer, times = point
    return spike_times(layer, times, T1, MOST).times


@pytest.mark.usefixtures("x64")
def test_spikes_and_derivatives_are_those_of_simulate_and_of_differences(differences):
    """Alone and coupled, the two as a batch."""
    points = jax.tree.map(lambda *x: jnp.stack(x), layer_of(False), layer_of(True))

    def gradient(spikes):
        def loss(points):
            times = jax.vmap(spikes)(points)
            return jax.vmap(weighted)(times).sum(), times

        slopes, times = jax.jit(jax.grad(loss, has_aux=True))(points)
        return ravel_pytree(slopes)[0], times, lambda points: loss(points)[0]

    expected, simulated_times, _ = gradient(simulated)
    found, times, loss = gradient(closed)
    assert np.all(np.isfinite(times).sum((1, 2)) >= 5) and np.all(np.isfinite(times[:, 1]).any(1))
    # The solver's rtol of 1e-10, over a slope of 0.05 per ms.
    np.testing.assert_allclose(times, simulated_times, rtol=0, atol=3e-9)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-7)
    # Times are good to 1e-15 of 25 ms, a difference over 2e-6 to 1e-8 or so.
    np.testing.assert_allclose(found, differences(loss, points, h=1e-6), rtol=1e-7, atol=1e-7)

    # Without recurrent weights each neuron has a clock of its own.
    layer, arrivals = layer_of(False)
    alone = Layer(layer.neuron, layer.weights)
    by_one = spike_times(alone, arrivals, T1, MOST)
    np.testing.assert_allclose(by_one.times, times[0], rtol=1e-12)
    np.testing.assert_allclose(first_spikes(alone, arrivals, T1).times, times[0, 0], rtol=1e-12)


@pytest.mark.usefixtures("x64")
def test_equal_neurons_spike_at_one_time():
    """Two equal neurons that excite a third: one event, two spikes, derivatives by symmetry."""
    cell = CurrentLIF((3,), tau_m=10.0, tau_syn=5.0, refractory=30.0)
    weights = jnp.array([[3.0, 3.0, 0.0], [2.0, 2.0, 0.0]])
    recurrent = jnp.zeros((3, 3)).at[:2, 2].set(2.5)
    arrivals = jnp.array([1.0, 2.0])

    def third(weights):
        found = spike_times(Layer(cell, weights, recurrent), arrivals, T1, max_spikes=2)
        return found.times[0, 2], found

    (time, found), slope = jax.value_and_grad(third, has_aux=True)(weights)
    assert found.complete and found.times[0, 0] == found.times[0, 1] < time < T1
    np.testing.assert_allclose(slope[:, 0], slope[:, 1], rtol=1e-12)
    h = 1e-6 * jnp.ones_like(weights).at[:, 2].set(0.0)
    difference = (third(weights + h)[0] - third(weights - h)[0]) / 2e-6
    np.testing.assert_allclose(slope[:, :2].sum(), difference, rtol=1e-8)


def test_more_spikes_than_asked_for():
    layer, times = layer_of(True)
    with pytest.raises(RuntimeError, match="more than max_spikes=2"):
        spike_times(layer, times, T1, max_spikes=2)
    alone = Layer(layer.neuron, layer.weights)
    assert not jax.jit(lambda t: spike_times(alone, t, T1, max_spikes=1).complete)(times)
    with pytest.raises(ValueError, match="max_spikes must be at least 1, got 0"):
        spike_times(alone, times, T1, max_spikes=0)
