"""Channels against the curves of their papers, written down here in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurojax import channels

QT = 2.3 ** ((34 - 21) / 10)
CA = 4e-4  # mM


def ratio(x):
    """x / (exp(x) − 1), 1 at 0."""
    return np.where(x == 0, 1.0, x / np.where(x == 0, 1.0, np.expm1(x)))


def rising(x):
    return 1 / (1 + np.exp(-x))


def rates(alpha, beta, speed=1.0):
    return alpha / (alpha + beta), 1 / (alpha + beta) / speed


def hodgkin_huxley(v):
    """Hodgkin & Huxley 1952, eqs. 12-24; rest at −65 mV."""
    m = rates(ratio(-(v + 40) / 10), 4 * np.exp(-(v + 65) / 18))
    h = rates(0.07 * np.exp(-(v + 65) / 20), rising((v + 35) / 10))
    n = rates(0.1 * ratio(-(v + 55) / 10), 0.125 * np.exp(-(v + 65) / 80))
    return m, h, n


def traub_miles(v, v_T=-63.0):
    """Brette et al. 2007, appendix, benchmark 3."""
    u = v - v_T
    m = rates(1.28 * ratio((13 - u) / 4), 1.4 * ratio((u - 40) / 5))
    h = rates(0.128 * np.exp((17 - u) / 18), 4 * rising((u - 40) / 5))
    n = rates(0.16 * ratio((15 - u) / 5), 0.5 * np.exp((10 - u) / 40))
    return m, h, n


def km(v):
    """Pospischil et al. 2008, sec. 2.2."""
    return ((rising((v + 35) / 10), 1000 / (3.3 * np.exp((v + 35) / 20) + np.exp(-(v + 35) / 20))),)


def high_voltage_calcium(v):
    """Reuveni et al. 1993; the same in Pospischil et al. 2008 and Hay et al. 2011."""
    m = rates(0.055 * 3.8 * ratio((-27 - v) / 3.8), 0.94 * np.exp((-75 - v) / 17))
    return m, rates(0.000457 * np.exp((-13 - v) / 50), 0.0065 / (np.exp((-15 - v) / 28) + 1))


def ca_t(v):
    """Pospischil et al. 2008, sec. 2.2, τ as in the authors' program."""
    u = v + 2
    tau = 30.8 + (211.4 + np.exp((u + 113.2) / 5)) / (1 + np.exp((u + 84) / 3.2))
    return ((rising(-(u + 81) / 4), tau / 3**1.2),)


def h_current(v):
    """Huguenard & McCormick 1992."""
    tau = 1 / (np.exp(-14.59 - 0.086 * v) + np.exp(-1.87 + 0.0701 * v))
    return ((1 / (1 + np.exp((v + 75) / 5.5)), tau),)


def sodium_activation(v):
    return rates(0.182 * 6 * ratio(-(v + 38) / 6), 0.124 * 6 * ratio((v + 38) / 6), QT)


def na_ta(v):
    h = rates(0.015 * 6 * ratio((v + 66) / 6), 0.015 * 6 * ratio(-(v + 66) / 6), QT)
    return sodium_activation(v), h


def nap_et2(v):
    alpha = 2.88e-6 * 4.63 * ratio((v + 17) / 4.63)
    beta = 6.94e-6 * 2.63 * ratio(-(v + 64.4) / 2.63)
    m = 1 / (1 + np.exp((v + 52.6) / -4.6)), 6 * sodium_activation(v)[1]
    return m, (1 / (1 + np.exp((v + 48.8) / 10)), 1 / (alpha + beta) / QT)


def k_tst(v):
    u = v + 10
    m = 1 / (1 + np.exp(-u / 19)), (0.34 + 0.92 * np.exp(-(((u + 71) / 59) ** 2))) / QT
    return m, (1 / (1 + np.exp((u + 66) / 10)), (8 + 49 * np.exp(-(((u + 73) / 23) ** 2))) / QT)


def k_pst(v):
    u = v + 10
    tau = np.where(u < -50, 1.25 + 175.03 * np.exp(0.026 * u), 1.25 + 13 * np.exp(-0.026 * u))
    slow = 360 + (1010 + 24 * (u + 55)) * np.exp(-(((u + 75) / 48) ** 2))
    return (1 / (1 + np.exp(-(u + 1) / 12)), tau / QT), (1 / (1 + np.exp((u + 54) / 11)), slow / QT)


def skv3_1(v):
    return ((1 / (1 + np.exp((v - 18.7) / -9.7)), 4 / (1 + np.exp((v + 46.56) / -44.14))),)


def sk_e2(v):
    return ((np.full_like(v, 1 / (1 + (0.00043 / CA) ** 4.8)), np.ones_like(v)),)


def im(v):
    return (rates(3.3e-3 * np.exp(0.1 * (v + 35)), 3.3e-3 * np.exp(-0.1 * (v + 35)), QT),)


def ih(v):
    return (rates(0.001 * 6.43 * 11.9 * ratio((v + 154.9) / 11.9), 0.193 * np.exp(v / 33.1)),)


def ca_lva(v):
    u = v + 10
    m = 1 / (1 + np.exp((u + 30) / -6)), (5 + 20 / (1 + np.exp((u + 25) / 5))) / QT
    return m, (1 / (1 + np.exp((u + 80) / 6.4)), (20 + 50 / (1 + np.exp((u + 40) / 7))) / QT)


def leak(v):
    return ()


E_CA = 1e3 * 8.314462618 * 307.15 / (2 * 96485.33212) * np.log(2 / CA)


def squid_currents(v, m, h, n):
    return {"na": 120 * m**3 * h * (v - 50), "k": 36 * n**4 * (v + 77)}


def traub_miles_currents(v, m, h, n):
    return {"na": 100 * m**3 * h * (v - 50), "k": 30 * n**4 * (v + 90)}


def pospischil_currents(v, m, h, n):
    return {"na": 50 * m**3 * h * (v - 50), "k": 5 * n**4 * (v + 100)}


def thalamic_h_current():
    return channels.HCurrent(0.02)


# Channel, curves of its gates, its currents (µA/cm²), and where its rates are zero over zero.
CHANNELS = {
    "Leak": (channels.Leak, leak, lambda v: {None: 0.3 * (v + 54.3)}, []),
    "HodgkinHuxley": (channels.HodgkinHuxley, hodgkin_huxley, squid_currents, [-40.0, -55.0]),
    "TraubMiles": (channels.TraubMiles, traub_miles, traub_miles_currents, [-50.0, -48.0, -23.0]),
    "TraubMiles.pospischil": (
        channels.TraubMiles.pospischil,
        lambda v: traub_miles(v, -55.0),
        pospischil_currents,
        [-42.0, -40.0, -15.0],
    ),
    "Km": (channels.Km, km, lambda v, p: {"k": 0.07 * p * (v + 100)}, []),
    "CaL": (
        channels.CaL,
        high_voltage_calcium,
        lambda v, q, r: {"ca": 0.17 * q**2 * r * (v - 120)},
        [-27.0],
    ),
    "CaT": (
        channels.CaT,
        ca_t,
        lambda v, u: {"ca": 0.4 * rising((v + 59) / 6.2) ** 2 * u * (v - 120)},
        [],
    ),
    "HCurrent": (thalamic_h_current, h_current, lambda v, m: {None: 0.02 * m * (v + 43)}, []),
    "NaTa_t": (
        channels.NaTa_t,
        na_ta,
        lambda v, m, h: {"na": 2040 * m**3 * h * (v - 50)},
        [-38.0, -66.0],
    ),
    "Nap_Et2": (
        channels.Nap_Et2,
        nap_et2,
        lambda v, m, h: {"na": 1.72 * m**3 * h * (v - 50)},
        [-38.0, -17.0, -64.4],
    ),
    "K_Tst": (channels.K_Tst, k_tst, lambda v, m, h: {"k": 81.2 * m**4 * h * (v + 85)}, []),
    "K_Pst": (channels.K_Pst, k_pst, lambda v, m, h: {"k": 2.23 * m**2 * h * (v + 85)}, []),
    "SKv3_1": (channels.SKv3_1, skv3_1, lambda v, m: {"k": 693 * m * (v + 85)}, []),
    "SK_E2": (channels.SK_E2, sk_e2, lambda v, z: {"k": 44.1 * z * (v + 85)}, []),
    "Im": (channels.Im, im, lambda v, m: {"k": 0.0675 * m * (v + 85)}, []),
    "Ih": (channels.Ih, ih, lambda v, m: {None: 0.2 * m * (v + 45)}, [-154.9]),
    "Ca_HVA": (
        channels.Ca_HVA,
        high_voltage_calcium,
        lambda v, m, h: {"ca": 0.992 * m**2 * h * (v - E_CA)},
        [-27.0],
    ),
    "Ca_LVAst": (
        channels.Ca_LVAst,
        ca_lva,
        lambda v, m, h: {"ca": 3.43 * m**2 * h * (v - E_CA)},
        [],
    ),
}
GRID = np.linspace(-120, 60, 1801)


@pytest.fixture(params=CHANNELS)
def case(request):
    return CHANNELS[request.param]


@pytest.mark.parametrize("precision", ["x64", "x32"])
def test_gates_and_currents_are_the_papers(case, precision):
    make, curves, currents, _ = case
    # Single precision: exponents of up to 30 are rounded, and exp(x) − 1 loses a tenth at 0.1.
    rtol = 1e-12 if precision == "x64" else 2e-5
    with jax.enable_x64(precision == "x64"):
        channel, v = make(), jnp.asarray(GRID, float)
        ions = {"ca": jnp.full_like(v, CA)}
        opening, closing = channel.rates(v, ions)
        gates = jnp.asarray(np.random.default_rng(0).uniform(size=opening.shape), float)
        densities = {flow.ion: flow.at(v) for flow in channel.currents(v, gates, ions)}

    assert len(opening) == len(closing) == len(channel.gates) == len(curves(GRID))
    for a, b, (steady, tau) in zip(opening, closing, curves(GRID), strict=True):
        a, b = np.asarray(a), np.asarray(b)
        np.testing.assert_allclose(1 / (a + b), tau, rtol=rtol)
        np.testing.assert_allclose(a / (a + b), steady, rtol=0, atol=rtol)

    due = currents(GRID, *np.asarray(gates))
    assert densities.keys() == due.keys()
    for ion, density in due.items():
        # g v and g E all but cancel near the reversal potential.
        largest = np.abs(density).max()
        np.testing.assert_allclose(densities[ion], density, rtol=rtol, atol=rtol * largest)


@pytest.mark.usefixtures("x64")
def test_slopes_of_the_rates_also_where_the_formula_is_zero_over_zero(case):
    make, curves, _, singular = case

    def papers_rates(v):
        return np.array([[s / tau, (1 - s) / tau] for s, tau in curves(v)]).reshape(-1, 2, v.size)

    v = np.array([*singular, *(x + 1e-9 for x in singular), -75.3, -20.1, 30.0])
    h = 1e-3
    a, b, c, d = (papers_rates(v + k * h) for k in (-2, -1, 1, 2))
    difference = (a - 8 * b + 8 * c - d) / (12 * h)  # off by h⁴, and by rounding over h
    largest = np.abs(papers_rates(v)).max(2, keepdims=True)

    def slopes():
        channel, w = make(), jnp.asarray(v, float)
        ions = {"ca": jnp.full_like(w, CA)}
        return jax.jvp(lambda w: channel.rates(w, ions), (w,), (jnp.ones_like(w),))[1]

    assert np.all(np.abs(np.stack(slopes(), 1) - difference) <= 1e-10 * largest)
    with jax.enable_x64(False):
        assert np.all(np.abs(np.stack(slopes(), 1) - difference) <= 1e-4 * largest)


@pytest.mark.usefixtures("x64")
def test_known_values():
    """Of the squid at rest (NEURON's hh), half activations as the sources state them."""

    def steady_and_tau(channel, v, ca=1e-4):
        opening, closing = channel.rates(jnp.asarray(v), {"ca": jnp.asarray(ca)})
        return opening / (opening + closing), 1 / (opening + closing)

    steady, tau = steady_and_tau(channels.HodgkinHuxley(), -65.0)
    np.testing.assert_allclose(steady, [0.0529, 0.5961, 0.3177], atol=5e-5)
    np.testing.assert_allclose(tau, [0.2368, 8.5161, 5.4586], atol=1e-4)
    halves = [
        (channels.Km(), 0, -35.0),
        (channels.K_Tst(), 0, -10.0),
        (channels.K_Tst(), 1, -76.0),
        (channels.K_Pst(), 0, -11.0),
        (channels.K_Pst(), 1, -64.0),
        (channels.SKv3_1(), 0, 18.7),
        (channels.Im(), 0, -35.0),
        (channels.NaTa_t(), 1, -66.0),
        (channels.Nap_Et2(), 0, -52.6),
        (channels.Ca_LVAst(), 0, -40.0),
        (channels.HCurrent(0.02), 0, -75.0),
    ]
    for channel, gate, v in halves:
        assert abs(steady_and_tau(channel, v)[0][gate] - 0.5) < 1e-12
    assert abs(steady_and_tau(channels.SK_E2(), 0.0, ca=4.3e-4)[0][0] - 0.5) < 1e-12
