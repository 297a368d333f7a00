"""The Ornstein-Uhlenbeck process: stationary from the start, in any step."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj
from neurojax.neurons import OrnsteinUhlenbeck

N = 20_000


def moments_hold(x, mean, sigma):
    """Mean and variance of N samples within four standard errors."""
    assert abs(x.mean() - mean) < 4 * sigma / np.sqrt(N)
    assert abs(x.var() / sigma**2 - 1) < 4 * np.sqrt(2 / N)


@pytest.mark.parametrize("dt", [0.5, 25.0])
def test_its_stationary_distribution_and_correlation(dt):
    """sigma², also in steps of five time constants, and exp(−t/tau) after a time t."""
    process = OrnsteinUhlenbeck((N,), tau=5.0, mean=2.0, sigma=0.3)
    sol = nj.simulate(process, t1=50.0, dt=dt, key=jax.random.key(0), record=["output"])
    x, end = np.asarray(sol["output"]), np.asarray(sol.final.state)

    for sample in (x[0], x[1], x[-1], end):
        moments_hold(sample, 2.0, 0.3)
    correlation = np.mean((x[0] - 2) * (x[1] - 2)) / 0.3**2
    assert abs(correlation - np.exp(-dt / 5)) < 4 / np.sqrt(N)


@pytest.mark.usefixtures("x64")
def test_by_a_solver_of_diffrax():
    """Euler-Maruyama's variance is sigma² / (1 − dt/(2 tau))."""
    process = OrnsteinUhlenbeck((N,), tau=5.0, sigma=0.3)
    sol = nj.simulate(
        process, t1=50.0, dt=0.5, key=jax.random.key(1), solver=diffrax.Euler(), record=[]
    )
    moments_hold(np.asarray(sol.final.state), 0.0, 0.3 / np.sqrt(1 - 0.05))


def test_the_drive_moves_its_mean_and_each_element_has_its_own_parameters():
    sigma = jnp.repeat(jnp.array([0.1, 2.0]), N)
    process = OrnsteinUhlenbeck(sigma=sigma, tau=jnp.repeat(jnp.array([2.0, 4.0]), N))
    sol = nj.simulate(process, 1.5, t1=60.0, dt=1.0, key=jax.random.key(2), record=[])

    moments_hold(np.asarray(sol.final.state[:N]), 1.5, 0.1)
    moments_hold(np.asarray(sol.final.state[N:]), 1.5, 2.0)


def test_what_is_refused():
    with pytest.raises(ValueError, match="OrnsteinUhlenbeck: tau must be positive, got 0"):
        OrnsteinUhlenbeck(tau=0.0)
    with pytest.raises(ValueError, match="OrnsteinUhlenbeck: sigma must not be negative, got -1"):
        OrnsteinUhlenbeck(sigma=-1.0)
    with pytest.raises(ValueError, match="OrnsteinUhlenbeck has noise and needs a random key"):
        nj.simulate(OrnsteinUhlenbeck(), t1=1.0, dt=0.1)
