"""The exact propagator: closed forms, matrix exponentials, refractory neurons, gradients."""

import math
from typing import Any, NamedTuple

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

import neurojax as nj
from neurojax.core import ExactLinear
from neurojax.core._exact_linear import phi1_of_matrix


class Cascade(NamedTuple):
    v: Any
    g: Any
    x: Any
    frozen: Any


class Coupled(nj.System):
    """Three leaves, each with each: `dy/dt = A y + (drive, 0, 0)`; v stands still where frozen."""

    A: jax.Array  # [3, 3] or [3, 3, n]
    shape: tuple[int, ...] = ()

    def initial_state(self, key=None):
        one = jnp.ones(self.shape, self.A.dtype)
        return Cascade(one, 2 * one, -one, jnp.zeros(self.shape, jnp.int32))

    def vector_field(self, t, state, drive):
        y = state[:3]
        rates = [sum(self.A[i, j] * y[j] for j in range(3)) for i in range(3)]
        held = jnp.where(state.frozen > 0, 0.0, rates[0] + drive)
        return Cascade(held, rates[1], rates[2], None)

    def freeze(self, state, frozen):
        return state._replace(frozen=frozen.astype(jnp.int32))


def propagated(A, y, source, t):
    """`A y + source` from y, after t, by the exponential of the augmented matrix."""
    n = len(y)
    augmented = np.zeros((n + 1, n + 1))
    augmented[:n, :n], augmented[:n, n] = A, source
    return (scipy.linalg.expm(t * augmented) @ np.append(y, 1.0))[:n]


@pytest.mark.usefixtures("x64")
def test_a_coupled_system_is_exact_at_a_step_as_long_as_its_time_constants():
    rng = np.random.default_rng(0)
    A = rng.normal(size=(3, 3)) / 5 - np.eye(3) / 3
    sol = nj.simulate(
        Coupled(jnp.asarray(A)), 0.7, t1=20.0, dt=5.0, solver=ExactLinear(), record=["v", "g", "x"]
    )
    for n, t in enumerate(sol.ts):
        truth = propagated(A, [1.0, 2.0, -1.0], [0.7, 0.0, 0.0], t)
        np.testing.assert_allclose([sol[k][n] for k in "vgx"], truth, rtol=1e-12)


@pytest.mark.usefixtures("x64")
def test_neurons_of_their_own_matrix_free_and_refractory():
    rng = np.random.default_rng(1)
    A = rng.normal(size=(3, 3, 4)) / 5 - np.eye(3)[..., None] / 3
    system = Coupled(jnp.asarray(A), shape=(4,))
    frozen = np.array([0, 3, 0, 1], np.int32)
    start = system.initial_state()._replace(frozen=jnp.asarray(frozen))
    drive = nj.Constant(jnp.arange(4.0))
    sol = nj.simulate(system, drive, t1=3.0, dt=0.5, solver=ExactLinear(), state=start)

    for k in range(4):
        own, source = A[..., k].copy(), np.array([float(k), 0.0, 0.0])
        if frozen[k]:  # v is held, and the others follow it
            own[0], source[0] = 0.0, 0.0
        truth = propagated(own, [1.0, 2.0, -1.0], source, 3.0)
        np.testing.assert_allclose([leaf[k] for leaf in sol.final.state[:3]], truth, rtol=1e-12)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("tau_syn", [5.0, 10.0, 10.0 + 1e-9])
def test_synaptic_current_in_closed_form_with_equal_time_constants_too(tau_syn):
    """v = i₀ (t/τ) exp(−t/τ) where both are τ; else a difference of exponentials."""
    cell = nj.neurons.CurrentLIF(tau_m=10.0, tau_syn=tau_syn, v_threshold=1e9)
    start = cell.initial_state()._replace(i_syn=jnp.array(2.0))
    sol = nj.simulate(cell, 0.0, t1=20.0, dt=0.5, solver=ExactLinear(), state=start, record=["v"])

    t = np.asarray(sol.ts)
    if abs(tau_syn - 10.0) < 1e-6:  # and 1e-9 beside it: 1e-10 of the value
        closed, rtol = 2 * t / 10 * np.exp(-t / 10), 1e-9
    else:
        closed = 2 * tau_syn / (tau_syn - 10) * (np.exp(-t / tau_syn) - np.exp(-t / 10))
        rtol = 1e-12
    np.testing.assert_allclose(sol["v"], closed, rtol=rtol)


def test_single_precision():
    cell = nj.neurons.CurrentLIF(tau_m=10.0, tau_syn=5.0, v_threshold=1e9)
    start = cell.initial_state()._replace(i_syn=jnp.array(2.0))
    sol = nj.simulate(cell, 0.0, t1=20.0, dt=0.1, solver=ExactLinear(), state=start)

    closed = 2 * 5 / (5 - 10) * (np.exp(-20 / 5) - np.exp(-20 / 10))
    assert sol.final.state.v.dtype == jnp.float32
    assert abs(sol.final.state.v - closed) < 2e-6  # 200 steps, each rounding to 3e-8


@pytest.mark.usefixtures("x64")
def test_gradients_to_time_constants_are_those_of_the_closed_form():
    def end(tau_m, tau_syn):
        cell = nj.neurons.CurrentLIF(tau_m=tau_m, tau_syn=tau_syn, v_threshold=1e9)
        start = cell.initial_state()._replace(i_syn=jnp.array(2.0))
        return nj.simulate(
            cell, 0.0, t1=8.0, dt=0.5, solver=ExactLinear(), state=start
        ).final.state.v

    def closed(tau_m, tau_syn):
        factor = 2 * tau_syn / (tau_syn - tau_m)
        return factor * (jnp.exp(-8 / tau_syn) - jnp.exp(-8 / tau_m))

    slopes = jax.jit(jax.grad(end, argnums=(0, 1)))
    np.testing.assert_allclose(
        slopes(10.0, 5.0), jax.grad(closed, argnums=(0, 1))(10.0, 5.0), rtol=1e-11
    )
    # Equal: v = i₀ (t/τ) exp(−t/τ), its derivative along both is that along τ.
    along_both = sum(slopes(10.0, 10.0))
    truth = jax.grad(lambda tau: 2 * 8 / tau * jnp.exp(-8 / tau))(10.0)
    np.testing.assert_allclose(along_both, truth, rtol=1e-11)


@pytest.mark.parametrize(("x64", "rtol"), [(False, 3e-6), (True, 1e-13)])
def test_phi1_of_matrices_against_expm(x64, rtol):
    """Norms from 1e-6 to 900, decaying and rotating, singular and defective; relative to φ₁'s own
    size. Doublings beyond norm 1 double what rounding there was: 2⁹ at the largest."""
    rng, phi1 = np.random.default_rng(2), jax.jit(phi1_of_matrix)
    with jax.enable_x64(x64):
        for size in (1e-6, 0.3, 5.0, 60.0, 900.0):
            rotating = np.array([[-1.0, 3.0, 0.0], [-3.0, -1.0, 0.0], [0.0, 0.0, 0.0]]) / 4
            defective = np.array([[-1.0, 1.0, 0.0], [0.0, -1.0, 1.0], [0.0, 0.0, -1.0]]) / 2
            random = rng.normal(size=(3, 3)) / 6 - np.eye(3) / 2
            Z = size * np.stack([rotating, defective, random], -1)
            ours = phi1(jnp.asarray(Z, jnp.result_type(float)))
            for k in range(3):
                augmented = np.zeros((6, 6))
                augmented[:3, :3], augmented[:3, 3:] = Z[..., k], np.eye(3)
                truth = scipy.linalg.expm(augmented)[:3, 3:]
                error = np.abs(ours[..., k] - truth).max() / np.abs(truth).max()
                assert error < rtol * max(1, size), (size, k, error)
        too_large = phi1(jnp.full((3, 3, 3), 600.0))
        assert np.all(np.isnan(too_large))


def test_what_it_cannot_do_is_refused():
    with pytest.raises(TypeError, match=r"ExactLinear needs leaves of one shape, got .*\(3,\)"):
        nj.simulate(nj.HodgkinHuxley(), 0.0, t1=1.0, dt=0.1, solver=ExactLinear())

    # Another step than the one it was made for: the last of this grid is half as long.
    term, y0 = nj.as_term(nj.neurons.CurrentLIF())
    steps = diffrax.StepTo(jnp.array([0.0, 1.0, 2.0, 2.5]))
    sol = diffrax.diffeqsolve(
        term, ExactLinear(), 0.0, 2.5, None, y0, args=1.0, stepsize_controller=steps, throw=False
    )
    assert sol.result == diffrax.RESULTS.internal_error


def test_going_on_with_other_parameters_takes_their_propagator(x64):
    spike = nj.Arrivals([1.0], [1.0])
    before = nj.simulate(nj.neurons.CurrentLIF(), t1=5.0, dt=0.1, incoming=spike).final
    on = nj.simulate(nj.neurons.CurrentLIF(tau_syn=10.0), t1=10.0, dt=0.1, state=before).final

    decay = float(on.state.i_syn / before.state.i_syn)
    assert decay == pytest.approx(math.exp(-5.0 / 10.0), rel=1e-12)
