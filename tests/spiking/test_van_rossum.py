"""The van Rossum distance against its closed form for pairs of spikes."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy.integrate import quad

from neurojax.spiking import van_rossum_distance

TAU, DT = 7.0, 0.5


def trains(*spikes, steps=60):
    """[time, 1, 1], with spikes in these steps."""
    return jnp.zeros((steps, 1, 1)).at[jnp.array(spikes, int)].set(1.0)


def distance(a, b, tau=TAU, dt=DT):
    return float(van_rossum_distance(a, b, tau=tau, dt=dt))


def test_two_spikes():
    """1 − exp(−|δ| / tau), wherever they are and whichever is first; 1/2 without the other."""
    for a, b in [(10, 10), (10, 11), (0, 59), (59, 0), (58, 59), (3, 40)]:
        expected = 1 - np.exp(-abs(a - b) * DT / TAU)
        assert distance(trains(a), trains(b)) == pytest.approx(expected, abs=1e-6)
    for step in (0, 30, 59):
        assert distance(trains(step), trains()) == pytest.approx(0.5, rel=1e-6)


def test_many_spikes():
    """By the integral over the two filtered trains, as the definition has it."""
    a, b = [2, 3, 17, 44], [5, 17, 30, 31, 55]

    def filtered(steps, t):
        return sum(np.exp(-(t - s * DT) / TAU) for s in steps if t >= s * DT)

    edges = DT * np.array(sorted({0, *a, *b}))
    pieces = zip(edges, [*edges[1:], np.inf], strict=True)
    integral = sum(
        quad(lambda t: (filtered(a, t) - filtered(b, t)) ** 2, *piece)[0] for piece in pieces
    )
    assert distance(trains(*a), trains(*b)) == pytest.approx(integral / TAU, rel=1e-5)


def test_limits():
    """Half the squared difference of counts for a long tau, half the spikes alone for a short."""
    a, b = trains(2, 3, 17, 44), trains(17, 30)
    assert distance(a, b, tau=1e6) == pytest.approx((4 - 2) ** 2 / 2, rel=1e-3)
    assert distance(a, b, tau=1e-3) == pytest.approx((3 + 1) / 2, rel=1e-6)


def test_neurons_are_summed_and_samples_averaged():
    apart, same = 1 - np.exp(-4 * DT / TAU), 0.0
    a = jnp.concatenate([trains(8), trains(8)], 2)
    b = jnp.concatenate([trains(12), trains(12)], 2)
    found = distance(jnp.concatenate([a, a], 1), jnp.concatenate([b, a], 1))
    assert found == pytest.approx((2 * apart + same) / 2, rel=1e-5)


@pytest.mark.usefixtures("x64")
def test_slopes(differences, getkey):
    """Also to tau; in the spikes it is quadratic, so differences are exact."""
    a, b = jr.uniform(getkey(), (2, 9, 2, 3), jnp.float64)

    def loss(x):
        return van_rossum_distance(x[0], b, tau=x[1], dt=DT)

    point = (a, jnp.array(TAU))
    slope = jax.grad(loss)(point)
    expected = differences(loss, point, 1e-5)
    np.testing.assert_allclose(slope[0].ravel(), expected[:-1], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(slope[1], expected[-1], rtol=1e-7)


def test_what_is_refused():
    unchecked = van_rossum_distance.__wrapped__
    for a, b in [
        (trains(), trains(steps=9)),
        (jnp.zeros(9), jnp.zeros(9)),
        (jnp.zeros((0, 1)), jnp.zeros((0, 1))),
        (jnp.zeros((9, 0)), jnp.zeros((9, 0))),
    ]:
        with pytest.raises(ValueError, match=r"van_rossum_distance: .* must both be .*, got shape"):
            unchecked(a, b, tau=TAU)
    with pytest.raises(ValueError, match=r"van_rossum_distance: tau must be positive, got 0\.0"):
        distance(trains(), trains(), tau=0.0)
    with pytest.raises(ValueError, match=r"van_rossum_distance: dt must be positive, got -1\.0"):
        distance(trains(), trains(), dt=-1.0)
