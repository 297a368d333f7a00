"""Filters in generalised coordinates: their equations by hand, and Kalman's filter beside them."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm, solve_discrete_are

from neurojax import simulate
from neurojax.predictive import (
    Dense,
    Edge,
    GeneralisedFilter,
    Hierarchy,
    Node,
    TaylorEmbedding,
    infer,
    temporal_precision,
)

pytestmark = pytest.mark.usefixtures("x64")
A = np.array([[-0.25, 1.0], [-0.5, -0.25]])
C = np.array([[1.0, 0.0], [0.5, -1.0], [0.0, 1.0]])
PI_X, PI_Y = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([1.0, 2.0, 0.5])


def linear(orders: int = 3, **how) -> GeneralisedFilter:
    given = {
        "motion_precision": PI_X,
        "observation_precision": PI_Y,
        "motion_smoothness": 0.8,
        "observation_smoothness": 1.2,
        "learning_rate": 1.5,
    }
    f, g = (Dense(jnp.asarray(weight), None) for weight in (A, C))
    return GeneralisedFilter(f, g, states=2, orders=orders, **{**given, **how})


def smooth_noise(rng, samples: int, units: int, sigma: float, dt: float, derivative: int = 0):
    """White noise through a kernel of standard deviation σ/√2, or the kernel's derivatives."""
    reach = round(5 * sigma / dt)
    kernel = np.exp(-((np.arange(-reach, reach + 1) * dt) ** 2) / sigma**2)
    kernel /= np.sqrt(np.sum(kernel**2))
    for _ in range(derivative):
        kernel = np.gradient(kernel, dt)
    white = rng.normal(size=(samples + 2 * reach, units))
    return np.stack([np.convolve(x, kernel, "valid") for x in white.T], axis=-1)


# The precision among orders


def test_the_papers_matrix():
    """Of three orders, as printed in Friston 2008, with roughness γ = 2/σ²."""
    gamma = 0.7
    covariance = [[1, 0, -gamma / 2], [0, gamma / 2, 0], [-gamma / 2, 0, 3 * gamma**2 / 4]]
    found = temporal_precision(np.sqrt(2 / gamma), 3)
    np.testing.assert_allclose(found, np.linalg.inv(covariance), rtol=1e-10)


def test_by_hermite_polynomials():
    """The derivatives' moments are, up to signs, those of a normal density of frequencies."""
    sigma, orders, due = 1.3, 7, np.zeros((7, 7))
    signs = np.array([1, 1, -1, -1, 1, 1, -1])
    for m in range(orders):
        h = np.zeros(orders)
        h[: m + 1] = np.polynomial.hermite_e.herme2poly([0] * m + [1])
        due += np.outer(signs * h, signs * h) / float(np.prod(range(1, m + 1)))
    scale = sigma ** np.arange(orders)
    found = temporal_precision(sigma, orders)
    np.testing.assert_allclose(found, due * np.outer(scale, scale), rtol=1e-7, atol=1e-7)


def test_the_derivatives_of_sampled_smooth_noise():
    sigma, dt, n = 1.5, 0.1, 300_000
    noise = [
        smooth_noise(np.random.default_rng(0), n, 1, sigma, dt, order)[:, 0] for order in range(4)
    ]
    lag = round(2 / dt)
    np.testing.assert_allclose(
        np.mean(noise[0][lag:] * noise[0][:-lag]), np.exp(-(2**2) / (2 * sigma**2)), atol=0.03
    )
    due = np.linalg.inv(temporal_precision(sigma, 4))
    size = np.sqrt(np.diag(due))
    np.testing.assert_allclose(np.cov(noise) / np.outer(size, size), due / np.outer(size, size),
                               atol=0.05)  # fmt: skip


# Free energy and flow


def free_energy(x, y, f, g, df, dg, pi_x, pi_y):
    """F in numpy, for maps and their Jacobians; smoothness 0.8 and 1.2."""
    moved = np.concatenate([x[1:], np.zeros_like(x[:1])])
    moved = moved - np.concatenate([f(x[0])[None], x[1:] @ df(x[0]).T])
    seen = y - np.concatenate([g(x[0])[None], x[1:] @ dg(x[0]).T])
    orders = len(x)
    both = (moved, 0.8, pi_x), (seen, 1.2, pi_y)
    return 0.5 * sum(
        e.ravel() @ np.kron(temporal_precision(sigma, orders), pi) @ e.ravel()
        for e, sigma, pi in both
    )


def numerical(function, x, step=1e-5):
    slope = np.zeros_like(x)
    for place in np.ndindex(*x.shape):
        nudge = np.zeros_like(x)
        nudge[place] = step
        slope[place] = (function(x + nudge) - function(x - nudge)) / (2 * step)
    return slope


@pytest.mark.parametrize("orders", [1, 2, 4])
def test_free_energy_and_flow_by_hand(orders):
    """Of a pendulum of which the position is seen, squared."""
    model = GeneralisedFilter(
        lambda x: jnp.stack([x[1], -jnp.sin(x[0])]), lambda x: x[:1] ** 2, 2, orders,
        PI_X, 3.0, 0.8, 1.2, 1.5,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(orders, 2)), rng.normal(size=(orders, 1))
    by_hand = (
        lambda x: np.array([x[1], -np.sin(x[0])]), lambda x: x[:1] ** 2,
        lambda x: np.array([[0, 1], [-np.cos(x[0]), 0]]), lambda x: np.array([[2 * x[0], 0]]),
        PI_X, np.array([[3.0]]),
    )  # fmt: skip
    due = free_energy(x, y, *by_hand)
    np.testing.assert_allclose(model.free_energy(jnp.asarray(x), jnp.asarray(y)), due, rtol=1e-9)
    slope = numerical(lambda x: free_energy(x, y, *by_hand), x)
    shifted = np.concatenate([x[1:], np.zeros((1, 2))])
    found = model.vector_field(0.0, jnp.asarray(x), jnp.asarray(y))
    np.testing.assert_allclose(found, shifted - 1.5 * slope, rtol=1e-6, atol=1e-6)


def linear_flow(orders: int) -> tuple[np.ndarray, np.ndarray]:
    """Of `linear`, J and B in `dμ̃/dt = J μ̃ + B ỹ`."""
    D = np.kron(np.eye(orders, k=1), np.eye(2))
    G = np.kron(np.eye(orders), C)
    E = D - np.kron(np.eye(orders), A)
    Py = np.kron(temporal_precision(1.2, orders), np.diag(PI_Y))
    Px = np.kron(temporal_precision(0.8, orders), PI_X)
    return D - 1.5 * (G.T @ Py @ G + E.T @ Px @ E), 1.5 * G.T @ Py


@pytest.mark.parametrize("how", [{}, {"dt": 0.01}], ids=["adaptive", "clocked"])
def test_linear_is_the_matrix_exponential(how):
    J, B = linear_flow(3)
    y = np.random.default_rng(1).normal(size=(3, 3))
    rest = np.linalg.solve(J, -B @ y.ravel())
    start = np.random.default_rng(2).normal(size=6)
    for t1 in (0.7, 60.0):
        found = simulate(linear(), jnp.asarray(y), t1=t1, state=jnp.asarray(start.reshape(3, 2)),
                         record=("output",), **how).final.state  # fmt: skip
        due = rest + expm(J * t1) @ (start - rest)
        np.testing.assert_allclose(found.ravel(), due, atol=1e-8 if not how else 1e-5)
    np.testing.assert_allclose(found.ravel(), rest, atol=1e-6)


def test_one_order_is_a_hierarchy():
    """With motion back to the prior's mean it is a latent node under this prior."""
    prior = jnp.array([0.5, -1.0])
    model = GeneralisedFilter(
        lambda x: prior - x, Dense(jnp.asarray(C), None), 2, 1, learning_rate=1.0
    )
    hierarchy = Hierarchy(
        [Node("latent", 2), Node("seen", 3)],
        [Edge((), "latent", lambda: prior), Edge("latent", "seen", Dense(jnp.asarray(C), None))],
    )
    rng = np.random.default_rng(0)
    z, y = jnp.asarray(rng.normal(size=(5, 2))), jnp.asarray(rng.normal(size=(5, 3)))
    state = {"latent": z, "seen": y}
    due = hierarchy.vector_field(0.0, state, {"seen": y})["latent"]
    found = model.vector_field(0.0, z[:, None], y[:, None])
    np.testing.assert_allclose(found[:, 0], due, rtol=1e-12)
    energy = hierarchy.energy(state, {"seen": y})
    np.testing.assert_allclose(model.free_energy(z[:, None], y[:, None]), energy, rtol=1e-12)
    settled = infer(hierarchy, {"seen": y}, steps=400, step_size=0.1).activities["latent"]
    ended = simulate(model, y[:, None], t1=40.0, state=z[:, None]).final.state[:, 0]
    np.testing.assert_allclose(ended, settled, atol=1e-8)


def test_a_batch_is_so_many_alone():
    rng = np.random.default_rng(0)
    samples, state = rng.normal(size=(30, 4, 3)), jnp.zeros((4, 2, 2))
    how: dict[str, Any] = {"t1": 3.0, "dt": 0.1}
    found = simulate(linear(2), TaylorEmbedding(samples, 0.1, 2), state=state, **how)["output"]
    assert found.shape == (30, 4, 2)
    alone = simulate(linear(2), TaylorEmbedding(samples[:, 3], 0.1, 2), **how)["output"]
    np.testing.assert_allclose(found[:, 3], alone, atol=1e-6)


def test_gradients_by_finite_differences():
    drive = TaylorEmbedding(np.random.default_rng(0).normal(size=(20, 3)), 0.2, 3)

    @jax.jit
    def final(weight):
        model = eqx.tree_at(lambda m: m.motion.weight, linear(), weight)
        return simulate(model, drive, t1=3.0, dt=0.1).final.state[0] @ jnp.array([1.0, -2.0])

    found = jax.grad(final)(jnp.asarray(A))
    due = numerical(lambda weight: float(final(jnp.asarray(weight))), A.copy())
    np.testing.assert_allclose(found, due, rtol=1e-4, atol=1e-7)


# Derivatives of samples


@pytest.mark.parametrize("orders", [1, 2, 3, 6])
def test_polynomials_are_embedded_exactly(orders):
    dt = 0.3
    p = np.polynomial.Polynomial(np.random.default_rng(0).normal(size=orders))
    drive = TaylorEmbedding(p(np.arange(12) * dt)[:, None], dt, orders)
    for t in (0.0, 0.05, 1.0, 1.5, 2.87, 3.3):
        due = [p.deriv(i)(t) if i else p(t) for i in range(orders)]
        np.testing.assert_allclose(drive.at(t)[:, 0], due, atol=1e-8)
    np.testing.assert_array_equal(drive.at(-1.0), drive.at(0.0))
    np.testing.assert_array_equal(drive.at(9.0), drive.at(3.3))


def test_smooth_samples_are_embedded_to_the_order():
    errors = []
    for dt in (0.2, 0.1):
        drive = TaylorEmbedding(np.sin(np.arange(100) * dt)[:, None], dt, 4)
        found = jax.vmap(drive.at)(jnp.linspace(2.0, 8.0, 97))[:, :, 0].T
        t = np.linspace(2.0, 8.0, 97)
        due = [np.sin(t), np.cos(t), -np.sin(t), -np.cos(t)]
        errors.append(np.max(np.abs(found - np.array(due)), axis=1))
    np.testing.assert_allclose(np.log2(errors[0] / errors[1]), [4, 3, 2, 1], atol=0.15)


# What several orders are for


def oscillators(sigma: float, seeds: int = 6, steps: int = 1500, dt: float = 0.1, fine: int = 10):
    """Hidden states [steps, seeds, 2] under smooth noise, and the first under smooth noise too."""
    rng, h = np.random.default_rng(0), dt / fine
    kicks = smooth_noise(rng, steps * fine, seeds * 2, sigma, h).reshape(-1, seeds, 2)
    x = np.zeros((steps * fine, seeds, 2))
    for k in range(len(x) - 1):
        x[k + 1] = x[k] + h * (x[k] @ A.T + kicks[k])
    x = x[::fine]
    return x, x[..., :1] + smooth_noise(rng, steps, seeds, sigma, dt)[..., None]


def kalman(seen: np.ndarray, dt: float, variance: float, ahead: int) -> np.ndarray:
    """Kalman's estimates from samples up to `ahead` later, by a filter of the oscillators to which
    noise is white: w of unit variance held for dt, z of `variance` in each sample."""
    step, Q, R, c = expm(A * dt), np.eye(2) * dt**2, np.array([[variance]]), np.array([[1.0, 0]])
    before = solve_discrete_are(step.T, c.T, Q, R)
    gain = before @ c.T @ np.linalg.inv(c @ before @ c.T + R)
    back = (before - gain @ c @ before) @ step.T @ np.linalg.inv(before)
    estimate, filtered = np.zeros((seen.shape[1], 2)), []
    for y in seen:
        predicted = estimate @ step.T
        estimate = predicted + (y - predicted @ c.T) @ gain.T
        filtered.append(estimate)
    found = filtered = np.array(filtered)
    for _ in range(ahead):
        later = filtered[:-1] + (found[1:] - filtered[:-1] @ step.T) @ back.T
        found = np.concatenate([later, filtered[-1:]])
    return found


def test_with_smooth_noise_more_orders_are_nearer_and_nearer_than_kalman():
    """Friston's claim, in each of six draws. The Kalman filter sees as far ahead as the embedding
    of four orders, two samples, and may choose the variance that serves it best."""
    sigma, dt = 2.0, 0.1
    x, seen = oscillators(sigma)

    def error(found) -> np.ndarray:
        return np.mean((np.asarray(found) - x)[200:-100] ** 2, axis=(0, 2))

    by_orders = {}
    for orders in (1, 2, 4):
        model = GeneralisedFilter(
            Dense(jnp.asarray(A), None), lambda x: x[:1], 2, orders,
            motion_smoothness=sigma, observation_smoothness=sigma,
        )  # fmt: skip
        drive, start = TaylorEmbedding(seen, dt, orders), jnp.zeros((seen.shape[1], orders, 2))
        by_orders[orders] = error(
            simulate(model, drive, t1=len(x) * dt, dt=dt, state=start)["output"]
        )
    white = error(kalman(seen, dt, 1.0, ahead=2))
    variances = 10.0 ** np.arange(-3, 4, 0.5)
    tuned = min((error(kalman(seen, dt, v, ahead=2)) for v in variances), key=np.mean)
    assert np.all(by_orders[4] < by_orders[2]) and np.all(by_orders[2] < by_orders[1])
    assert np.all(by_orders[4] < white) and np.all(by_orders[4] < tuned)


# What is refused

IDENTITY = lambda x: x  # noqa: E731
WRONG = {
    "orders": ({"orders": 0}, "orders must be at least 1, got 0"),
    "states": ({"states": 0}, "states must be at least 1, got 0"),
    "smoothness": ({"motion_smoothness": -1.0}, "motion_smoothness must be positive, got -1.0"),
    "zero": ({"observation_smoothness": 0.0}, "observation_smoothness must be positive, got 0.0"),
    "rate": ({"learning_rate": 0.0}, "learning_rate must be positive, got 0.0"),
    "scalar": (
        {"motion_smoothness": np.ones(2)},
        r"motion_smoothness must be a scalar, has shape \(2,\)",
    ),
    "motion": ({"motion": lambda x: x[:1]}, r"motion must give shape \(2,\), gives \(1,\)"),
    "observation": ({"observation": lambda x: x[0]}, r"must give one axis of outputs, gives \(\)"),
    "call": (
        {"motion": lambda x: jnp.eye(3) @ x},
        r"motion does not take states of shape \(2,\)",
    ),
    "precision": ({"motion_precision": np.ones(3)}, r"must be a scalar, \(2,\) or .* \(3,\)"),
    "sign": (
        {"observation_precision": -2.0},
        "observation_precision must be positive, .* got -2.0",
    ),
    "definite": (
        {"motion_precision": -np.eye(2)},
        "motion_precision must be .* symmetric positive definite",
    ),
}


@pytest.mark.parametrize(("how", "message"), WRONG.values(), ids=WRONG)
def test_wrong_filters(how, message):
    given = {"motion": IDENTITY, "observation": IDENTITY, "states": 2, "orders": 2, **how}
    with pytest.raises(ValueError, match=message):
        GeneralisedFilter(**given)


def test_wrong_data():
    with pytest.raises(ValueError, match=r"drive: .* must have shape \(3, 3\)"):
        simulate(linear(), jnp.zeros((2, 3)), t1=1.0, dt=0.1)
    with pytest.raises(ValueError, match=r"samples .* as the 4 orders, got \(3, 1\)"):
        TaylorEmbedding(np.zeros((3, 1)), 0.1, 4)
    with pytest.raises(ValueError, match="orders must be at least 1, got 0"):
        TaylorEmbedding(np.zeros((3, 1)), 0.1, 0)
    with pytest.raises(ValueError, match=r"dt must be positive, got -0\.1"):
        TaylorEmbedding(np.zeros((3, 1)), -0.1, 2)
    with pytest.raises(ValueError, match="temporal_precision: smoothness must be positive"):
        temporal_precision(-1.0, 2)
    with pytest.raises(ValueError, match="temporal_precision: orders must be at least 1, got 0"):
        temporal_precision(1.0, 0)
