"""Runs by events side by side: each as if it were alone, in value and in gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj

CURRENTS = np.array([1.2, 1.5, 2.0, 0.5])  # the last never spikes


@pytest.fixture(autouse=True)
def _double(x64):
    yield


def run(current):
    return nj.simulate(nj.LIF(refractory=5.0), current, t1=40.0, max_spikes=6)


def first_spike(current):
    return run(current).spikes.times[0]


def test_runs_with_fewer_events_than_others_end_where_they_would_alone():
    together = jax.vmap(run)(jnp.asarray(CURRENTS))
    for i, current in enumerate(CURRENTS):
        alone = run(float(current))
        np.testing.assert_allclose(together.spikes.times[i], alone.spikes.times, rtol=1e-12)
        np.testing.assert_allclose(together.final.state.v[i], alone.final.state.v, rtol=1e-12)
        np.testing.assert_allclose(together["v"][i], alone["v"], rtol=1e-9, atol=1e-12)


def test_gradients_are_the_closed_form_s():
    slopes = jax.vmap(jax.grad(first_spike))(jnp.asarray(CURRENTS[:3]))
    due = 10.0 * (1 / CURRENTS[:3] - 1 / (CURRENTS[:3] - 1))
    np.testing.assert_allclose(slopes, due, rtol=1e-6)
    both = jax.grad(lambda x: jax.vmap(first_spike)(x).sum())(jnp.asarray(CURRENTS[:3]))
    np.testing.assert_allclose(both, due, rtol=1e-6)
