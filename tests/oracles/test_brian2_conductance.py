"""Neurons without a reset against Brian2, which is given the equations of their papers."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj
from neurojax.neurons import (
    FitzHughNagumo,
    HindmarshRose,
    MorrisLecar,
    Pospischil,
    TraubMiles,
    WangBuzsaki,
    WilsonCowan,
)

pytestmark = pytest.mark.usefixtures("x64")

T1 = 20.0  # ms
# Of v (mV, or without unit), against what Brian2's solutions tend to; the spikes rise by up to
# 400 mV/ms, and what is left of a fourth-order solution's error goes with the slope.
BOUNDS = {
    "squid": 1e-6,
    "traub_miles": 5e-5,
    "wang_buzsaki": 3e-5,
    "pospischil": 3e-6,
    "morris_lecar": 1e-7,
    "fitzhugh_nagumo": 1e-9,
    "hindmarsh_rose": 1e-8,
    "wilson_cowan": 1e-9,
}
CORTICAL = ("g_Kd", "g_M", "g_L", "g_T", "g_leak", "E_leak")
MUSCLE = ("g_Ca", "v_3", "v_4", "phi")


def together(cells, names) -> dict[str, Any]:
    """What differs between some cells, as arrays over them."""
    return {name: np.array([float(getattr(cell, name)) for cell in cells]) for name in names}


def cases():
    """Of each model: neurons, their currents, what Brian2 calls their variables, parameters."""
    cortical = together(
        [
            Pospischil.regular_spiking(),
            Pospischil.fast_spiking(),
            Pospischil.intrinsically_bursting(),
            Pospischil.low_threshold_spiking(),
        ],
        CORTICAL,
    )
    muscle = together([MorrisLecar.class_1(), MorrisLecar.class_2()], MUSCLE)
    return {
        "squid": (nj.HodgkinHuxley((3,)), [0.0, 7.0, 20.0], "mhn", {}),
        "traub_miles": (TraubMiles((3,)), [0.0, 1.0, 5.0], "mhn", {}),
        "wang_buzsaki": (WangBuzsaki((3,)), [0.0, 1.0, 5.0], "hn", {}),
        "pospischil": (
            Pospischil(shape=(4,), **cortical),
            [4.0, 6.0, 2.0, 2.0],
            "mhnpqrw",
            cortical,
        ),
        "morris_lecar": (MorrisLecar(shape=(2,), **muscle), [60.0, 100.0], "w", muscle),
        "fitzhugh_nagumo": (FitzHughNagumo((3,)), [0.0, 0.5, 2.0], None, {}),
        "hindmarsh_rose": (HindmarshRose((3,)), [1.0, 2.0, 3.25], None, {}),
        "wilson_cowan": (WilsonCowan((3,)), [0.5, 1.25, 2.0], None, {}),
    }


def named(state, gates):
    """The variables of a state, by Brian2's names for them."""
    if gates is not None:
        return {"v": state.v, **dict(zip(gates, state.gates, strict=True))}
    names = {"E": "v", "I": "w"}
    return {names.get(n, n): x for n, x in state._asdict().items() if n != "above"}


def asked(oracle, models, *, method, dt, every):
    """Brian2's runs of these models, from the states that ours start in."""
    inputs = {}
    for model in models:
        neurons, currents, gates, parameters = cases()[model]
        start = named(neurons.initial_state(), gates) | parameters | {"I": np.array(currents)}
        inputs |= {f"{model}.{name}": np.asarray(value) for name, value in start.items()}
    return oracle("brian2_conductance", method=method, dt=dt, t1=T1, every=every, **inputs)


@pytest.fixture(scope="module")
def by_runge_kutta(oracle):
    """Brian2's fourth-order solutions with a step and with half of it, sampled each 0.1 ms."""
    with jax.enable_x64(True):
        return [asked(oracle, cases(), method="rk4", dt=0.1 / n, every=n) for n in (10, 20)]


@pytest.fixture(scope="module")
def by_exponential_euler(oracle):
    with jax.enable_x64(True):
        models = ("squid", "traub_miles")
        return asked(oracle, models, method="exponential_euler", dt=0.05, every=1)


@pytest.mark.parametrize("model", cases())
def test_a_tight_solution_is_where_brian2_converges_to(model, by_runge_kutta):
    neurons, currents, gates, _ = cases()[model]
    record = {"all": lambda t, state: named(state, gates)}
    ts = np.arange(round(T1 / 0.1)) * 0.1
    sol = nj.simulate(neurons, jnp.array(currents), t1=T1, ts=ts, record=record)

    for name, ours in sol["all"].items():
        coarse, fine = (brian2[f"{model}.{name}"] for brian2 in by_runge_kutta)
        limit = fine + (fine - coarse) / 15  # half the step, a sixteenth of the error
        assert np.max(np.abs(ours - limit)) < (BOUNDS[model] if name == "v" else 1e-6)
        assert np.ptp(ours) > 1e-3

    # Where Brian2's error is well above that of ours (some 1e-9 of v's range), it falls so.
    v = sol["all"]["v"]
    off = [np.max(np.abs(v - brian2[f"{model}.v"])) for brian2 in by_runge_kutta]
    assert 14 < off[0] / off[1] < 18 or off[1] < 1e-8 * np.ptp(v)


@pytest.mark.parametrize("model", ["squid", "traub_miles"])
def test_exponential_euler_is_brian2s_step_by_step(model, by_exponential_euler):
    """With v and each gate linear in itself, both take the same step; they differ by rounding,
    which spikes amplify."""
    neurons, currents, gates, _ = cases()[model]
    sol = nj.simulate(
        neurons,
        jnp.array(currents),
        t1=T1,
        dt=0.05,
        solver=nj.ExponentialEuler(),
        record={"all": lambda t, state: named(state, gates)},
    )
    for name, ours in sol["all"].items():
        np.testing.assert_allclose(ours, by_exponential_euler[f"{model}.{name}"], atol=1e-9)
