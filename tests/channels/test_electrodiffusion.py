"""Nernst, Goldman-Hodgkin-Katz, temperature and the calcium pool, against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurojax import channels
from neurojax.channels import CalciumPool, ghk_current, linearised, nernst, q10

F, R = 96485.33212, 8.314462618


@pytest.mark.usefixtures("x64")
def test_nernst_potentials():
    def E(inside, outside, valence, celsius):
        ends = jnp.asarray(inside), jnp.asarray(outside)
        return float(nernst(*ends, valence, jnp.asarray(celsius)))

    # Hille 2001, table 1.2: RT/F ln 10 is 58.17 mV at 20 °C and 61.54 mV at 37 °C.
    assert abs(E(1.0, 10.0, 1, 20.0) - 58.17) < 0.005
    assert abs(E(1.0, 10.0, 1, 37.0) - 61.54) < 0.005
    # Hille 2001, table 1.3, mammalian muscle at 37 °C: sodium +67, potassium −98, chloride −90 mV.
    assert abs(E(12.0, 145.0, 1, 37.0) - 67) < 0.5
    assert abs(E(155.0, 4.0, 1, 37.0) + 98) < 0.5
    assert abs(E(4.2, 123.0, -1, 37.0) + 90) < 0.5


def current(v, valence=2):
    """Calcium of 1 µM inside and 2 mM outside, at 34 °C and 1e-4 cm/s."""
    p, inside, outside, celsius = (jnp.asarray(x, v.dtype) for x in (1e-4, 1e-3, 2.0, 34.0))
    return ghk_current(v, p, inside, outside, valence, celsius)


def textbook(v, valence=2):
    """Hille 2001, ch. 14: P z² (E F²/RT) (in − out exp(−zFE/RT)) / (1 − exp(−zFE/RT)); mM are
    1e-6 mol/cm³, A 1e6 µA."""
    u = valence * v * 1e-3 * F / (R * 307.15)
    return 1e-4 * valence * F * u * (1e-3 - 2.0 * np.exp(-u)) / -np.expm1(-u)


@pytest.mark.parametrize("precision", ["x64", "x32"])
def test_the_ghk_current(precision):
    v = np.linspace(-119.5, 60.5, 181)
    with jax.enable_x64(precision == "x64"):
        ours = current(jnp.asarray(v, float))
    # Where the series ends, |u| = 0.1, exp(u) − 1 loses a tenth.
    np.testing.assert_allclose(ours, textbook(v), rtol=1e-12 if precision == "x64" else 5e-6)


@pytest.mark.parametrize("precision", ["x64", "x32"])
@pytest.mark.parametrize("valence", [2, -1])
def test_the_ghk_current_at_zero(precision, valence):
    """By its series: P z F ((in − out) + u (in + out) / 2 + u² (in − out) / 12)."""
    rtol = 1e-14 if precision == "x64" else 1e-6  # rounding
    slope_of_u = valence * 1e-3 * F / (R * 307.15)
    unit = 1e-4 * valence * F
    with jax.enable_x64(precision == "x64"):
        zero = jnp.asarray(0.0)
        value = current(zero, valence)
        slope = jax.grad(current)(zero, valence)
        bend = jax.grad(jax.grad(current))(zero, valence)
    np.testing.assert_allclose(value, unit * -1.999, rtol=rtol)
    np.testing.assert_allclose(slope, unit * 2.001 / 2 * slope_of_u, rtol=rtol)
    np.testing.assert_allclose(bend, unit * -1.999 / 6 * slope_of_u**2, rtol=rtol)


@pytest.mark.usefixtures("x64")
def test_ghk_current_is_none_at_nernsts_potential():
    E = nernst(jnp.asarray(1e-3), jnp.asarray(2.0), 2, jnp.asarray(34.0))
    assert abs(current(E)) < 1e-12 * abs(current(jnp.asarray(0.0)))


@pytest.mark.usefixtures("x64")
def test_the_ghk_current_as_a_channels():
    v = jnp.array([-70.0, 0.0, 20.0])
    flow = linearised("ca", current, v)

    assert flow.ion == "ca"
    np.testing.assert_allclose(flow.at(v), current(v), rtol=1e-12)
    beside = (textbook(np.array([-70.0, 20.0]) + 1e-4) - textbook(np.array([-70.0, 20.0]))) / 1e-4
    # A one-sided difference: half the step times the curvature.
    np.testing.assert_allclose(flow.conductance[::2], beside, rtol=1e-5)


@pytest.mark.usefixtures("x64")
def test_temperature():
    assert float(q10(2.3, jnp.asarray(34.0), 21.0)) == pytest.approx(2.3**1.3, rel=1e-14)
    v = jnp.asarray(-50.0)
    for kind in (channels.NaTa_t, channels.K_Tst, channels.K_Pst, channels.Im, channels.Ca_LVAst):
        cold, warm = (jnp.stack(kind(celsius=c).rates(v, {})) for c in (21.0, 31.0))
        np.testing.assert_allclose(warm / cold, 2.3, rtol=1e-13)
    cold, warm = (jnp.stack(channels.HodgkinHuxley(celsius=c).rates(v, {})) for c in (6.3, 16.3))
    np.testing.assert_allclose(warm / cold, 3, rtol=1e-13)


@pytest.mark.usefixtures("x64")
def test_calcium_that_enters_and_leaves():
    pool = CalciumPool(gamma=0.05, decay=80.0, depth=0.1, minimum=1e-4)
    # 1 µA/cm² for 1 ms is 1e-9 C/cm², 5.18e-15 mol/cm², in 1e-5 cm 5.18e-10 mol/cm³ = 5.18e-4 mM.
    entering = 1e-9 / (2 * F) / 1e-5 * 1e6
    at_rest, leaving = pool.rate(jnp.array([1e-4, 2e-4]), jnp.array([-1.0, 0.0]))

    np.testing.assert_allclose(at_rest, 0.05 * entering, rtol=1e-13)
    np.testing.assert_allclose(leaving, -1e-4 / 80, rtol=1e-13)


@pytest.mark.usefixtures("x64")
def test_potassium_that_calcium_opens_is_shut_without_it():
    """In value and in slope, at no calcium."""
    channel = channels.SK_E2()

    def opening(ca):
        return channel.rates(jnp.asarray(0.0), {"ca": ca})[0][0]

    assert opening(jnp.asarray(0.0)) == 0 and jax.grad(opening)(jnp.asarray(0.0)) == 0
