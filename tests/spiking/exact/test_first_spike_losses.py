"""Losses of first spikes, and the way back from silence."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurojax.neurons import CurrentLIF
from neurojax.spiking import Layer, first_spike_cross_entropy, first_spikes, shortfall

T1 = 60.0
TIMES = jnp.array([1.0, 4.0, 9.0])


def test_cross_entropy_of_the_order_of_spikes():
    times, tau = jnp.array([3.0, 5.0, jnp.inf]), 2.0
    weight = np.exp(-np.array([3.0, 5.0, T1]) / tau)
    for label in range(3):
        found = first_spike_cross_entropy(times, jnp.asarray(label), T1, tau)
        np.testing.assert_allclose(found, -np.log(weight[label] / weight.sum()), rtol=1e-6)

    # An earlier right answer and a later wrong one are better; what is silent has no derivative.
    slope = jax.grad(first_spike_cross_entropy)(times, jnp.asarray(0), T1, tau)
    assert slope[0] > 0 > slope[1] and slope[2] == 0


def layer_of(weights):
    cell = CurrentLIF((1,), tau_m=20.0, tau_syn=5.0, v_rest=-1.0, v_threshold=1.0, resistance=2.0)
    return Layer(cell, jnp.asarray(weights)[:, None])


def test_shortfall_is_the_rest_of_the_way_to_threshold():
    quiet, loud = layer_of([1.0, 1.0, 1.0]), layer_of([8.0, 8.0, 8.0])
    found = first_spikes(quiet, TIMES, T1)
    np.testing.assert_allclose(shortfall(quiet, TIMES, found), (1 - found.peaks) / 2)
    found = first_spikes(loud, TIMES, T1)
    assert np.isfinite(found.times[0])
    np.testing.assert_array_equal(shortfall(loud, TIMES, found), 0.0)


@pytest.mark.parametrize(
    "weights", [[0.5, 0.4, 0.1], [1.0, -4.0, 1.0], [-1.0, -2.0, -0.5], [0.0, 0.0, 0.0]]
)
def test_descent_wakes_a_silent_neuron(weights):
    """Whether it is excited too little, inhibited, only inhibited, or not reached at all."""

    @jax.jit
    @jax.grad
    def slope(weights):
        layer = layer_of(weights)
        return shortfall(layer, TIMES, first_spikes(layer, TIMES, T1)).sum()

    weights = jnp.asarray(weights)
    assert np.isinf(first_spikes(layer_of(weights), TIMES, T1).times[0])
    for _ in range(500):
        slopes = slope(weights)
        assert np.all(np.isfinite(slopes))
        weights = weights - 0.2 * slopes
    assert np.isfinite(first_spikes(layer_of(weights), TIMES, T1).times[0])
