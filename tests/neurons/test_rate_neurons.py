"""Rate neurons against what linear algebra says of a linear network, and known facts of others."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm, solve_continuous_lyapunov

import neurojax as nj
from neurojax.neurons import RateNeurons

TAU = np.array([10.0, 5.0, 20.0])
WEIGHTS = np.array([[0.2, -0.6, 0.1], [0.7, -0.3, 0.0], [0.0, 0.5, 0.4]])
INPUT = np.array([1.0, -0.5, 2.0])


def linear(x):
    return x


@pytest.mark.usefixtures("x64")
def test_a_linear_network_relaxes_as_its_matrix_exponential():
    network = RateNeurons(WEIGHTS, TAU, linear)
    flow = (WEIGHTS - np.eye(3)) / TAU[:, None]
    steady = np.linalg.solve(np.eye(3) - WEIGHTS, INPUT)
    exact = steady - expm(30.0 * flow) @ steady

    by_events = nj.simulate(network, INPUT, t1=30.0, record=["r"]).final.state.r
    np.testing.assert_allclose(by_events, exact, atol=1e-9)
    ends = [
        nj.simulate(network, INPUT, t1=t1, dt=dt, record=["r"]).final.state.r
        for t1, dt in ((30.0, 0.5), (30.0, 0.25), (1500.0, 0.5))
    ]
    off, half = (np.max(np.abs(end - exact)) for end in ends[:2])
    assert half < 0.01 and abs(off / half - 2) < 0.2  # first order
    np.testing.assert_allclose(ends[2], steady, rtol=1e-10)


def test_a_rectified_network_keeps_the_larger_input():
    """Two neurons that inhibit each other, in single precision: the winner is as if alone."""
    rivals = RateNeurons(np.array([[0.0, -2.0], [-2.0, 0.0]]))
    sol = nj.simulate(rivals, np.array([1.0, 1.1]), t1=200.0, dt=0.1, record=["r"])

    np.testing.assert_allclose(sol.final.state.r, [0, 1.1], atol=1e-5)
    assert sol["r"].dtype == jnp.float32 and np.all(sol["r"] >= 0)


def test_a_batch_of_states_is_a_batch_of_networks():
    network = RateNeurons(np.asarray(WEIGHTS, np.float32), gain=jnp.tanh)
    starts = jnp.array([[0.0, 0.1, 0.2], [1.0, -1.0, 0.5]])
    state = network.initial_state()
    batch = nj.simulate(network, 0.3, t1=5.0, dt=0.5, state=state._replace(r=starts))
    for i in range(2):
        alone = nj.simulate(network, 0.3, t1=5.0, dt=0.5, state=state._replace(r=starts[i]))
        np.testing.assert_allclose(batch["r"][:, i], alone["r"], atol=1e-6)


@pytest.mark.usefixtures("x64")
def test_a_random_network_is_silent_below_a_gain_of_one_and_chaotic_above():
    """Sompolinsky, Crisanti & Sommers 1988: weights of variance g²/N, φ = tanh."""
    weights = np.random.default_rng(0).standard_normal((200, 200)) / np.sqrt(200)

    @jax.jit
    def late(g, start):
        network = RateNeurons(g * weights, gain=jnp.tanh)
        state = network.initial_state()._replace(r=start)
        return nj.simulate(network, 0.0, t1=4000.0, dt=0.5, state=state, every=20)["r"][-40:]

    start = np.random.default_rng(1).standard_normal(200)
    assert np.max(np.abs(late(0.5, start))) < 1e-6
    active = late(2.5, start)
    assert np.std(active, axis=0).mean() > 0.1
    assert np.max(np.abs(active - late(2.5, start + 1e-7))) > 0.1


def test_noise_of_a_linear_network_has_the_covariance_of_lyapunovs_equation():
    """A C + C Aᵀ + 2 sigma²/tau = 0. 2,000 networks, each sampled once after ten time constants: a
    variance is off by √(2/2000) = 0.03 of itself, and the step's bias is half dt/tau = 0.01."""
    sigma = np.array([0.5, 1.0, 0.2])
    network = RateNeurons(WEIGHTS, TAU, linear, sigma)

    @jax.jit
    @jax.vmap
    def end(key):
        sol = nj.simulate(network, INPUT, t1=200.0, dt=0.1, key=key, record=[])
        return sol.final.state.r

    ends = np.asarray(end(jax.random.split(jax.random.key(0), 2000)))
    flow = (WEIGHTS - np.eye(3)) / TAU[:, None]
    covariance = solve_continuous_lyapunov(flow, -np.diag(2 * sigma**2 / TAU))
    scale = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    assert np.max(np.abs(np.cov(ends.T) - covariance) / scale) < 4 * 0.032 + 0.01
    steady = np.linalg.solve(np.eye(3) - WEIGHTS, INPUT)
    np.testing.assert_allclose(ends.mean(0), steady, atol=4 * np.sqrt(covariance.max() / 2000))


@pytest.mark.usefixtures("x64")
def test_gradients_of_the_steady_state_are_the_closed_form():
    """r = (1 − W)⁻¹ I: dr/dW_ij = r_j times column i of (1 − W)⁻¹."""

    @jax.jit
    def steady(weights):
        network = RateNeurons(weights, gain=linear)
        return nj.simulate(network, INPUT, t1=1500.0, dt=1.0, record=[]).final.state.r

    inverse = np.linalg.inv(np.eye(3) - WEIGHTS)
    r = inverse @ INPUT
    slope = jax.jacrev(steady)(jnp.asarray(WEIGHTS))
    np.testing.assert_allclose(slope, inverse[:, :, None] * r[None, None, :], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"tau": 0.0}, "RateNeurons: tau must be positive, got 0"),
        (
            {"tau": np.ones(2)},
            r"RateNeurons: tau must be .* each of the 3 neurons, got shape \(2,\)",
        ),
        ({"sigma": -1.0}, "RateNeurons: sigma must not be negative, got -1"),
        ({"weights": np.ones((3, 2))}, r"RateNeurons: weights must be square, got shape \(3, 2\)"),
    ],
)
def test_what_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        RateNeurons(**{"weights": WEIGHTS, **wrong})
