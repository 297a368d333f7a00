"""The spike as a function: exact forward, a surrogate backward."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj
from neurojax.core import spike, superspike, where_spiked

X = jnp.array([-2.0, -0.1, -1e-6, 0.0, 1e-6, 0.1, 2.0])


def test_a_spike_is_a_strict_step():
    np.testing.assert_array_equal(spike(X, superspike), [0, 0, 0, 0, 1, 1, 1])


def test_its_derivative_is_the_surrogate():
    """SuperSpike: 1 / (1 + 10|x|)², 1 at threshold and 1/4 a tenth away."""
    slopes = jax.vmap(jax.grad(lambda x: spike(x, superspike)))(X)

    np.testing.assert_allclose(slopes, 1 / (1 + 10 * np.abs(np.asarray(X))) ** 2, rtol=1e-6)
    assert slopes[3] == 1 and abs(slopes[5] - 0.25) < 1e-7
    forward = jax.jvp(lambda x: spike(x, superspike), (X,), (jnp.ones_like(X),))[1]
    np.testing.assert_array_equal(forward, slopes)


def test_superspike_is_the_derivative_of_a_fast_sigmoid():
    """Of x / (1 + 10|x|), by finite differences."""
    x = np.array([-1.0, -0.3, 0.2, 3.0])
    h = 1e-6
    sigmoid = [(x + s) / (1 + 10 * np.abs(x + s)) for s in (h, -h)]
    slope = (sigmoid[0] - sigmoid[1]) / (2 * h)
    np.testing.assert_allclose(superspike(jnp.asarray(x, jnp.float32)), slope, rtol=1e-5)


def test_where_spiked_is_exact_in_value():
    """Bitwise one of the two, also where `spikes·a + (1 − spikes)·b` would round."""
    after, before = jnp.array(0.1), jnp.array([1e8, -65.3, 0.7])
    chosen = where_spiked(jnp.array([1.0, 0.0, 1.0]), after, before)
    np.testing.assert_array_equal(chosen, [np.float32(0.1), before[1], np.float32(0.1)])


def test_where_spiked_has_the_derivative_of_the_sum():
    """Of s·a + (1 − s)·b: a − b to s, s to a, 1 − s to b."""
    after, before = jnp.array(0.2), jnp.array([1.3, 0.4])
    for spikes in (jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0])):
        slopes = jax.grad(lambda s, a, b: jnp.sum(where_spiked(s, a, b)), argnums=(0, 1, 2))(
            spikes, after, before
        )
        np.testing.assert_allclose(slopes[0], after - before, rtol=1e-6)
        np.testing.assert_allclose(slopes[1], spikes.sum())
        np.testing.assert_allclose(slopes[2], 1 - spikes)


@pytest.mark.usefixtures("x64")
def test_the_surrogate_of_a_neuron_is_the_one_used():
    """A single step from v: d(spikes)/dI is surrogate(v₁ − 1) · dv₁/dI, dv₁/dI = 1 − exp(−dt/τ)."""

    def sharp(x):
        return 3.0 * jnp.exp(-jnp.abs(x))

    cell = nj.LIF(surrogate=sharp)
    start = cell.initial_state()._replace(v=jnp.array(0.9))

    def count(current):
        record = {"n": nj.SpikeCount()}
        return nj.simulate(cell, current, t1=0.5, dt=0.5, state=start, record=record)["n"]

    decay = np.exp(-0.05)
    for current in (1.5, 6.0):
        v = 0.9 * decay + current * (1 - decay)
        assert count(current) == float(v > 1)
        expected = 3 * np.exp(-abs(v - 1)) * (1 - decay)
        np.testing.assert_allclose(jax.grad(count)(current), expected, rtol=1e-12)
