"""Wilson & Cowan's populations: the steady states and the limit cycle of the 1972 paper."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import expit

import neurojax as nj
from neurojax.neurons import WilsonCowan

pytestmark = pytest.mark.usefixtures("x64")

FIG_4 = {"c_1": 12.0, "c_2": 4.0, "c_3": 13.0, "c_4": 11.0, "a_E": 1.2, "theta_E": 2.8}
FIG_4 |= {"a_I": 1.0, "theta_I": 4.0}
FIG_5 = {"c_1": 13.0, "c_2": 4.0, "c_3": 22.0, "c_4": 2.0, "a_E": 1.5, "theta_E": 2.5}
FIG_5 |= {"a_I": 6.0, "theta_I": 4.3}


def gain(x, a, theta):
    return expit(a * (x - theta)) - expit(-a * theta)


def field(t, y, P, Q):
    """Eqs. 11 and 12 with the parameters of fig. 11 and time constants of 10 ms."""
    E, I = y
    k_E, k_I = 1 - expit(-1.3 * 4), 1 - expit(-2 * 3.7)
    return [
        (-E + (k_E - E) * gain(16 * E - 12 * I + P, 1.3, 4)) / 10,
        (-I + (k_I - I) * gain(15 * E - 3 * I + Q, 2, 3.7)) / 10,
    ]


def test_the_flow_is_that_of_scipys_solution_in_both_modes():
    ts = np.linspace(0, 100, 101)
    theirs = solve_ivp(
        field, (0, 100), [0, 0], args=(1.25, 0.2), t_eval=ts, rtol=1e-11, atol=1e-13
    ).y
    sol = nj.simulate(WilsonCowan(), (1.25, 0.2), t1=100.0, ts=ts)
    np.testing.assert_allclose([sol["E"], sol["I"]], theirs, atol=1e-9)

    with jax.enable_x64(False):
        clocked = nj.simulate(WilsonCowan(), (1.25, 0.2), t1=100.0, dt=0.1, every=10)
    # Second order in dt/tau = 0.01.
    np.testing.assert_allclose([clocked["E"], clocked["I"]], theirs[:, :-1], atol=1e-4)


def settled(parameters, drive=0.0, t1=400.0, grid=21):
    """Where pairs end that start on a grid of activities, [pairs, 2]."""
    E, I = (jnp.asarray(x.ravel()) for x in np.meshgrid(*[np.linspace(0, 0.5, grid)] * 2))
    pairs = WilsonCowan(E.shape, **parameters)
    state = pairs.initial_state()._replace(E=E, I=I)
    end = nj.simulate(pairs, drive, t1=t1, dt=0.2, state=state, record=[]).final.state
    return np.stack([end.E, end.I], -1)


@pytest.mark.parametrize(
    ("parameters", "states"),
    [
        (FIG_4, [[0.0, 0.0], [0.43975, 0.22593]]),
        (FIG_5, [[0.0, 0.0], [0.20362, 0.18903], [0.45411, 0.5]]),
    ],
    ids=["fig 4", "fig 5"],
)
def test_stable_steady_states(parameters, states):
    """Fig. 4 has three crossings of the isoclines, two of them stable, and fig. 5 five, three of
    them stable: roots of eqs. 11 and 12, found apart from these by SciPy's fsolve."""
    ends = settled(parameters)
    distance = np.abs(ends[:, None] - np.array(states)).max(-1)

    assert np.all(distance.min(1) < 1e-3)
    assert set(distance.argmin(1)) == set(range(len(states)))


def test_the_limit_cycle_of_fig_11():
    """With P = 1.25 all starts end on one cycle; without, at rest."""
    pairs = WilsonCowan((3,))
    start = pairs.initial_state()._replace(
        E=jnp.array([0.0, 0.2, 0.5]), I=jnp.array([0.0, 0.11, 0.5])
    )
    sol = nj.simulate(pairs, 1.25, t1=1200.0, dt=0.1, state=start)
    late = np.asarray(sol["E"])[6000:]
    np.testing.assert_allclose(late.max(0), late.max(), atol=1e-3)
    np.testing.assert_allclose(late.min(0), late.min(), atol=1e-3)
    assert np.ptp(late) > 0.15

    rest = nj.simulate(pairs, 0.0, t1=600.0, dt=0.1, state=start, record=[]).final.state
    np.testing.assert_allclose([rest.E, rest.I], 0, atol=1e-6)


@pytest.mark.parametrize(
    "wrong", [{"tau_E": 0.0}, {"a_I": -1.0}, {"c_1": np.ones(2), "shape": (3,)}]
)
def test_parameters_that_are_refused(wrong):
    with pytest.raises(ValueError, match=f"WilsonCowan: {next(iter(wrong))}"):
        WilsonCowan(**wrong)
