"""Hodgkin & Huxley's own computation, by hand, is the oracle."""

import jax.numpy as jnp
import numpy as np

from models.squid_axon import membrane_action_potentials


def test_fires_for_the_shocks_for_which_the_paper_says_so():
    sol = membrane_action_potentials(jnp.array([90.0, 15.0, 7.0, 6.0]))
    np.testing.assert_array_equal(sol.spikes.counts(), [1, 1, 1, 0])


def test_smaller_shocks_fire_later_and_as_high():
    sol = membrane_action_potentials(jnp.array([90.0, 15.0, 7.0]))
    v = np.asarray(sol["v"])
    first, second, third = np.asarray(sol.ts)[v.argmax(axis=0)]
    assert first < second < third < 5
    assert np.ptp(v.max(axis=0)) < 10
