"""Encoders against closed forms, a membrane that is simulated, and binomial counts."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import neurojax as nj
from neurojax.spiking import (
    delta_code,
    direct_code,
    latency_code,
    linear_latency_code,
    population_code,
    rate_code,
)


def test_rates_are_probabilities_of_independent_steps(getkey):
    x = np.tile(np.array([0.0, 0.1, 0.5, 0.9, 1.0], np.float32), (2000, 1))
    spikes = np.asarray(rate_code(x, 50, getkey()))
    assert spikes.shape == (50, 2000, 5) and set(np.unique(spikes)) == {0.0, 1.0}

    p = x[0].astype(float)
    error = np.sqrt(p * (1 - p) / (50 * 2000))
    assert np.all(abs(spikes.mean((0, 1)) - p) <= 4 * error)
    # Each step and each sample by itself: a count of 50 steps is binomial, steps do not correlate.
    np.testing.assert_allclose(spikes.sum(0).var(0), 50 * p * (1 - p), rtol=4 * np.sqrt(2 / 2000))
    d = spikes - p
    assert np.all(abs((d[1:] * d[:-1]).mean((0, 1))) <= 4 * p * (1 - p) / np.sqrt(49 * 2000))


def test_rates_of_a_poisson_process(getkey):
    """The text's `1 − exp(−rate dt/1000)`: the fraction of steps in which it has a spike."""
    rate, dt = 300.0, 2.0
    count = jr.poisson(getkey(), rate * dt / 1000, (100_000,))
    p = 1 - np.exp(-rate * dt / 1000)
    found = rate_code(jnp.full(100, p), 1000, getkey()).mean()
    tolerance = 4 * np.sqrt(2 * p * (1 - p) / 100_000)
    assert abs(float(found) - float((count > 0).mean())) < tolerance


def test_a_latency_is_the_first_spike_of_a_leaky_membrane():
    """Simulated step by step; the input at threshold never reaches it."""
    x = jnp.array([-1.0, 0.0, 0.19, 0.2, 0.201, 0.21, 0.23, 0.3, 0.5, 0.77, 1.0, 4.0])
    for tau, dt, steps in [(20.0, 1.0, 100), (20.0, 0.5, 60), (7.0, 1.0, 40)]:
        spikes = np.asarray(latency_code(x, steps, tau=tau, dt=dt))
        cell = nj.LIF(shape=x.shape, tau_m=tau, v_threshold=0.2, refractory=1e6)
        run = nj.simulate(cell, nj.Constant(x), t1=steps * dt, dt=dt, record=("raster",))
        np.testing.assert_array_equal(spikes, run["raster"])
        assert spikes.sum(0)[0] == spikes.sum(0)[3] == 0 and spikes.sum(0).max() == 1


def test_latencies_by_the_formula():
    """tau log(x / (x − threshold)) is 20 log 2 = 13.86, 20 log(5/4) = 4.46, 20 log 11 = 47.96."""
    x = jnp.array([[0.4, 1.0], [0.22, 0.2]])
    spikes = latency_code(x, 50)
    assert spikes.shape == (50, 2, 2) and spikes.dtype == x.dtype
    np.testing.assert_array_equal(spikes.argmax(0), [[13, 4], [47, 0]])
    np.testing.assert_array_equal(spikes.sum(0), [[1, 1], [1, 0]])
    np.testing.assert_array_equal(latency_code(x, 47).sum(0), [[1, 1], [0, 0]])


def test_linear_latencies():
    x = jnp.array([1.0, 0.75, 0.5, 0.1, 0.0])
    spikes = linear_latency_code(x, 5)
    np.testing.assert_array_equal(spikes.T, [*np.eye(5)[[0, 1, 2, 4]], np.zeros(5)])
    np.testing.assert_array_equal(linear_latency_code(x, 5, threshold=0.5).sum(0), [1, 1, 0, 0, 0])
    np.testing.assert_array_equal(linear_latency_code(x, 1), [[1, 1, 1, 1, 0]])


def test_changes():
    series = jnp.array([1.0, 2.0, 0.0, 0.5, 0.75, 2.0, 1.0, 1.5])
    np.testing.assert_array_equal(delta_code(series, 1.0), [0, 1, -1, 0, 0, 1, -1, 0])
    np.testing.assert_array_equal(delta_code(series, 0.5), [0, 1, -1, 1, 0, 1, -1, 1])
    two = jnp.stack([series, -series], 1)
    np.testing.assert_array_equal(delta_code(two, 1.0)[:, 1], -delta_code(series, 1.0))


def test_a_constant_current():
    x = jnp.array([[0.1, -2.0]])
    np.testing.assert_array_equal(direct_code(x, 3), np.stack([x] * 3))
    np.testing.assert_array_equal(jax.grad(lambda x: direct_code(x, 3).sum())(x), [[3, 3]])


def test_receptive_fields():
    x = np.array([[0.0, 0.3], [0.5, 2.0]], np.float32)
    centres = np.linspace(0, 1, 5, dtype=np.float32)
    found = population_code(x, centres, 0.25)
    assert found.shape == (2, 2, 5)
    np.testing.assert_allclose(
        found, np.exp(-((x[..., None] - centres) ** 2) / (2 * 0.0625)), rtol=1e-5
    )
    assert found[0, 0, 0] == 1

    # What is decoded, as the centre of mass of a fine population, is the value.
    fine = jnp.linspace(-2, 3, 201)
    answers = population_code(x, fine, 0.25)
    np.testing.assert_allclose(answers @ fine / answers.sum(-1), x, atol=1e-3)

    # As spikes: the nearer the earlier, and the outermost are silent, in Bohte's manner.
    spikes = linear_latency_code(answers[0, 1, ::20], 11, threshold=0.1)
    away = abs(np.asarray(fine[::20]) - 0.3)
    np.testing.assert_array_equal(spikes.sum(0), np.exp(-(away**2) / 0.125) > 0.1)
    order = np.argsort(away)[: int(spikes.sum())]
    assert np.all(np.diff(spikes.argmax(0)[order]) >= 0)


def test_all_but_the_checks_runs_inside_jit(getkey):
    x, key = jnp.array([0.3, 0.9]), getkey()
    for code in (
        lambda x: rate_code(x, 9, key),
        lambda x: latency_code(x, 9),
        lambda x: linear_latency_code(x, 9),
        lambda x: delta_code(x, 0.1),
        lambda x: direct_code(x, 9),
        lambda x: population_code(x, np.array([0.0, 1.0]), 0.5),
    ):
        np.testing.assert_allclose(jax.jit(code)(x), code(x), rtol=1e-6)


@pytest.mark.usefixtures("x64")
def test_dtypes_are_kept(getkey):
    for dtype in (jnp.float32, jnp.float64):
        x = jnp.array([0.3, 0.9], dtype)
        for code in (
            rate_code(x, 5, getkey()),
            latency_code(x, 5),
            linear_latency_code(x, 5),
            delta_code(x, 0.1),
            direct_code(x, 5),
            population_code(x, np.array([0.0, 1.0]), 0.5),
        ):
            assert code.dtype == dtype


NAN, X = jnp.array([0.5, jnp.nan]), jnp.array([0.5, 1.0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rate_code(X + 0.5, 5, jr.key(0)), r"rate_code: x .*between 0 and 1, got 1\.5"),
        (lambda: rate_code(-X, 5, jr.key(0)), r"rate_code: x must be between 0 and 1, got -0\.5"),
        (lambda: rate_code(NAN, 5, jr.key(0)), "rate_code: x must be between 0 and 1, got nan"),
        (lambda: rate_code(X, 0, jr.key(0)), "rate_code: steps must be at least 1, got 0"),
        (lambda: latency_code(NAN, 5), "latency_code: x must be finite, got nan"),
        (lambda: latency_code(X / 0, 5), "latency_code: x must be finite, got inf"),
        (lambda: latency_code(X, -2), "latency_code: steps must be at least 1, got -2"),
        (lambda: latency_code(X, 5, tau=0), "latency_code: tau must be positive, got 0"),
        (lambda: latency_code(X, 5, threshold=-1), "latency_code: threshold must be positive"),
        (lambda: latency_code(X, 5, dt=0.0), r"latency_code: dt must be positive, got 0\.0"),
        (lambda: linear_latency_code(2 * X, 5), r"linear_latency_code: x must .*, got 2\.0"),
        (lambda: linear_latency_code(X, 0), "linear_latency_code: steps must be at least 1"),
        (lambda: linear_latency_code(X, 5, threshold=-0.1), "threshold must not be negative"),
        (lambda: delta_code(NAN, 0.1), "delta_code: series must be finite, got nan"),
        (lambda: delta_code(X, 0.0), r"delta_code: threshold must be positive, got 0\.0"),
        (lambda: delta_code(X[:0], 0.1), r"series must have at least one step, got shape \(0,\)"),
        (lambda: direct_code(NAN, 5), "direct_code: x must be finite, got nan"),
        (lambda: direct_code(X, 0), "direct_code: steps must be at least 1, got 0"),
        (lambda: population_code(NAN, X, 1.0), "population_code: x must be finite, got nan"),
        (lambda: population_code(X, NAN, 1.0), "population_code: centres must be finite, got nan"),
        (lambda: population_code(X, X, 0.0), r"population_code: width must be positive, got 0\.0"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
