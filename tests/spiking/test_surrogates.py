"""Surrogates against their formulas, the functions they are derivatives of, and the jit cache."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

import neurojax as nj
from neurojax.core import spike, superspike
from neurojax.neurons import EscapeNoise
from neurojax.spiking import arctan, fast_sigmoid, gaussian, straight_through, triangle

X = np.array([-2.0, -1.0, -0.5, -0.03, 0.0, 0.1, 0.4, 1.0, 3.0])


def slopes(surrogate, x=X):
    return jax.vmap(jax.grad(lambda x: spike(x, surrogate)))(jnp.asarray(x, jnp.float32))


CASES = [
    (fast_sigmoid(), 1 / (1 + 25 * abs(X)) ** 2),
    (fast_sigmoid(slope=4), 1 / (1 + 4 * abs(X)) ** 2),
    (arctan(), 1 / (1 + (np.pi * X) ** 2)),
    (arctan(alpha=3.0), 1.5 / (1 + (1.5 * np.pi * X) ** 2)),
    (triangle(), [0, 0, 0.5, 0.97, 1, 0.9, 0.6, 0, 0]),
    (triangle(width=2.0, dampening=0.3), 0.15 * np.array([0, 1, 1.5, 1.97, 2, 1.9, 1.6, 1, 0])),
    (gaussian(), norm.pdf(X, scale=0.5)),
    (gaussian(sigma=2.0), norm.pdf(X, scale=2.0)),
    (straight_through(), np.ones(9)),
    (straight_through(window=1.0), [0, 1, 1, 1, 1, 1, 1, 1, 0]),
]


@pytest.mark.parametrize(("surrogate", "expected"), CASES, ids=lambda x: str(x)[:40])
def test_the_derivative_of_a_spike_is_the_formula(surrogate, expected):
    np.testing.assert_allclose(slopes(surrogate), expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(spike(jnp.asarray(X), surrogate), X > 0)


@pytest.mark.parametrize(
    ("surrogate", "relaxed"),
    [
        (fast_sigmoid(7.0), lambda x: x / (1 + 7 * abs(x))),
        (arctan(3.0), lambda x: np.arctan(np.pi / 2 * 3 * x) / np.pi),
        (gaussian(0.7), lambda x: norm.cdf(x, scale=0.7)),
    ],
    ids=["fast sigmoid", "arctan", "gaussian"],
)
def test_it_is_the_derivative_of_a_smooth_spike(surrogate, relaxed):
    x, h = np.array([-1.3, -0.2, 0.1, 0.8]), 1e-5
    expected = (relaxed(x + h) - relaxed(x - h)) / (2 * h)
    np.testing.assert_allclose(slopes(surrogate, x), expected, rtol=1e-5)


def test_the_area_under_a_surrogate():
    """That of a spike's own derivative is 1; of a fast sigmoid it is 2 / slope."""
    x = jnp.linspace(-50, 50, 400_001)
    for surrogate, area in [
        (gaussian(0.3), 1.0),
        (triangle(0.5), 0.5),
        (straight_through(0.25), 0.5),
        (arctan(4.0), 2 / np.pi * np.arctan(2 * np.pi * 50)),
        (fast_sigmoid(25.0), 2 / 25 * (1 - 1 / (1 + 25 * 50))),
    ]:
        assert np.trapezoid(surrogate(x), x) == pytest.approx(area, rel=2e-4)


def test_superspike_is_the_fast_sigmoid_of_slope_10():
    np.testing.assert_array_equal(fast_sigmoid(10)(jnp.asarray(X)), superspike(jnp.asarray(X)))


def test_equal_parameters_are_equal_surrogates_and_compile_once():
    runs = []

    @eqx.filter_jit
    def count(cell, current):
        runs.append(cell.surrogate)
        return nj.simulate(cell, current, t1=3.0, dt=1.0, record={"n": nj.SpikeCount()})["n"]

    for kind in (fast_sigmoid, arctan, triangle, gaussian, straight_through):
        assert kind(3) == kind(3.0) and hash(kind(3)) == hash(kind(3.0))
        assert kind(3.0) != kind(2.0)
        runs.clear()
        for parameter in (3.0, 3, np.float64(3), 2.0):
            count(nj.LIF(surrogate=kind(parameter)), 2.0)
        assert runs == [kind(3.0), kind(2.0)]
    assert fast_sigmoid(2.0) != arctan(2.0)


@pytest.mark.usefixtures("x64")
def test_dtypes_are_kept():
    for surrogate in (
        fast_sigmoid(np.float64(9)),
        arctan(),
        triangle(),
        gaussian(),
        straight_through(1.0),
    ):
        for dtype in (jnp.float32, jnp.float64, jnp.bfloat16):
            assert surrogate(jnp.zeros(3, dtype)).dtype == dtype


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_parameters_that_are_refused(value):
    for kind, name in [
        (fast_sigmoid, "slope"),
        (arctan, "alpha"),
        (triangle, "width"),
        (triangle, "dampening"),
        (gaussian, "sigma"),
    ]:
        with pytest.raises(ValueError, match=f"{kind.__name__}: {name} must be .*, got {value}"):
            kind(**{name: value})
    if not np.isinf(value):
        with pytest.raises(ValueError, match=f"straight_through: window must be .*, got {value}"):
            straight_through(value)


def test_escape_noise_of_even_odds_at_threshold():
    """As the module's text has it: hazard · dt is log 2, the probability 1/2."""
    dt = 0.5
    noise = EscapeNoise(rate=1000 * np.log(2) / dt, width=0.1)
    expected = noise.expected(jnp.zeros(()), dt)
    assert 1 - np.exp(-expected) == pytest.approx(0.5, rel=1e-6)
