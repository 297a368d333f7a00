"""Systems with noise: their statistics, and that the key alone decides the path."""

from typing import Any, NamedTuple

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj

TAU, SIGMA = 5.0, 0.8
WALKERS = 4000


class Walk(nj.System):
    """`dx = (drive − x)/tau dt + sigma √(2/tau) dW`: stationary N(drive, sigma²)."""

    walkers: int = eqx.field(static=True, default=WALKERS)
    sigma: float = SIGMA

    def initial_state(self, key=None):
        return jnp.zeros(self.walkers)

    def vector_field(self, t, state, drive):
        return (drive - state) / TAU

    def diffusion(self, t, state, drive):
        return jnp.full_like(state, self.sigma * np.sqrt(2 / TAU))


class Mixed(NamedTuple):
    noisy: Any
    quiet: Any
    count: Any


class PartlyNoisy(nj.System):
    """One noisy leaf, one that is not, and one that only jumps."""

    def initial_state(self, key=None):
        return Mixed(jnp.zeros(50), jnp.ones(2), jnp.array(0, jnp.int32))

    def vector_field(self, t, state, drive):
        return Mixed(-state.noisy, -state.quiet, None)

    def diffusion(self, t, state, drive):
        return Mixed(jnp.ones_like(state.noisy), None, None)

    def jump(self, clock, state, incoming, key):
        return state._replace(count=state.count + 1), None


def ended(solver, dt, t1=50.0, key=0, walkers=WALKERS):
    """Walkers one by one, each with a key of its own: Milstein's solvers take memory by the cube
    of a system's size."""

    def one(key):
        sol = nj.simulate(Walk(1), 0.5, t1=t1, dt=dt, solver=solver, key=key, record=[])
        return sol.final.state[0]

    return np.asarray(jax.vmap(one)(jax.random.split(jax.random.key(key), walkers)))


@pytest.mark.parametrize(
    ("solver", "dt"),
    [
        (None, 0.5),
        (None, 10.0),  # exact in distribution at any step, two time constants here
        (diffrax.Euler(), 0.1),
        (diffrax.EulerHeun(), 0.1),
        (diffrax.ItoMilstein(), 0.1),
        (diffrax.StratonovichMilstein(), 0.1),
        (diffrax.Heun(), 0.1),
        (diffrax.SRA1(), 0.5),
        (diffrax.ShARK(), 0.5),
    ],
)
def test_stationary_distribution_of_an_ornstein_uhlenbeck_process(solver, dt):
    """After 10 time constants, over 4,000 walkers: mean within 5 standard errors (sigma/√n), and
    variance too (sigma² √(2/n)), the solver's own bias dt/(2 tau) ≤ 1% of it allowed for."""
    x = ended(solver, dt)

    assert abs(x.mean() - 0.5) < 5 * SIGMA / np.sqrt(WALKERS)
    assert abs(x.var() / SIGMA**2 - 1) < 5 * np.sqrt(2 / WALKERS) + 0.01
    # Gaussian: the fourth moment is three times the variance's square, √(96/n) its error.
    assert abs(np.mean((x - x.mean()) ** 4) / x.var() ** 2 - 3) < 5 * np.sqrt(96 / WALKERS)


def test_autocorrelation_falls_by_e_in_one_time_constant():
    start = jnp.asarray(0.5 + SIGMA * np.random.default_rng(0).standard_normal(WALKERS), "float32")
    sol = nj.simulate(
        Walk(), 0.5, t1=10.0, dt=1.0, key=jax.random.key(3), state=start, record=["output"]
    )
    x = np.asarray(sol["output"]) - 0.5

    for lag in (1, 5):
        found = np.mean(x[0] * x[lag]) / SIGMA**2
        assert abs(found - np.exp(-lag / TAU)) < 5 * np.sqrt(2 / WALKERS)


def test_the_noise_of_each_step_is_new():
    """From 0 with a step of two time constants, what remains of the last step is 2%: were the
    noise the same in each step, walkers would hardly move."""
    sol = nj.simulate(Walk(2000), 0.0, t1=100.0, dt=10.0, key=jax.random.key(1), record=["output"])
    x = np.asarray(sol["output"])[1:]
    correlation = np.corrcoef(x)
    off = correlation[~np.eye(len(x), dtype=bool)]

    # 0.135 between neighbours, 0 else, each with error 1/√2000 = 0.022
    assert np.all(np.abs(off) < np.exp(-2) + 5 * 0.022)
    assert abs(np.mean(np.diag(correlation, 1)) - np.exp(-2)) < 5 * 0.022 / 3


def test_the_key_decides_the_path():
    first, again, other = (ended(None, 0.5, 5.0, key, 100) for key in (7, 7, 8))

    np.testing.assert_array_equal(first, again)
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.5
    assert not np.any(first == other)


def test_without_a_key_it_is_told():
    with pytest.raises(ValueError, match="key: Walk has noise and needs a random key"):
        nj.simulate(Walk(), 0.5, t1=1.0, dt=0.1)


@pytest.mark.parametrize("solver", [diffrax.Tsit5(), diffrax.ImplicitEuler(), diffrax.Kvaerno3()])
def test_solvers_that_know_no_noise_are_refused_by_name(solver):
    with pytest.raises(TypeError, match=f"{type(solver).__name__} cannot integrate the noise of W"):
        nj.simulate(Walk(), 0.5, t1=1.0, dt=0.1, solver=solver, key=jax.random.key(0))


def test_by_events_it_is_told():
    with pytest.raises(ValueError, match="Walk has noise and needs a fixed grid: give dt"):
        nj.simulate(Walk(), 0.5, t1=1.0, key=jax.random.key(0))


@pytest.mark.parametrize("solver", [None, diffrax.EulerHeun()])
def test_only_the_noisy_leaf_is_noisy(solver):
    sol = nj.simulate(
        PartlyNoisy(), t1=2.0, dt=0.01, key=jax.random.key(0), solver=solver, record=[]
    )
    noisy, quiet, count = sol.final.state

    assert 0.3 < np.std(noisy) < 1.1  # √(1/2), of 50
    np.testing.assert_allclose(quiet, np.exp(-2), rtol=2e-2)
    assert np.all(quiet == quiet[0]) and count == 200


def test_gradients_pass_along_the_same_path():
    """x is linear in sigma: at a fixed key its derivative is x itself over sigma."""

    @jax.jit
    def spread(sigma):
        walk = Walk(20, sigma)
        sol = nj.simulate(walk, 0.0, t1=5.0, dt=0.5, key=jax.random.key(0), record=[])
        return sol.final.state

    value, slope = jax.jvp(spread, (0.8,), (1.0,))
    np.testing.assert_allclose(slope, value / 0.8, rtol=1e-5)
