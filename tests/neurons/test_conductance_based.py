"""Neurons of Hodgkin-Huxley type, held against their papers' equations in NumPy and SciPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import neurojax as nj
from neurojax.neurons import MorrisLecar, Pospischil, TraubMiles, WangBuzsaki


def ratio(x):
    """x / (exp(x) − 1), 1 at 0."""
    return np.where(x == 0, 1.0, x / np.where(x == 0, 1.0, np.expm1(x)))


def rising(x):
    return 1 / (1 + np.exp(-x))


def traub_miles(v, v_T=-63.0):
    """Brette et al. 2007, appendix, benchmark 3."""
    u = v - v_T
    opening = [
        0.32 * 4 * ratio((13 - u) / 4),
        0.128 * np.exp((17 - u) / 18),
        0.032 * 5 * ratio((15 - u) / 5),
    ]
    closing = [
        0.28 * 5 * ratio((u - 40) / 5),
        4 / (1 + np.exp((40 - u) / 5)),
        0.5 * np.exp((10 - u) / 40),
    ]
    return np.stack(opening), np.stack(closing)


def wang_buzsaki(v):
    """Wang & Buzsáki 1996, Materials and Methods, phi = 5."""
    opening = [0.07 * np.exp(-(v + 58) / 20), 0.1 * ratio(-(v + 34) / 10)]
    closing = [1 / (np.exp(-(v + 28) / 10) + 1), 0.125 * np.exp(-(v + 44) / 80)]
    return 5 * np.stack(opening), 5 * np.stack(closing)


def pospischil(v):
    """Pospischil et al. 2008, sec. 2.2, v_T = −55 and v_x = 2 mV, tau_max = 1 s."""
    opening, closing = traub_miles(v, -55.0)
    tau_p = 1000 / (3.3 * np.exp((v + 35) / 20) + np.exp(-(v + 35) / 20))
    tau_u = 30.8 + (211.4 + np.exp((v + 115.2) / 5)) / (1 + np.exp((v + 86) / 3.2))
    p, u, q10 = rising((v + 35) / 10), rising(-(v + 83) / 4), 3 ** ((36 - 24) / 10)
    opens = [
        p / tau_p,
        0.055 * 3.8 * ratio(-(v + 27) / 3.8),
        0.000457 * np.exp(-(v + 13) / 50),
        u * q10 / tau_u,
    ]
    closes = [
        (1 - p) / tau_p,
        0.94 * np.exp(-(v + 75) / 17),
        0.0065 / (np.exp(-(v + 15) / 28) + 1),
        (1 - u) * q10 / tau_u,
    ]
    return np.stack([*opening, *opens]), np.stack([*closing, *closes])


def morris_lecar(v):
    """Morris & Lecar 1981, eq. 9; class 1 of Rinzel & Ermentrout."""
    w = (1 + np.tanh((v - 12) / 17.4)) / 2
    speed = np.cosh((v - 12) / (2 * 17.4)) / 15
    return np.stack([speed * w]), np.stack([speed * (1 - w)])


def traub_miles_current(v, x):
    m, h, n = x
    return 100 * m**3 * h * (v - 50) + 30 * n**4 * (v + 90) + 0.05 * (v + 60)


def wang_buzsaki_current(v, x):
    h, n = x
    opening = ratio(-(v + 35) / 10)
    m = opening / (opening + 4 * np.exp(-(v + 60) / 18))
    return 35 * m**3 * h * (v - 55) + 9 * n**4 * (v + 90) + 0.1 * (v + 65)


def pospischil_current(v, x):
    m, h, n, p, q, r, u = x
    fast = 50 * m**3 * h * (v - 50) + 5 * n**4 * (v + 100) + 0.1 * (v + 70)
    s = rising((v + 2 + 57) / 6.2)
    return fast + 0.07 * p * (v + 100) + (0.17 * q**2 * r + 0.4 * s**2 * u) * (v - 120)


def morris_lecar_current(v, x):
    m = (1 + np.tanh((v + 1.2) / 18)) / 2
    return 4 * m * (v - 120) + 8 * x[0] * (v + 84) + 2 * (v + 60)


def with_calcium(shape=(), **parameters):
    return Pospischil(shape, g_L=0.17, g_T=0.4, **parameters)


# Neurons, rates, ionic current; a current to fire at, how long, and the error of spike times there
# on a clock of 0.01 ms, where spikes are stamped and steps of first order.
MODELS = {
    "TraubMiles": (TraubMiles, traub_miles, traub_miles_current, 2.0, 60.0, 0.1),
    "WangBuzsaki": (WangBuzsaki, wang_buzsaki, wang_buzsaki_current, 1.0, 60.0, 0.4),
    "Pospischil": (with_calcium, pospischil, pospischil_current, 5.0, 60.0, 0.05),
    "MorrisLecar": (MorrisLecar.class_1, morris_lecar, morris_lecar_current, 60.0, 120.0, 0.3),
}
# Zeros over zeros: of m and n at v_T + 13, 15 and 40 mV; of n and m; of m, n and q; none.
SINGULAR = {
    "TraubMiles": [-50.0, -48.0, -23.0],
    "WangBuzsaki": [-34.0, -35.0],
    "Pospischil": [-42.0, -40.0, -15.0, -27.0],
    "MorrisLecar": [],
}
GRID = np.linspace(-120, 80, 2001)  # all of them are on it


@pytest.fixture(params=MODELS)
def model(request):
    return request.param


@pytest.mark.parametrize("precision", ["x64", "x32"])
def test_rates_and_currents_are_the_papers(model, precision):
    make, rates, current, *_ = MODELS[model]
    # Single precision: powers of up to ten of one exponential, exp(x) − 1 down to |x| = 0.1.
    rtol = 1e-12 if precision == "x64" else 2e-5
    with jax.enable_x64(precision == "x64"):
        cells = make(GRID.shape)
        v = jnp.asarray(GRID, float)
        opening, closing = cells.rates(v)
        gates = jnp.asarray(np.random.default_rng(0).uniform(size=opening.shape), float)
        state = cells.initial_state()._replace(v=v, gates=gates)
        field = cells.vector_field(0.0, state, 3.0)
        part = cells.split(0.0, state, 3.0)
        pulled = (part.source - part.conductance.mv(v)) / part.mass
    (alpha, beta), x = rates(GRID), np.asarray(gates)
    due = [(opening, alpha), (closing, beta), (field.gates, alpha * (1 - x) - beta * x)]
    for ours, theirs in due:
        off = (np.asarray(ours) - theirs) / (alpha + beta)
        assert np.max(np.abs(off)) < rtol

    # Currents of up to some 1e4 µA/cm² all but cancel at places.
    expected = (3 - current(GRID, x)) / float(cells.C_m)
    np.testing.assert_allclose(field.v, expected, rtol=rtol, atol=1e4 * rtol)
    np.testing.assert_allclose(pulled, field.v, rtol=rtol, atol=1e4 * rtol)


@pytest.mark.usefixtures("x64")
def test_slopes_of_the_rates_also_where_the_formula_is_zero_over_zero(model):
    make, rates, *_ = MODELS[model]
    v = np.array([*SINGULAR[model], *(x + 1e-9 for x in SINGULAR[model]), -70.0, -20.0, 30.0])
    slopes = jax.jvp(make(v.shape).rates, (jnp.asarray(v),), (jnp.ones_like(v),))[1]
    with jax.enable_x64(False):
        w = jnp.asarray(v, jnp.float32)
        single = jax.jvp(make(v.shape).rates, (w,), (jnp.ones_like(w),))[1]

    h = 1e-3
    beside = [rates(v + k * h) for k in (-2, -1, 1, 2)]
    for ours, rough, (a, b, c, d) in zip(slopes, single, zip(*beside, strict=True), strict=True):
        difference = (a - 8 * b + 8 * c - d) / (12 * h)  # off by h⁴, and by rounding over h
        largest = np.abs(difference).max(1, keepdims=True)
        assert np.max(np.abs(np.asarray(ours) - difference) / largest) < 1e-10
        assert np.max(np.abs(np.asarray(rough) - difference) / largest) < 1e-4


@pytest.mark.usefixtures("x64")
def test_at_the_start_gates_are_in_equilibrium(model):
    make, rates, *_ = MODELS[model]
    state = make(v_init=-67.3).initial_state()
    alpha, beta = rates(np.float64(-67.3))

    assert state.v == -67.3 and not state.above
    np.testing.assert_allclose(state.gates, alpha / (alpha + beta), rtol=1e-12)


def scipys_spikes(model):
    """Rises of v through 0 mV (ms), at a relative tolerance of 1e-10."""
    make, rates, current, drive, t1, _ = MODELS[model]
    cell = make()
    state = cell.initial_state()

    def field(t, y):
        alpha, beta = rates(y[0])
        slope = (drive - current(y[0], y[1:])) / float(cell.C_m)
        return [slope, *(alpha - (alpha + beta) * y[1:])]

    def rise(t, y):
        return y[0]

    rise.direction = 1
    start = [float(state.v), *np.asarray(state.gates)]
    sol = solve_ivp(field, (0, t1), start, rtol=1e-10, atol=1e-12, method="DOP853", events=rise)
    return sol.t_events[0]


@pytest.mark.usefixtures("x64")
def test_spikes_on_a_clock_are_those_of_scipys_solution(model):
    make, _, _, drive, t1, error = MODELS[model]
    with jax.enable_x64(False):
        sol = nj.simulate(make(), drive, t1=t1, dt=0.01, record=["spikes"])

    assert sol.spikes.counts() > 1
    np.testing.assert_allclose(sol.spikes.of(0), scipys_spikes(model), atol=error)


@pytest.mark.parametrize("model", ["WangBuzsaki", "MorrisLecar"])
@pytest.mark.usefixtures("x64")
def test_spikes_by_events_are_those_of_scipys_solution(model):
    make, _, _, drive, t1, _ = MODELS[model]
    sol = nj.simulate(make(), drive, t1=t1, max_spikes=4, record=["v"])

    np.testing.assert_allclose(sol.spikes.of(0), scipys_spikes(model), atol=1e-8)


@pytest.mark.usefixtures("x64")
def test_gradients_are_those_of_finite_differences():
    """Of the mean potential of Wang & Buzsáki's cell, over a spike."""

    @jax.jit
    def mean_v(p):
        current, g_Na, phi, E_K = p
        cell = WangBuzsaki(g_Na=g_Na, phi=phi, E_K=E_K)
        record = {"area": nj.Integral(lambda t, state: state.v)}
        return nj.simulate(cell, current, t1=15.0, dt=0.025, record=record)["area"] / 15.0

    point, h = jnp.array([1.0, 35.0, 5.0, -90.0]), 1e-5
    differences = np.array(
        [(mean_v(point.at[i].add(h)) - mean_v(point.at[i].add(-h))) / (2 * h) for i in range(4)]
    )
    assert np.all(np.abs(differences) > 1e-3)
    np.testing.assert_allclose(jax.grad(mean_v)(point), differences, rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "wrong", "message"),
    [
        (TraubMiles, {"C_m": -1.0}, "TraubMiles: C_m must be positive, got -1"),
        (TraubMiles, {"g_K": np.nan}, "TraubMiles: g_K must not be negative, got nan"),
        (WangBuzsaki, {"phi": 0.0}, "WangBuzsaki: phi must be positive, got 0"),
        (Pospischil, {"g_T": -0.1}, "Pospischil: g_T must not be negative, got -0.1"),
        (Pospischil, {"tau_max": 0.0}, "Pospischil: tau_max must be positive, got 0"),
        (MorrisLecar, {"v_4": -30.0}, "MorrisLecar: v_4 must be positive, got -30"),
        (
            MorrisLecar.class_1,
            {"shape": (3,), "v_3": np.zeros(2)},
            r"MorrisLecar: v_3 has shape \(2,\), the population \(3,\)",
        ),
    ],
)
def test_parameters_that_are_refused(make, wrong, message):
    with pytest.raises(ValueError, match=message):
        make(**wrong)
