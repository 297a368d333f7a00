"""Neurons that spike at random, held against their distributions: within four standard errors."""

from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import neurojax as nj
from neurojax.neurons import EscapeNoise, PoissonNeuron

N = 4000


def raster(cells, drive: Any = 0.0, **arguments: Any) -> np.ndarray:
    """Who spikes in each step."""
    sol = nj.simulate(cells, drive, record=["raster"], **arguments)
    return np.asarray(sol["raster"]) > 0


@pytest.fixture(scope="module")
def poisson():
    """Counts of N neurons of 50 Hz in each of 200 steps of 1 ms, half of them with 5 ms dead."""
    cells = PoissonNeuron(refractory=np.repeat([0.0, 5.0], N // 2))
    return np.split(raster(cells, 50.0, t1=200.0, dt=1.0, key=jr.key(0)), 2, axis=1)


def test_poisson_spikes_have_their_rate_and_are_independent(poisson):
    free, _ = poisson
    p = 1 - np.exp(-0.05)
    assert abs(free.mean() - p) < 4 * np.sqrt(p * (1 - p) / free.size)
    # A binomial's variance, over neurons and over time; the errors are those of a variance.
    for axis in (0, 1):
        counts = free.sum(axis=axis)
        variance = free.shape[axis] * p * (1 - p)
        assert abs(counts.var() / variance - 1) < 4 * np.sqrt(2 / counts.size)
    both = np.mean(free[1:] & free[:-1])
    assert abs(both - p**2) < 4 * p / np.sqrt(free.size)


def test_dead_time_lengthens_the_intervals(poisson):
    """To five steps and what a geometric waiting time adds."""
    _, dead = poisson
    neurons, steps = np.nonzero(dead.T)
    isi = np.diff(steps)[np.diff(neurons) == 0]
    assert isi.min() == 5
    p = 1 - np.exp(-0.05)
    # The longest do not fit into the run: of the first 50 steps after the dead time they do.
    counts = np.array([np.sum(isi == 5 + k) for k in range(10)])
    ratio = counts[1:] / counts[:-1]
    np.testing.assert_allclose(ratio.mean(), 1 - p, atol=4 / np.sqrt(counts.sum()))


def test_rates_that_change_and_are_below_zero():
    """In a step the rate counts that held in it; for half of the steps there is none."""
    drive = np.where(np.arange(100) % 2, 400.0, -100.0)[:, None] * np.ones(100)
    spikes = raster(PoissonNeuron((100,)), drive, t1=100.0, dt=1.0, key=jr.key(1))
    p = 1 - np.exp(-0.4)
    assert not spikes[::2].any()
    assert abs(spikes[1::2].mean() - p) < 4 * np.sqrt(p * (1 - p) / 5000)


@pytest.mark.usefixtures("x64")
def test_the_derivative_of_a_spike_is_that_of_its_probability():
    """Of Poisson neurons, for which nothing follows from a spike: Σ dt exp(−rate dt)."""
    rate = jnp.array([10.0, 200.0])

    def spikes(rate):
        sol = nj.simulate(
            PoissonNeuron((2,)), rate, t1=50.0, dt=1.0, key=jr.key(2), record=["raster"]
        )
        return sol["raster"].sum()

    expected = 50 * 1e-3 * np.exp(-np.asarray(rate) * 1e-3)
    np.testing.assert_allclose(jax.grad(spikes)(rate), expected, rtol=1e-9)

    # And of the first step of a neuron with escape noise, for which one run is enough.
    def first(threshold, width):
        cell = nj.LIF(v_threshold=threshold, escape=EscapeNoise(rate=300.0, width=width))
        sol = nj.simulate(cell, 0.0, t1=1.0, dt=1.0, key=jr.key(3), record=["raster"])
        return sol["raster"][0]

    hazard = 0.3 * np.exp(-0.4 / 0.2)
    to_threshold, to_width = jax.grad(first, argnums=(0, 1))(jnp.array(0.4), jnp.array(0.2))
    slope = np.exp(-hazard) * hazard
    np.testing.assert_allclose(to_threshold, -slope / 0.2, rtol=1e-9)
    np.testing.assert_allclose(to_width, slope * 0.4 / 0.2**2, rtol=1e-9)


def test_escape_noise_has_its_hazard():
    """Neurons held at known distances from threshold: who has not spiked by step k."""
    v = np.repeat([-1.0, -0.2, 0.1], N)
    cells = nj.LIF(v_rest=v, v_reset=v, v_threshold=0.0, escape=EscapeNoise(100.0, 0.3))
    silent = np.cumsum(raster(cells, t1=20.0, dt=0.5, key=jr.key(4)), axis=0) == 0

    for group, distance in zip(np.split(silent, 3, axis=1), [-1.0, -0.2, 0.1], strict=True):
        hazard = 0.1 * np.exp(distance / 0.3)
        survival = np.exp(-hazard * 0.5 * np.arange(1, 41))
        error = np.sqrt(survival * (1 - survival) / N)
        assert np.all(np.abs(group.mean(axis=1) - survival) < 4 * error + 1e-3)


def test_narrow_escape_noise_is_a_threshold():
    """Also where the hazard is beyond what a float holds; refractory neurons are silent."""
    drive = np.array([1.5, 3.0, 0.9])
    run: dict[str, Any] = {"t1": 30.0, "dt": 0.1, "key": jr.key(5)}
    sharp = nj.LIF((3,), refractory=2.0, escape=EscapeNoise(rate=1e3, width=1e-6))
    plain = raster(nj.LIF((3,), refractory=2.0), drive, **run)
    assert plain.sum() > 5
    np.testing.assert_array_equal(raster(sharp, drive, **run), plain)

    def total(width):
        cells = nj.LIF((3,), escape=EscapeNoise(rate=1e3, width=width))
        return nj.simulate(cells, drive, record=["raster"], **run)["raster"].sum()

    assert np.isfinite(jax.grad(total)(jnp.array(1e-6)))


def test_a_random_run_goes_on_where_it_stopped():
    cells = nj.neurons.AdaptiveLIF((50,), escape=EscapeNoise(rate=100.0, width=0.2))

    def run(t1, **start):
        sol = nj.simulate(cells, 1.0, t1=t1, dt=0.1, record=["raster"], **start)
        return sol.final, np.asarray(sol["raster"])

    _, whole = run(40.0, key=jr.key(6))
    stop, half = run(20.0, key=jr.key(6))
    _, rest = run(40.0, state=stop)
    assert whole.sum() > 20
    np.testing.assert_array_equal(np.concatenate([half, rest]), whole)


def test_what_random_neurons_need_is_asked_for():
    for cells in (nj.LIF((2,), escape=EscapeNoise()), PoissonNeuron((2,))):
        name = type(cells).__name__
        with pytest.raises(ValueError, match=f"key: {name} spikes at random and needs a key"):
            nj.simulate(cells, 1.0, t1=1.0, dt=0.1)
    with pytest.raises(ValueError, match=r"PoissonNeuron spikes at random and needs a clock: give"):
        nj.simulate(PoissonNeuron(), 1.0, t1=1.0, key=jr.key(0))
    with pytest.raises(ValueError, match=r"EscapeNoise: rate must not be negative, got -1"):
        EscapeNoise(rate=-1.0)
    with pytest.raises(ValueError, match=r"EscapeNoise: width must be positive, got 0"):
        EscapeNoise(width=0.0)
    with pytest.raises(
        ValueError, match=r"LIF: escape\.rate has shape \(3,\), the population \(2,"
    ):
        nj.LIF((2,), escape=EscapeNoise(rate=np.ones(3)))
    with pytest.raises(ValueError, match=r"PoissonNeuron: escape must be None"):
        PoissonNeuron(escape=EscapeNoise())
