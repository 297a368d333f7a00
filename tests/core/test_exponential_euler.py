"""Exponential Euler: exact where it says so, of first order elsewhere, and a diffrax solver."""

from typing import NamedTuple

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

import neurojax as nj
from neurojax.core._exponential_euler import phi1


class Pair(NamedTuple):
    slow: jax.Array
    fast: jax.Array


class Leaky(nj.System):
    """Two leaves that relax to the drive on their own: rates −x/100 and −50 x."""

    def initial_state(self, key=None):
        return Pair(jnp.array([1.0, -2.0]), jnp.array(3.0))

    def vector_field(self, t, state, drive):
        return Pair((drive - state.slow) / 100, 50 * (drive - state.fast))


@pytest.mark.parametrize("dt", [0.1, 5.0])
@pytest.mark.usefixtures("x64")
def test_linear_leaves_are_exact_at_any_step(dt):
    sol = nj.simulate(Leaky(), 0.5, t1=20.0, dt=dt, record=["slow", "fast"])
    t = np.asarray(sol.ts)

    slow = 0.5 + (np.array([1.0, -2.0]) - 0.5) * np.exp(-t / 100)[:, None]
    np.testing.assert_allclose(sol["slow"], slow, rtol=1e-12)
    np.testing.assert_allclose(sol["fast"], 0.5 + 2.5 * np.exp(-50 * t), rtol=1e-12)


@pytest.mark.usefixtures("x64")
def test_gates_at_a_held_voltage_are_exact():
    """With v held by a huge capacitance, each gate relaxes exponentially to its steady state."""
    cell = nj.HodgkinHuxley(v_init=-20.0, C_m=1e12)
    shut = cell.initial_state()
    infinity, shut = shut.gates, shut._replace(gates=jnp.zeros(3))
    opening = cell.vector_field(0.0, shut, 0.0).gates
    sol = nj.simulate(
        cell, 0.0, t1=3.0, dt=1.0, solver=nj.ExponentialEuler(), state=shut, record=["gates"]
    )

    tau = np.asarray(infinity / opening)  # opening = infinity / tau
    t = np.asarray(sol.ts)[:, None]
    np.testing.assert_allclose(
        sol["gates"], np.asarray(infinity) * (1 - np.exp(-t / tau)), rtol=1e-8
    )


@pytest.mark.usefixtures("x64")
def test_first_order_on_the_squid():
    """The error in v during a spike halves with dt, against diffrax's Dopri8 at 1e-10."""
    cell = nj.HodgkinHuxley()
    term, y0 = nj.as_term(cell)
    truth = diffrax.diffeqsolve(
        term,
        diffrax.Dopri8(),
        0.0,
        4.0,
        None,
        y0,
        args=20.0,
        stepsize_controller=diffrax.PIDController(rtol=1e-11, atol=1e-12),
    ).ys.v[-1]  # pyright: ignore[reportOptionalMemberAccess]

    errors = []
    for dt in (0.01, 0.005, 0.0025, 0.00125):
        sol = nj.simulate(cell, 20.0, t1=4.0, dt=dt, solver=nj.ExponentialEuler(), record=[])
        errors.append(abs(sol.final.state.v - truth))
    ratios = np.divide(errors[:-1], errors[1:])
    assert errors[0] > 1e-3
    np.testing.assert_allclose(ratios, 2, atol=0.25)
    assert np.all(np.diff(np.abs(ratios - 2)) < 0)  # and ever closer to 2


@pytest.mark.usefixtures("x64")
def test_from_outside_by_diffeqsolve():
    cell = nj.HodgkinHuxley(shape=(2,))
    drive = jnp.array([5.0, 20.0])
    inside = nj.simulate(cell, drive, t1=2.0, dt=0.025, solver=nj.ExponentialEuler(), record=[])
    term, y0 = nj.as_term(cell, drive=drive)
    outside = diffrax.diffeqsolve(
        term,
        nj.ExponentialEuler(),
        0.0,
        2.0,
        None,
        y0,
        args=drive,
        stepsize_controller=diffrax.StepTo(jnp.linspace(0.0, 2.0, 81)),
    )

    assert y0.above is None  # the leaf that only jumps
    np.testing.assert_allclose(outside.ys.v[-1], inside.final.state.v, rtol=1e-10)  # pyright: ignore[reportOptionalMemberAccess]
    np.testing.assert_allclose(outside.ys.gates[-1], inside.final.state.gates, rtol=1e-10)  # pyright: ignore[reportOptionalMemberAccess]


@pytest.mark.usefixtures("x64")
def test_from_outside_with_a_drive_that_changes():
    """Exact for a drive held in each step: Euler's value of the drive at the step's start."""
    drive = nj.Ramp(0.0, 1.0, 0.0, 10.0)
    term, y0 = nj.as_term(Leaky(), drive=drive)
    sol = diffrax.diffeqsolve(term, nj.ExponentialEuler(), 0.0, 10.0, 0.5, y0, args=drive)

    x = np.array([1.0, -2.0])
    for n in range(20):
        x = n / 20 + (x - n / 20) * np.exp(-0.005)
    np.testing.assert_allclose(sol.ys.slow[-1], x, rtol=1e-12)  # pyright: ignore[reportOptionalMemberAccess]


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float32, 1e-6), (np.float64, 2e-14)])
def test_phi1_against_expm1(dtype, rtol):
    with jax.enable_x64(dtype == np.float64):
        z = np.concatenate([-np.logspace(3, -12, 200), [0.0], np.logspace(-12, 0, 100)])
        z = z.astype(dtype)
        wide = z.astype(np.float64)
        truth = np.where(wide == 0, 1, np.expm1(wide) / np.where(wide == 0, 1, wide))
        ours = phi1(jnp.asarray(z))
        assert ours.dtype == dtype
        np.testing.assert_allclose(ours, truth, rtol=rtol)


@pytest.mark.usefixtures("x64")
def test_phi1_has_its_derivatives():
    """φ₁′(0) = 1/2, φ₁″(0) = 1/3; elsewhere by finite differences, forward and in reverse."""
    slope = jax.grad(phi1)
    assert slope(jnp.array(0.0)) == 0.5
    assert abs(jax.grad(slope)(jnp.array(0.0)) - 1 / 3) < 1e-15
    for z in (-60.0, -3.0, -0.1, -0.05, -1e-6, 0.05, 1.0):
        check_grads(lambda z: phi1(jnp.asarray(z)), (z,), order=2, rtol=1e-5)
