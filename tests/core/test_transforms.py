"""simulate within jit, vmap and grad."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj

CELL = nj.LIF(refractory=2.0)
CURRENTS = jnp.array([0.8, 1.2, 3.0])


def run(current, cell=CELL, **how):
    return nj.simulate(cell, current, t1=30.0, dt=0.1, **how)


@pytest.fixture(scope="module")
def alone():
    return [run(float(current)) for current in CURRENTS]


def test_within_jit(alone):
    sol = jax.jit(run)(1.2)

    np.testing.assert_allclose(sol["v"], alone[1]["v"], rtol=1e-6)
    np.testing.assert_array_equal(sol.spikes.times, alone[1].spikes.times)
    assert repr(sol).startswith("Solution of LIF, 300 steps of 0.1 ms")


def test_a_constant_drive_under_jit():
    """Nothing to trace: the model, the drive and t1 are all known."""
    inside = jax.jit(lambda: run(1.2).final.state.v)()
    np.testing.assert_allclose(inside, run(1.2).final.state.v, rtol=1e-6)


def test_the_model_as_an_argument(alone):
    sol = eqx.filter_jit(lambda cell: run(1.2, cell))(CELL)
    np.testing.assert_allclose(sol["v"], alone[1]["v"], rtol=1e-6)

    slow = jax.jit(lambda tau: run(1.2, nj.LIF(tau_m=tau)).spikes.bits.sum())  # pyright: ignore[reportAttributeAccessIssue]
    assert slow(5.0) > slow(10.0) > slow(1e3) == 0


def test_within_vmap(alone):
    sol = jax.vmap(run)(CURRENTS)

    assert sol["v"].shape == (3, 300) and sol.steps.shape == (3,)
    counts = sol.spikes.counts()
    assert counts.shape == (3,)
    for i, one in enumerate(alone):
        np.testing.assert_allclose(sol["v"][i], one["v"], rtol=1e-6)
        mine = jax.tree.map(lambda x, i=i: x[i], sol)
        np.testing.assert_array_equal(mine.spikes.times, one.spikes.times)
        assert counts[i] == one.spikes.counts()


def test_within_vmap_over_models():
    taus = jnp.array([5.0, 10.0, 20.0])
    sol = jax.vmap(lambda tau: run(1.5, nj.LIF(tau_m=tau)))(taus)
    for i, tau in enumerate(taus):
        one = run(1.5, nj.LIF(tau_m=float(tau)))
        np.testing.assert_allclose(sol["v"][i], one["v"], rtol=1e-5, atol=1e-6)


@pytest.mark.usefixtures("x64")
def test_by_events_within_jit_and_vmap():
    """Each run has its own spikes: at 10 ln(I/(I − 1)) and every such time plus 2 ms."""
    cell = nj.LIF(refractory=2.0)

    def times(current):
        return nj.simulate(cell, current, t1=30.0, max_spikes=5).spikes.times

    found = jax.jit(jax.vmap(times))(jnp.array([0.8, 1.2, 3.0]))
    for i, current in enumerate([1.2, 3.0], start=1):
        rise = 10 * np.log(current / (current - 1))
        closed = rise + (rise + 2) * np.arange(5)
        closed = np.where(closed < 30, closed, np.inf)
        np.testing.assert_allclose(found[i], closed, atol=1e-6)
    assert np.all(np.isinf(found[0]))


@pytest.mark.usefixtures("x64")
def test_gradient_of_a_clocked_run_is_that_of_finite_differences():
    """Through the drive's samples, the start and a parameter, of a system without jumps."""

    class Pendulum(nj.System):
        length: jax.Array

        def initial_state(self, key=None):
            return jnp.array([1.0, 0.0])

        def vector_field(self, t, state, drive):
            return jnp.stack([state[1], drive - jnp.sin(state[0]) / self.length])

    @jax.jit
    def loss(p):
        length, start, drive = p
        sol = nj.simulate(Pendulum(length), nj.Series(drive), t1=3.0, dt=0.1, state=start, every=4)
        return jnp.sum(sol["output"] ** 2) + sol.final.state[0]

    rng = np.random.default_rng(0)
    point = (jnp.array(1.3), jnp.array([0.5, -0.2]), jnp.asarray(rng.standard_normal(30)))
    along = jax.tree.map(lambda x: jnp.asarray(rng.standard_normal(x.shape)), point)

    def moved(h):
        return loss(jax.tree.map(lambda x, d: x + h * d, point, along))

    difference = (moved(1e-6) - moved(-1e-6)) / 2e-6
    slope = jax.tree.map(lambda g, d: jnp.sum(g * d), jax.grad(loss)(point), along)
    np.testing.assert_allclose(sum(jax.tree.leaves(slope)), difference, rtol=1e-7)


def test_what_fixes_the_number_of_steps_cannot_be_traced():
    with pytest.raises(TypeError, match="t1 and dt fix the number of steps"):
        jax.jit(lambda t1: nj.simulate(CELL, 1.2, t1=t1, dt=0.1).ts)(5.0)
    first = nj.simulate(CELL, 1.2, t1=1.0, dt=0.1).final
    with pytest.raises(TypeError, match="going on needs the step reached"):
        jax.jit(lambda state: nj.simulate(CELL, 1.2, t1=5.0, dt=0.1, state=state).ts)(first)


@pytest.mark.usefixtures("x64")
def test_by_events_the_end_may_be_traced_and_has_a_gradient():
    """v(t1) = 1 − exp(−t1/10) under a current of 1."""
    end = jax.value_and_grad(lambda t1: nj.simulate(nj.LIF(), 1.0, t1=t1).final.state.v)
    value, slope = end(5.0)
    assert abs(value - (1 - np.exp(-0.5))) < 1e-8
    assert abs(slope - np.exp(-0.5) / 10) < 1e-7


def test_going_on_is_not_compiled_again():
    neuron, steps = nj.LIF(), []

    def drive(t):
        steps.append(t)  # traced once for each compilation
        return 1.2 + 0 * t

    drive = jax.tree_util.Partial(drive)
    final = nj.simulate(neuron, drive, t1=5.0, dt=0.1).final
    traced = len(steps)
    nj.simulate(neuron, drive, t1=10.0, dt=0.1, state=final)
    checks = len(steps) - traced
    nj.simulate(neuron, drive, t1=10.0, dt=0.1, state=final)
    assert len(steps) - traced == 2 * checks < 2 * traced
