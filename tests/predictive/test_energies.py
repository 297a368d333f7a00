"""Energies beside the densities they are of, written with SciPy, and their slopes."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from neurojax.predictive import Bernoulli, Dense, Gaussian, Huber, Laplace, chain, infer

Z = np.array([[0.3, -1.0, 2.0], [0.0, 0.5, -2.5]])
MU = np.array([[0.1, 0.0, -1.0], [1.0, 0.5, 0.5]])


def energy(of: Any, z: np.ndarray = Z, mu: np.ndarray = MU) -> float:
    return float(of(jnp.asarray(z), jnp.asarray(mu)))


def test_laplace_is_a_log_density(x64):
    scale = 0.7
    due = -stats.laplace.logpdf(Z, MU, scale) - np.log(2 * scale)
    np.testing.assert_allclose(energy(Laplace(scale)), due.sum(), rtol=1e-12)


def test_bernoulli_is_a_log_probability(x64):
    events = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    due = -stats.bernoulli.logpmf(events, special.expit(MU)).sum()
    np.testing.assert_allclose(energy(Bernoulli(), events), due, rtol=1e-12)
    certain = energy(Bernoulli(), events, 800 * (2 * events - 1))  # σ rounds to 0 and 1
    assert certain == 0


def test_huber_is_scipys(x64):
    for threshold in (0.4, 1.0, 9.0):
        due = special.huber(threshold, Z - MU).sum()
        np.testing.assert_allclose(energy(Huber(threshold)), due, rtol=1e-12)
    assert energy(Huber(9.0)) == pytest.approx(energy(Gaussian()), rel=1e-12)


@pytest.mark.parametrize(("of", "bound"), [(Laplace, 1 / 0.7), (Huber, 0.7)])
def test_the_slope_is_bounded_and_none_at_the_prediction(of: Any, bound: float, x64):
    slope = jax.grad(of(0.7))(jnp.asarray([-50.0, 0.0, 50.0]), jnp.zeros(3))
    np.testing.assert_allclose(slope, [-bound, 0, bound], rtol=1e-12)


def test_an_outlier_moves_a_huber_hierarchy_less(x64):
    """One hidden unit between an input of 0 and an output of 10: half way under Gaussian errors;
    under robust ones of the output it leaves its own prediction by the threshold."""
    layers = [Dense(jnp.eye(1), None), Dense(jnp.eye(1), None)]
    clamps = {"input": jnp.zeros((1, 1)), "output": jnp.full((1, 1), 10.0)}
    ends = [
        infer(chain(layers, 1, output=of), clamps, steps=400, step_size=0.1)
        for of in (Gaussian(), Huber(1.0))
    ]
    np.testing.assert_allclose(
        [float(end.activities["h1"][0, 0]) for end in ends], [5, 1], rtol=1e-9
    )


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan")])
def test_a_wrong_width_is_named(wrong: float):
    with pytest.raises(ValueError, match=r"Laplace: scale must be positive, got"):
        Laplace(wrong)
    with pytest.raises(ValueError, match=r"Huber: threshold must be positive, got"):
        Huber(wrong)
