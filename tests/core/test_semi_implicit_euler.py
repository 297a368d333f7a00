"""Semi-implicit Euler on a passive cable whose operator is tridiagonal, and on the squid."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import pytest

import neurojax as nj
from neurojax.core import StiffPart


class Cable(nj.System):
    """A chain of compartments, `mass dv/dt = drive − leak v − axial (differences to neighbours)`;
    mV, nF, µS, nA. Sealed at both ends. The drive is a current into each compartment."""

    mass: jax.Array
    leak: jax.Array
    axial: jax.Array

    def initial_state(self, key=None):
        return jnp.zeros_like(self.mass)

    def vector_field(self, t, state, drive):
        flow = self.axial * jnp.diff(state)
        inward = jnp.pad(flow, (0, 1)) - jnp.pad(flow, (1, 0))
        return (drive - self.leak * state + inward) / self.mass

    def split(self, t, state, drive):
        diagonal = self.leak + jnp.pad(self.axial, (0, 1)) + jnp.pad(self.axial, (1, 0))
        operator = lx.TridiagonalLinearOperator(diagonal, -self.axial, -self.axial)
        return StiffPart(lambda s: s, self.mass, operator, drive)

    @property
    def default_solver(self):
        return nj.SemiImplicitEuler()


def cable(n=12):
    rng = np.random.default_rng(1)
    return Cable(
        jnp.asarray(rng.uniform(0.5, 2, n)),
        jnp.asarray(rng.uniform(0.01, 0.1, n)),
        jnp.asarray(rng.uniform(1, 20, n - 1)),
    )


def matrix(c):
    """The cable's conductance as a dense matrix, in numpy."""
    leak, axial = np.asarray(c.leak), np.asarray(c.axial)
    full = np.diag(leak)
    for i, g in enumerate(axial):
        full[i, i] += g
        full[i + 1, i + 1] += g
        full[i, i + 1] -= g
        full[i + 1, i] -= g
    return full


def injected(n=12):
    return jnp.zeros(n).at[2].set(0.7)


@pytest.mark.usefixtures("x64")
def test_tridiagonal_step_is_dense_backward_euler():
    c, dt = cable(), 0.5
    sol = nj.simulate(c, nj.Constant(injected()), t1=10.0, dt=dt)

    mass, v = np.diag(np.asarray(c.mass)), np.zeros(12)
    path = [v]
    for _ in range(20):
        v = np.linalg.solve(mass / dt + matrix(c), mass / dt @ v + np.asarray(injected()))
        path.append(v)  # pyright: ignore[reportArgumentType]
    np.testing.assert_allclose(sol["output"], path[:-1], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(sol.final.state, path[-1], rtol=1e-12)


@pytest.mark.usefixtures("x64")
def test_steps_of_any_size_end_in_the_steady_state():
    c = cable()
    sol = nj.simulate(c, nj.Constant(injected()), t1=4e5, dt=1e4, record=[])

    np.testing.assert_allclose(sol.final.state, np.linalg.solve(matrix(c), injected()), rtol=1e-10)


@pytest.mark.usefixtures("x64")
def test_steady_state_of_a_uniform_cable_is_the_cable_equations():
    """Current into one sealed end: v(x) ∝ cosh((L − x)/λ), the input resistance ∝ coth(L/λ)."""
    n, length = 1000, 2.0  # in length constants, compartments at the middles of their pieces
    piece = length / n
    c = Cable(jnp.full(n, piece), jnp.full(n, piece), jnp.full(n - 1, 1 / piece))
    sol = nj.simulate(c, nj.Constant(jnp.zeros(n).at[0].set(1.0)), t1=1e5, dt=5e3, record=[])

    x = (np.arange(n) + 0.5) * piece
    closed = np.cosh(length - x) / np.sinh(length)
    np.testing.assert_allclose(sol.final.state, closed, rtol=2e-3)  # half a piece at the end


@pytest.mark.usefixtures("x64")
def test_gradients_are_those_of_finite_differences():
    current = nj.Constant(injected())

    @eqx.filter_jit
    def loss(c):
        sol = nj.simulate(c, current, t1=5.0, dt=0.5, record=[])
        return jnp.sum(sol.final.state**2 * jnp.arange(1.0, 13.0))

    c, h = cable(), 1e-6
    slopes = eqx.filter_grad(loss)(c)
    for name, place in [("mass", 2), ("leak", 5), ("axial", 1), ("axial", 7)]:

        def moved(by, name=name, place=place):
            return eqx.tree_at(lambda c: getattr(c, name), c, getattr(c, name).at[place].add(by))

        difference = (loss(moved(h)) - loss(moved(-h))) / (2 * h)
        assert abs(difference) > 1e-6
        np.testing.assert_allclose(getattr(slopes, name)[place], difference, rtol=1e-5, atol=1e-9)


@pytest.mark.usefixtures("x64")
def test_from_outside_by_diffeqsolve():
    c, drive = cable(), injected()
    inside = nj.simulate(c, nj.Constant(drive), t1=5.0, dt=0.5, record=[])
    term, y0 = nj.as_term(c, drive=drive)
    outside = diffrax.diffeqsolve(term, nj.SemiImplicitEuler(), 0.0, 5.0, 0.5, y0, args=drive)

    np.testing.assert_allclose(outside.ys[-1], inside.final.state, rtol=1e-12)  # pyright: ignore[reportOptionalSubscript]


@pytest.mark.usefixtures("x64")
def test_the_squid_step_written_out():
    """v backward with the old gates, then each gate exactly at the new v: NEURON's order."""
    cell, dt, current = nj.HodgkinHuxley(), 0.025, 15.0
    state = cell.initial_state()._replace(v=jnp.array(-50.0))
    sol = nj.simulate(cell, current, t1=dt, dt=dt, state=state, record=[])

    m, h, n = np.asarray(state.gates)
    g = 120 * m**3 * h + 36 * n**4 + 0.3
    pull = current + 120 * m**3 * h * 50 - 36 * n**4 * 77 - 0.3 * 54.3
    v = (-50 / dt + pull) / (1 / dt + g)
    np.testing.assert_allclose(sol.final.state.v, v, rtol=1e-13)
    m_open = 0.1 * (v + 40) / (1 - np.exp(-(v + 40) / 10))
    m_close = 4 * np.exp(-(v + 65) / 18)
    m_inf, rate = m_open / (m_open + m_close), m_open + m_close
    m_new = m_inf + (m - m_inf) * np.exp(-dt * rate)
    np.testing.assert_allclose(sol.final.state.gates[0], m_new, rtol=1e-12)


@pytest.mark.usefixtures("x64")
def test_the_drive_is_taken_at_the_middle_of_the_step():
    c = Cable(jnp.ones(2), jnp.zeros(2), jnp.ones(1))
    drive = nj.Ramp(0.0, 10.0, 0.0, 10.0)  # t, into both: no current flows between them
    sol = nj.simulate(c, drive, t1=4.0, dt=0.5, record=["output"])

    t = np.asarray(sol.ts)
    # Backward Euler with leak 0 is the midpoint rule here, exact for a ramp: v = t²/2.
    np.testing.assert_allclose(sol["output"], np.stack([t**2 / 2] * 2, 1), rtol=1e-12, atol=1e-14)


def test_a_system_without_a_stiff_part_is_told_so():
    with pytest.raises(TypeError, match=r"LIF defines no split\(t, state, drive\)"):
        nj.simulate(nj.LIF(), 1.0, t1=1.0, dt=0.1, solver=nj.SemiImplicitEuler())


def test_a_term_that_is_no_system_is_told_so():
    term = diffrax.ODETerm(lambda t, y, args: -y)
    with pytest.raises(TypeError, match=r"neurojax\.as_term\(system\)"):
        diffrax.diffeqsolve(term, nj.SemiImplicitEuler(), 0.0, 1.0, 0.1, 1.0)
