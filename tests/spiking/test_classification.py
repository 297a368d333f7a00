"""Losses of classes against formulas in numpy, by hand, and finite differences."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy.special import log_softmax

from neurojax.spiking import (
    last_membrane_cross_entropy,
    max_membrane_cross_entropy,
    mean_membrane_cross_entropy,
    spike_count_cross_entropy,
    spike_count_mse,
)

LABELS = jnp.array([2, 0, 1, 2])
ALL = [
    spike_count_cross_entropy,
    max_membrane_cross_entropy,
    mean_membrane_cross_entropy,
    last_membrane_cross_entropy,
    spike_count_mse,
]


@pytest.mark.parametrize(
    ("loss", "logits"),
    [
        (spike_count_cross_entropy, lambda v: v.sum(0)),
        (max_membrane_cross_entropy, lambda v: v.max(0)),
        (mean_membrane_cross_entropy, lambda v: v.mean(0)),
        (last_membrane_cross_entropy, lambda v: v[-1]),
    ],
)
def test_cross_entropies(loss, logits, getkey):
    v = jr.normal(getkey(), (6, 4, 3))
    expected = -log_softmax(logits(np.float64(v)), -1)[np.arange(4), LABELS].mean()
    assert loss(v, LABELS) == pytest.approx(expected, rel=1e-5)


def test_cross_entropy_of_counts_by_hand():
    """Counts of 2 and 1 for class 0: log(1 + exp(−1)); equal ones: log 2. The mean of the two."""
    spikes = jnp.array([[[1.0, 0.0], [1.0, 1.0]], [[1.0, 1.0], [0.0, 0.0]]])
    found = spike_count_cross_entropy(spikes, jnp.array([0, 1]))
    assert found == pytest.approx((np.log(1 + np.exp(-1)) + np.log(2)) / 2, rel=1e-6)


def test_counts_at_target_rates():
    """10 steps: 8 and 2 spikes for the correct and the incorrect class are 0.8 and 0.2 per step."""
    spikes = np.zeros((10, 2, 2), np.float32)
    spikes[:8, 0, 1] = spikes[:2, 0, 0] = spikes[:7, 1, 0] = 1
    labels = jnp.array([1, 0])
    found = spike_count_mse(jnp.asarray(spikes), labels, correct_rate=0.8, incorrect_rate=0.2)
    assert found == pytest.approx((0 + 0 + 1 + 4) / 4, rel=1e-6)
    found = spike_count_mse(jnp.asarray(spikes), labels)
    assert found == pytest.approx((4 + 4 + 9 + 0) / 4, rel=1e-6)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("loss", ALL)
def test_slopes(loss, differences, getkey):
    v = jr.normal(getkey(), (5, 4, 3), jnp.float64)
    slope = jax.grad(loss)(v, LABELS)
    expected = differences(lambda v: loss(v, LABELS), v, 1e-6)
    np.testing.assert_allclose(slope.ravel(), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("loss", ALL)
def test_what_is_refused(loss):
    name, v = loss.__name__, jnp.zeros((6, 4, 3))
    with pytest.raises(ValueError, match=f"{name}: labels must be from 0 to 2, .*, got 3"):
        loss(v, LABELS.at[1].set(3))
    with pytest.raises(ValueError, match=f"{name}: labels must be from 0 to 2, .*, got -1"):
        loss(v, LABELS.at[1].set(-1))


@pytest.mark.parametrize("loss", ALL)
def test_shapes_that_do_not_fit_are_refused_also_where_types_are_not_checked(loss):
    unchecked = loss.__wrapped__
    for v, labels in [
        (jnp.zeros((6, 4, 3)), LABELS[:3]),
        (jnp.zeros((4, 3)), LABELS),
        (jnp.zeros((0, 4, 3)), LABELS),
    ]:
        with pytest.raises(ValueError, match=r"must be \[time, samples, classes\]"):
            unchecked(v, labels)


def test_rates_that_are_refused():
    v = jnp.zeros((6, 4, 3))
    with pytest.raises(ValueError, match=r"spike_count_mse: correct_rate .*, got 1\.5"):
        spike_count_mse(v, LABELS, correct_rate=1.5)
    with pytest.raises(ValueError, match=r"spike_count_mse: incorrect_rate .*, got nan"):
        spike_count_mse(v, LABELS, incorrect_rate=np.nan)
