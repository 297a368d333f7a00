"""The squid's rates, read off the vector field, held against the textbook's formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj


def ratio(x):
    """x / (1 − exp(−x)), 1 at 0."""
    return np.where(x == 0, 1.0, x / np.where(x == 0, 1.0, -np.expm1(-x)))


def ratio_slope(x):
    """Its derivative, 1/2 at 0."""
    safe = np.where(x == 0, 1.0, x)
    e = np.exp(-safe)
    return np.where(x == 0, 0.5, (1 - e - safe * e) / (1 - e) ** 2)


def textbook(v):
    """Opening and closing rates (1/ms) of m, h, n: Hodgkin & Huxley 1952, eqs. 12-24, as written
    for rest at −65 mV in Dayan & Abbott 2001, eqs. 5.22 and 5.24."""
    opening = [ratio((v + 40) / 10), 0.07 * np.exp(-(v + 65) / 20), 0.1 * ratio((v + 55) / 10)]
    closing = [
        4 * np.exp(-(v + 65) / 18),
        1 / (np.exp(-(v + 35) / 10) + 1),
        0.125 * np.exp(-(v + 65) / 80),
    ]
    return np.stack(opening), np.stack(closing)


def textbook_slopes(v):
    opening = [
        ratio_slope((v + 40) / 10) / 10,
        -0.07 / 20 * np.exp(-(v + 65) / 20),
        0.01 * ratio_slope((v + 55) / 10),
    ]
    e = np.exp(-(v + 35) / 10)
    closing = [
        -4 / 18 * np.exp(-(v + 65) / 18),
        e / 10 / (e + 1) ** 2,
        -0.125 / 80 * np.exp(-(v + 65) / 80),
    ]
    return np.stack(opening), np.stack(closing)


def rates(v):
    """d(gates)/dt is `opening` where gates are 0 and `−closing` where they are 1."""
    cells = nj.HodgkinHuxley(shape=np.shape(v), v_init=v)
    state = cells.initial_state()
    shut = state._replace(gates=jnp.zeros_like(state.gates))
    open_ = state._replace(gates=jnp.ones_like(state.gates))
    return (
        cells.vector_field(0.0, shut, 0.0).gates,
        -cells.vector_field(0.0, open_, 0.0).gates,
    )


@pytest.mark.usefixtures("x64")
def test_rates_in_double_precision():
    v = np.linspace(-120, 80, 2001)  # −40 and −55 are on the grid
    for ours, theirs in zip(rates(jnp.asarray(v)), textbook(v), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_rates_in_single_precision():
    v = np.linspace(-120, 80, 2001)
    for ours, theirs in zip(rates(jnp.asarray(v, jnp.float32)), textbook(v), strict=True):
        # exp(x) is an eighth power, 8 roundings; exp(x) − 1 loses a tenth where the series ends.
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


@pytest.mark.usefixtures("x64")
def test_rates_where_the_formula_is_zero_over_zero():
    """The opening rate of m is 1 at −40 mV, that of n 0.1 at −55 mV; close by nothing jumps."""
    m = rates(jnp.array([-40.0, -40 + 1e-9, -40 - 1e-9]))[0][0]
    n = rates(jnp.array([-55.0, -55 + 1e-9, -55 - 1e-9]))[0][2]

    assert m[0] == 1 and abs(n[0] - 0.1) < 1e-16
    np.testing.assert_allclose(m, [1, 1 + 5e-11, 1 - 5e-11], rtol=1e-14)
    np.testing.assert_allclose(n, [0.1, 0.1 + 5e-12, 0.1 - 5e-12], rtol=1e-14)


@pytest.mark.usefixtures("x64")
def test_slopes_of_the_rates_also_there():
    v = np.concatenate([np.linspace(-120, 80, 401), [-40.0, -55.0, -40 + 1e-7, -55 - 1e-7]])

    def slopes(v):
        return jax.jvp(rates, (v,), (jnp.ones_like(v),))[1]

    for ours, theirs in zip(slopes(jnp.asarray(v)), textbook_slopes(v), strict=True):
        # Near 0 the textbook slope itself loses digits; on this grid, |x| >= 0.05: about 1e-12.
        fine = np.abs(theirs) * 1e-9 + 1e-11
        assert np.all(np.isfinite(ours))
        assert np.all(np.abs(ours - theirs)[:, :-2] < fine[:, :-2])
        np.testing.assert_allclose(ours[:, -2:], ours[:, -4:-2], rtol=1e-7)


@pytest.mark.parametrize("v", [-40.0, -55.0])
def test_slopes_are_finite_in_single_precision(v):
    opening, closing = jax.jacrev(rates)(jnp.asarray(v, jnp.float32))

    theirs = textbook_slopes(np.float64(v))
    np.testing.assert_allclose(opening, theirs[0], rtol=5e-6)
    np.testing.assert_allclose(closing, theirs[1], rtol=5e-6)


@pytest.mark.usefixtures("x64")
def test_at_the_start_gates_are_in_equilibrium():
    state = nj.HodgkinHuxley().initial_state()
    opening, closing = textbook(np.float64(-65.0))

    np.testing.assert_allclose(state.gates, opening / (opening + closing), rtol=1e-13)
    # Known values at rest (Hodgkin & Huxley 1952; NEURON's hh): m 0.053, h 0.596, n 0.318.
    np.testing.assert_allclose(state.gates, [0.0529, 0.5961, 0.3177], atol=5e-5)


@pytest.mark.usefixtures("x64")
def test_the_membrane_current():
    """C dv/dt is the current less those of sodium, potassium and leak."""
    cell = nj.HodgkinHuxley(C_m=2.0)
    state = cell.initial_state()._replace(v=jnp.array(-20.0), gates=jnp.array([0.3, 0.4, 0.5]))
    sodium = 120 * 0.3**3 * 0.4 * (-20 - 50)
    potassium = 36 * 0.5**4 * (-20 + 77)
    leak = 0.3 * (-20 + 54.3)

    rate = cell.vector_field(0.0, state, 7.0).v
    np.testing.assert_allclose(rate, (7 - sodium - potassium - leak) / 2, rtol=1e-14)


@pytest.mark.usefixtures("x64")
def test_the_stiff_part_is_the_membrane():
    cell = nj.HodgkinHuxley(shape=(2,), C_m=2.0)
    state = cell.initial_state()._replace(v=jnp.array([-20.0, -70.0]))
    part = cell.split(0.0, state, 7.0)

    rate = (part.source - part.conductance.mv(state.v)) / part.mass
    np.testing.assert_allclose(rate, cell.vector_field(0.0, state, 7.0).v, rtol=1e-13)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"C_m": 0.0}, r"HodgkinHuxley: C_m must be positive, got 0"),
        ({"C_m": np.nan}, r"HodgkinHuxley: C_m must be positive, got nan"),
        ({"g_Na": -1.0}, r"HodgkinHuxley: g_Na must not be negative, got -1"),
        ({"g_leak": np.array([0.3, -0.3])}, r"HodgkinHuxley: g_leak must not be negative"),
        ({"shape": (3,), "E_K": np.zeros(2)}, r"HodgkinHuxley: E_K has shape \(2,\)"),
    ],
)
def test_parameters_that_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        nj.HodgkinHuxley(**wrong)
