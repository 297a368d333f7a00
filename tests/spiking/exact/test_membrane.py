"""The closed form of a membrane under synaptic current, against integrals and bisection."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from neurojax.spiking.exact._membrane import Membrane, crossing, flow, peak, response

pytestmark = pytest.mark.usefixtures("x64")


@pytest.mark.parametrize(
    ("tau_m", "tau_syn"),
    [(20.0, 5.0), (5.0, 20.0), (8.0, 8.0), (8.0, 8.0 * (1 + 1e-9)), (50.0, 0.5)],
)
@pytest.mark.parametrize("s", [0.0, 1e-9, 3.0, 60.0, 500.0])
def test_the_response_is_the_leaky_integral_of_the_current(tau_m, tau_syn, s):
    expected, _ = quad(
        lambda r: np.exp(-(s - r) / tau_m - r / tau_syn) / tau_m, 0, s, epsabs=0, epsrel=1e-13
    )
    # 1e-13 of the quadrature; φ₁ is good to 5e-16, times the exponent e^-s it multiplies.
    found = response(*map(jnp.asarray, (s, tau_m, tau_syn)))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("tau_syn", [5.0, 20.0, 8.0, 8.0 * (1 + 1e-9)])
def test_derivatives_of_the_response(tau_syn):
    """Central differences, good to 1e-9: 1e-16 of rounding over 1e-5, and 1e-10 of curvature."""
    point = (jnp.array(7.0), jnp.array(8.0), jnp.array(tau_syn))
    slopes = jax.grad(response, argnums=(0, 1, 2))(*point)
    h = 1e-5
    for i, slope in enumerate(slopes):
        above, below = ([x + sign * h * (k == i) for k, x in enumerate(point)] for sign in (1, -1))
        difference = (response(*above) - response(*below)) / (2 * h)
        np.testing.assert_allclose(slope, difference, rtol=1e-8, atol=1e-10)


def random_stretches(count):
    """Of all kinds: time constants far apart, equal and nearly equal, starts just below threshold,
    currents from a tenth to a thousand times what reaches it."""
    rng = np.random.default_rng(0)
    tau_m = 10 ** rng.uniform(-0.5, 1.5, count)
    tau_syn = 10 ** rng.uniform(-0.5, 1.5, count)
    tau_syn[: count // 8] = tau_m[: count // 8]
    nearly = slice(count // 8, count // 4)
    tau_syn[nearly] = tau_m[nearly] * (1 + 1e-6 * rng.normal(size=count // 8))
    u = np.minimum(rng.normal(0, 2, count), 1 - 10 ** rng.uniform(-9, 0, count))
    j = 10 ** rng.uniform(-1, 3, count) * rng.choice([-1, 1], count, p=[0.1, 0.9])
    length = 10 ** rng.uniform(-2, 2, count)
    one, zero = jnp.ones(count), jnp.zeros(count)
    m = Membrane(jnp.asarray(tau_m), jnp.asarray(tau_syn), one, zero, zero)
    return m, jnp.asarray(u), jnp.asarray(j), jnp.asarray(length)


@pytest.fixture(scope="module")
def stretches():
    with jax.enable_x64(True):
        m, u, j, length = random_stretches(20_000)
        highest = peak(m, u, j, length, flow(m, u, j, length)[0])
        return m, u, j, length, highest, crossing(m, u, j, highest)


def test_no_point_of_a_stretch_is_above_its_peak(stretches):
    m, u, j, length, highest, _ = stretches
    at_peak = flow(m, u, j, highest.after)[0]
    scale = 1e-13 * (jnp.abs(u) + jnp.abs(j))  # of rounding
    assert jnp.all(jnp.abs(at_peak - highest.u) <= scale)
    for fraction in np.linspace(0, 1, 101):
        assert jnp.all(flow(m, u, j, fraction * length)[0] <= highest.u + scale)
    assert 0.1 < highest.inside.mean() < 0.9


def test_crossings_are_those_of_bisection(stretches):
    m, u, j, _, highest, cross = stretches
    low, high = jnp.zeros_like(u), highest.after
    for _ in range(80):
        middle = (low + high) / 2
        above = flow(m, u, j, middle)[0] > m.threshold
        low, high = jnp.where(above, low, middle), jnp.where(above, middle, high)
    assert 0.3 < cross.crosses.mean() < 0.9
    # A potential is known to rounding, and a time to that over the slope there.
    known = 5e-14 * (jnp.abs(u) + jnp.abs(j) + 1) / cross.slope + 1e-15 * high
    assert jnp.all(jnp.where(cross.crosses, jnp.abs(cross.after - high) <= known, True))
    rising = jnp.where(cross.crosses, (flow(m, u, j, cross.after)[1] - m.threshold) / m.tau_m, 1)
    np.testing.assert_allclose(cross.slope, rising, rtol=1e-4)
