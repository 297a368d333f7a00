"""Random drives: their statistics, and that nothing but the key decides them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import neurojax as nj


class Sum(nj.System):
    """Adds its drive up: dx/dt = drive / dt, so that a step adds what the drive holds in it."""

    dt: float = 0.5
    size: tuple = ()

    def initial_state(self, key=None):
        return jnp.zeros(self.size)

    def vector_field(self, t, state, drive):
        return drive / self.dt + jnp.zeros_like(state)


def test_poisson_counts_have_the_rate_as_mean_and_variance():
    """4,000 trains of 40 Hz for 100 ms: 4 spikes each, in mean and variance."""
    n = 4000
    drive = nj.Poisson(jax.random.key(0), rate=40.0, shape=(n,))
    sol = nj.simulate(Sum(size=(n,)), drive, t1=100.0, dt=0.5, record=[])
    counts = np.asarray(sol.final.state)

    assert abs(counts.mean() - 4) < 5 * np.sqrt(4 / n)
    # The variance of a Poisson count's sample variance is λ(1 + 2λ)/n.
    assert abs(counts.var() - 4) < 5 * np.sqrt(4 * (1 + 8) / n)


@pytest.mark.parametrize("mean", [0.05, 2.0, 9.9, 10.1, [0.5, 4.0]])
def test_poisson_counts_have_their_distribution(mean):
    """By inversion and otherwise, for one rate and for one for each: within five standard
    deviations of each number's share."""
    each, n = np.atleast_1d(mean), 200_000
    drive = nj.Poisson(jax.random.key(2), rate=1e4 * each, shape=(n, len(each)))
    counts = np.asarray(drive.on(nj.core.Clock(jnp.array(3), 0.1)))
    for column, expected in zip(counts.T, each, strict=True):
        share = np.bincount(column.astype(int), minlength=40) / n
        due = stats.poisson.pmf(np.arange(len(share)), expected)
        assert np.all(np.abs(share - due) <= 5 * np.sqrt(due / n) + 1e-5)


def test_poisson_weight_scales_and_steps_are_independent():
    n = 2000
    drive = nj.Poisson(jax.random.key(1), rate=400.0, weight=3.0, shape=(n,))
    sol = nj.simulate(Sum(size=(n,)), drive, t1=6.0, dt=0.5, record=["output"])
    steps = np.diff(np.asarray(sol["output"]), axis=0)

    spikes = steps / 3  # pyright: ignore[reportOperatorIssue]
    np.testing.assert_allclose(spikes, np.rint(spikes), atol=1e-4)
    assert abs(spikes.mean() - 0.2) < 5 * np.sqrt(0.2 / spikes.size)
    off = np.corrcoef(spikes)[~np.eye(len(spikes), dtype=bool)]
    assert np.all(np.abs(off) < 5 / np.sqrt(n))


def test_poisson_is_decided_by_its_key():
    def path(key):
        drive = nj.Poisson(jax.random.key(key), rate=500.0, shape=(8,))
        return np.asarray(nj.simulate(Sum(size=(8,)), drive, t1=20.0, dt=0.5)["output"])

    np.testing.assert_array_equal(path(0), path(0))
    assert np.any(path(0) != path(1))


def test_poisson_needs_a_clock():
    with pytest.raises(ValueError, match="Poisson draws a number for each clock step"):
        nj.simulate(Sum(), nj.Poisson(jax.random.key(0)), t1=1.0)


def test_ornstein_uhlenbeck_statistics_at_once_and_later():
    n, mean, sigma = 4000, 2.0, 0.5
    drive = nj.ornstein_uhlenbeck(
        jax.random.key(0), t1=20.0, dt=2.0, mean=mean, sigma=sigma, tau=10.0, shape=(n,)
    )
    x = np.asarray(drive.values)

    assert x.shape == (10, n)
    for sample in (x[0], x[-1]):  # it starts in its stationary distribution
        assert abs(sample.mean() - mean) < 5 * sigma / np.sqrt(n)
        assert abs(sample.var() / sigma**2 - 1) < 5 * np.sqrt(2 / n)
    for lag in (1, 5):
        found = np.mean((x[0] - mean) * (x[lag] - mean)) / sigma**2
        assert abs(found - np.exp(-2 * lag / 10)) < 5 * np.sqrt(2 / n)


def test_ornstein_uhlenbeck_is_decided_by_its_key():
    def path(key):
        return np.asarray(nj.ornstein_uhlenbeck(jax.random.key(key), t1=50.0, dt=0.5).values)

    np.testing.assert_array_equal(path(0), path(0))
    assert abs(np.corrcoef(path(0), path(1))[0, 1]) < 1 and np.any(path(0) != path(1))


def test_ornstein_uhlenbeck_drives_a_system_step_by_step():
    drive = nj.ornstein_uhlenbeck(jax.random.key(0), t1=10.0, dt=0.5, sigma=2.0)
    sol = nj.simulate(Sum(), drive, t1=10.0, dt=0.5, record=[])

    np.testing.assert_allclose(sol.final.state, np.sum(drive.values), rtol=1e-5)


@pytest.mark.parametrize(("name", "value"), [("tau", 0.0), ("dt", -1.0), ("t1", 0.0)])
def test_ornstein_uhlenbeck_refuses(name, value):
    how = {"t1": 10.0, "dt": 0.5, "tau": 5.0} | {name: value}
    with pytest.raises(ValueError, match=f"ornstein_uhlenbeck: {name} must be positive"):
        nj.ornstein_uhlenbeck(jax.random.key(0), **how)  # pyright: ignore[reportArgumentType]
