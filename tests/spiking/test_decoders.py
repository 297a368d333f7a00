"""First spikes, and how their times change with spikes that come or go."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import neurojax as nj
from neurojax.spiking import fast_sigmoid, first_spike_cross_entropy, first_spike_times

SPIKES = jnp.array([[0, 1, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [1, 0, 0, 1]], float)


def test_first_spikes_by_hand():
    np.testing.assert_array_equal(first_spike_times(SPIKES), [1, 0, 4, 3])
    np.testing.assert_array_equal(first_spike_times(SPIKES[:, None], dt=0.5), [[0.5, 0, 2, 1.5]])


def test_its_slope_is_the_difference_that_a_spike_makes(getkey):
    """With each spike in turn put there and taken away."""
    spikes = jr.bernoulli(getkey(), 0.3, (8, 12)).astype(float)
    slope = jax.jacobian(lambda s: first_spike_times(s, dt=2.0))(spikes)

    def made(step, neuron):
        with_, without = (first_spike_times(spikes.at[step, neuron].set(s), dt=2.0) for s in (1, 0))
        return with_ - without

    expected = np.array([[made(n, i) for i in range(12)] for n in range(8)])
    np.testing.assert_array_equal(np.moveaxis(slope, 0, -1), expected)


def test_a_neuron_learns_to_be_first(getkey):
    """Through surrogates: descent on the cross-entropy of first spikes, from the wrong order."""
    cell = nj.LIF(shape=(2,), tau_m=10.0, surrogate=fast_sigmoid(5.0))

    def times(current):
        run = nj.simulate(cell, nj.Constant(current), t1=30.0, dt=1.0, record=("raster",))
        return first_spike_times(run["raster"].astype(float))

    @jax.jit
    @jax.value_and_grad
    def loss(current):
        return first_spike_cross_entropy(times(current), jnp.asarray(1), jnp.inf, 5.0)

    current = jnp.array([1.5, 0.9])
    assert times(current)[0] < 30 and times(current)[1] == 30
    before = loss(current)[0]
    for _ in range(100):
        current = current - 0.1 * loss(current)[1]
    assert loss(current)[0] < 0.2 < before
    assert times(current)[1] < times(current)[0]


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"first_spike_times: spikes must be 0 or 1, got 2\.0"):
        first_spike_times(2 * SPIKES)
    with pytest.raises(ValueError, match="first_spike_times: spikes must be 0 or 1, got nan"):
        first_spike_times(SPIKES / 0)
    with pytest.raises(ValueError, match=r"first_spike_times: dt must be positive, got 0\.0"):
        first_spike_times(SPIKES, dt=0.0)
