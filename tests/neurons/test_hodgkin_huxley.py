"""The squid's spikes, held against a textbook neuron integrated by SciPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import neurojax as nj

CURRENTS = np.array([0.0, 4.0, 7.0, 10.0, 20.0, 40.0])  # µA/cm²
T1 = 50.0


def textbook_spikes(current):
    """Spike times (ms): rises of v through 0, at a relative tolerance of 1e-10."""

    def rates(v):
        m = 0.1 * (v + 40) / -np.expm1(-(v + 40) / 10)
        n = 0.01 * (v + 55) / -np.expm1(-(v + 55) / 10)
        opening = np.array([m, 0.07 * np.exp(-(v + 65) / 20), n])
        closing = np.array(
            [
                4 * np.exp(-(v + 65) / 18),
                1 / (1 + np.exp(-(v + 35) / 10)),
                0.125 * np.exp(-(v + 65) / 80),
            ]
        )
        return opening, closing

    def field(t, y):
        v, m, h, n = y
        opening, closing = rates(v)
        membrane = 120 * m**3 * h * (v - 50) + 36 * n**4 * (v + 77) + 0.3 * (v + 54.3)
        return [current - membrane, *(opening - (opening + closing) * y[1:])]

    def rise(t, y):
        return y[0]

    rise.direction = 1
    opening, closing = rates(-65.0)
    start = [-65.0, *(opening / (opening + closing))]
    sol = solve_ivp(field, (0, T1), start, rtol=1e-10, atol=1e-12, method="DOP853", events=rise)
    return sol.t_events[0]


@pytest.fixture(scope="module")
def expected():
    return [textbook_spikes(current) for current in CURRENTS]


@pytest.mark.usefixtures("x64")
def test_spikes_by_events_are_those_of_the_textbook_neuron(expected):
    cells = nj.HodgkinHuxley(shape=CURRENTS.shape)
    sol = nj.simulate(cells, CURRENTS, t1=T1, max_spikes=30)

    assert [len(times) for times in expected] == sol.spikes.counts().tolist()
    assert sum(map(len, expected)) > 15
    for i, times in enumerate(expected):
        np.testing.assert_allclose(sol.spikes.of(i), times, atol=1e-5)


@pytest.mark.parametrize("solver", [nj.SemiImplicitEuler(), nj.ExponentialEuler()])
@pytest.mark.parametrize("precision", ["x64", "x32"])
def test_spikes_on_a_clock_are_those_of_the_textbook_neuron(expected, solver, precision):
    """Counts are equal; times are off in proportion to dt: the solvers are of first order."""
    with jax.enable_x64(precision == "x64"):
        cells = nj.HodgkinHuxley(shape=CURRENTS.shape)
        spikes = {
            dt: nj.simulate(cells, CURRENTS, t1=T1, dt=dt, solver=solver, record=["spikes"]).spikes
            for dt in (0.04, 0.01)
        }
    for i, times in enumerate(expected):
        coarse, fine = spikes[0.04].of(i), spikes[0.01].of(i)
        assert len(coarse) == len(fine) == len(times)
        if len(times):
            error = np.max(np.abs(coarse - times))
            # A stamp is the start of a step: with the error go up to 0.01 ms that do not.
            assert error < 1.5
            assert np.max(np.abs(fine - times)) < 0.3 * error + 0.01


@pytest.mark.parametrize("dt", [0.1, 0.025])
def test_a_spike_is_counted_once_however_long_v_stays_above_threshold(dt):
    """v is above 0 mV for many steps of each spike: what counts is the rise."""
    record = ["v", "spikes"]
    cells = nj.HodgkinHuxley(shape=CURRENTS.shape)
    sol = nj.simulate(cells, CURRENTS, t1=T1, dt=dt, record=record)
    above = np.concatenate([sol["v"], sol.final.state.v[None]]) > 0

    rises = ~above[:-1] & above[1:]
    assert above.sum() > 3 * rises.sum() > 0
    np.testing.assert_array_equal(sol.spikes.raster(), rises)  # pyright: ignore[reportAttributeAccessIssue]


def test_started_above_threshold_nothing_is_counted_before_the_next_rise():
    cell = nj.HodgkinHuxley(v_init=20.0)
    sol = nj.simulate(cell, 0.0, t1=5.0, dt=0.025)

    assert sol["v"][0] == 20 and sol.spikes.counts() == 0


@pytest.mark.usefixtures("x64")
def test_cells_in_a_population_are_cells_alone():
    together = nj.simulate(nj.HodgkinHuxley(shape=(6,)), CURRENTS, t1=10.0, dt=0.025)
    for i in (0, 3):
        alone = nj.simulate(nj.HodgkinHuxley(), float(CURRENTS[i]), t1=10.0, dt=0.025)
        np.testing.assert_allclose(together["v"][:, i], alone["v"], rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize("solver", [nj.SemiImplicitEuler(), nj.ExponentialEuler()])
@pytest.mark.usefixtures("x64")
def test_gradients_are_those_of_finite_differences(solver):
    """Of the mean potential over a spike: to the current, a conductance, a reversal, the start."""
    cell = nj.HodgkinHuxley()

    @jax.jit
    def mean_v(p):
        current, g_Na, E_K, v_init = p
        changed = nj.HodgkinHuxley(g_Na=g_Na, E_K=E_K, v_init=v_init)
        record = {"area": nj.Integral(lambda t, state: state.v)}
        sol = nj.simulate(changed, current, t1=8.0, dt=0.025, solver=solver, record=record)
        return sol["area"] / 8.0

    point = jnp.array([15.0, float(cell.g_Na), float(cell.E_K), -60.0])
    h = 1e-5
    differences = np.array(
        [(mean_v(point.at[i].add(h)) - mean_v(point.at[i].add(-h))) / (2 * h) for i in range(4)]
    )
    assert np.all(np.abs(differences) > 1e-3)
    np.testing.assert_allclose(jax.grad(mean_v)(point), differences, rtol=1e-6)
