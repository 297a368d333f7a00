"""Penalties of activity by hand, and the way they push."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from neurojax.spiking import (
    high_activity_penalty,
    l1_rate_penalty,
    l2_rate_penalty,
    low_activity_penalty,
)

# Counts in 4 steps, [samples, neurons]: their means over neurons are 2 and 1.
COUNTS = np.array([[0, 1, 4, 3], [1, 0, 2, 1]])
SPIKES = jnp.asarray((np.arange(4)[:, None, None] < COUNTS).astype(np.float32))


def test_bounds_of_each_neuron():
    assert low_activity_penalty(SPIKES, 2) == pytest.approx((4 + 1 + 1 + 4 + 1) / 8)
    assert high_activity_penalty(SPIKES, 1.5) == pytest.approx((6.25 + 2.25 + 0.25) / 8)
    assert low_activity_penalty(SPIKES, 0) == 0
    assert high_activity_penalty(SPIKES, 4) == 0


def test_bounds_of_the_population():
    assert low_activity_penalty(SPIKES, 1.5, population=True) == pytest.approx(0.25 / 2)
    assert high_activity_penalty(SPIKES, 0.5, population=True) == pytest.approx((2.25 + 0.25) / 2)
    assert high_activity_penalty(SPIKES, 2.0, population=True) == 0


def test_rates():
    assert l1_rate_penalty(SPIKES) == pytest.approx((COUNTS / 4).mean())
    assert l2_rate_penalty(SPIKES) == pytest.approx(((COUNTS / 4) ** 2).mean())


PENALTIES = [
    lambda s: low_activity_penalty(s, 2.5),
    lambda s: high_activity_penalty(s, 1.5),
    lambda s: low_activity_penalty(s, 1.7, population=True),
    lambda s: high_activity_penalty(s, 1.7, population=True),
    l1_rate_penalty,
    l2_rate_penalty,
]


@pytest.mark.parametrize("penalty", PENALTIES)
def test_neurons_may_have_any_shape_and_samples_are_averaged(penalty):
    found = penalty(SPIKES)
    assert penalty(SPIKES.reshape(4, 2, 2, 2)) == pytest.approx(float(found), rel=1e-6)
    each = [float(penalty(SPIKES[:, i : i + 1])) for i in range(2)]
    assert found == pytest.approx(np.mean(each), rel=1e-6)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("penalty", PENALTIES)
def test_slopes(penalty, differences, getkey):
    spikes = jr.uniform(getkey(), (4, 3, 5), jnp.float64)
    slope = jax.grad(penalty)(spikes).ravel()
    np.testing.assert_allclose(slope, differences(penalty, spikes, 1e-6), rtol=1e-6, atol=1e-9)


def test_only_what_is_out_of_bounds_is_pushed():
    down = jax.grad(lambda s: high_activity_penalty(s, 1.0))(SPIKES)
    up = jax.grad(lambda s: low_activity_penalty(s, 1.0))(SPIKES)
    np.testing.assert_array_equal(np.all(np.asarray(down) > 0, 0), COUNTS > 1)
    np.testing.assert_array_equal(np.all(np.asarray(up) < 0, 0), COUNTS < 1)
    np.testing.assert_array_equal((down != 0).any(0), COUNTS > 1)


def test_what_is_refused():
    with pytest.raises(
        ValueError, match="low_activity_penalty: least must not be negative, got -1"
    ):
        low_activity_penalty(SPIKES, -1)
    with pytest.raises(ValueError, match="high_activity_penalty: most must not be negative, got n"):
        high_activity_penalty(SPIKES, np.nan)
    for penalty in PENALTIES:
        with pytest.raises(ValueError, match=r"spikes must be \[time, samples, \*neurons\]"):
            penalty(SPIKES[:0])
