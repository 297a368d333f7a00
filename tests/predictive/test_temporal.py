"""Temporal predictive coding: the Kalman filter where it must be, and learning without it."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from scipy.linalg import solve_discrete_are

from neurojax.learning import fit
from neurojax.predictive import (
    CorrelatedGaussian,
    Dense,
    Edge,
    Gaussian,
    Hierarchy,
    Node,
    TemporalPredictiveCoding,
    infer_sequence,
    weights_of,
)

pytestmark = pytest.mark.usefixtures("x64")
CARRY = {"latent": "previous"}
A = np.array([[0.95, 0.2, 0.0], [-0.2, 0.95, 0.1], [0.0, 0.0, 0.9]])
C = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, -0.5]])
Q, R = np.diag([0.05, 0.1, 0.2]), np.diag([0.3, 0.5])


def model(latent, observed, transition=A) -> Hierarchy:
    return Hierarchy(
        [Node("previous", 3), Node("latent", 3, latent), Node("observed", 2, observed)],
        [
            Edge("previous", "latent", Dense(jnp.asarray(transition), None)),
            Edge("latent", "observed", Dense(jnp.asarray(C), None)),
        ],
    )


def observations(steps: int = 60, batch: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x, states, seen = np.zeros((batch, 3)), [], []
    for _ in range(steps):
        x = x @ A.T + rng.normal(size=(batch, 3)) @ np.sqrt(Q)
        states.append(x)
        seen.append(x @ C.T + rng.normal(size=(batch, 2)) @ np.sqrt(R))
    return np.array(states), np.array(seen)


def kalman(seen: np.ndarray) -> np.ndarray:
    """The steady-state Kalman filter's estimates, started at zero."""
    before = solve_discrete_are(A.T, C.T, Q, R)  # covariance of the prediction
    gain = before @ C.T @ np.linalg.inv(C @ before @ C.T + R)
    estimate, found = np.zeros((seen.shape[1], 3)), []
    for y in seen:
        predicted = estimate @ A.T
        estimate = predicted + (y - predicted @ C.T) @ gain.T
        found.append(estimate)
    return np.array(found)


def test_with_the_kalman_predictions_precision_it_is_the_kalman_filter():
    before = solve_discrete_are(A.T, C.T, Q, R)
    hierarchy = model(
        CorrelatedGaussian(jnp.linalg.inv(before)), CorrelatedGaussian(jnp.linalg.inv(R))
    )
    _, seen = observations()
    how = {"steps": 300, "step_size": 0.05}
    found = infer_sequence(hierarchy, {"observed": jnp.asarray(seen)}, CARRY, **how)
    np.testing.assert_allclose(found.activities["latent"], kalman(seen), atol=1e-6)
    assert found.residual.shape == (60, 2) and float(found.residual.max()) < 1e-5


def test_with_fixed_precisions_it_is_nearer_the_kalman_filter_than_blind():
    """The paper's approximation: the noises' own precisions in place of the prediction's."""
    hierarchy = model(CorrelatedGaussian(jnp.linalg.inv(Q)), CorrelatedGaussian(jnp.linalg.inv(R)))
    states, seen = observations(300)
    found = infer_sequence(
        hierarchy, {"observed": jnp.asarray(seen)}, CARRY, steps=300, step_size=0.05
    )
    error, best = (
        np.mean((estimate - states) ** 2) for estimate in (found.activities["latent"], kalman(seen))
    )
    blind = np.mean((seen @ np.linalg.pinv(C).T - states) ** 2)
    assert best < error < (best + blind) / 2


def test_the_sequences_gradient_by_hand():
    hierarchy = model(Gaussian(), Gaussian())
    _, seen = observations(7)
    rule = TemporalPredictiveCoding(carry=CARRY, steps=40)
    gradient, metrics = rule(hierarchy, {"observed": jnp.asarray(seen.swapaxes(0, 1))})
    z = infer_sequence(hierarchy, {"observed": jnp.asarray(seen)}, CARRY, steps=40).activities
    z = {name: np.asarray(value) for name, value in z.items()}
    up, out = z["latent"] - z["previous"] @ A.T, seen - z["latent"] @ C.T
    pairs = ((up, z["previous"]), (out, z["latent"]))
    due = [-np.einsum("tbi,tbj->ij", error, below) / 14 for error, below in pairs]
    for edge, slope in zip(gradient.edges, due, strict=True):
        np.testing.assert_allclose(edge.module.weight, slope, rtol=1e-9)
    np.testing.assert_allclose(metrics["energy"], (np.sum(up**2) + np.sum(out**2)) / 28)


def test_it_learns_to_predict():
    _, seen = observations(40, batch=64)
    data = {"observed": jnp.asarray(seen.swapaxes(0, 1))}
    start = model(Gaussian(4.0), Gaussian(2.0), transition=0.1 * np.eye(3))
    rule = TemporalPredictiveCoding(carry=CARRY, steps=30, step_size=0.1)
    fitted = fit(
        start, data, rule, optimizer=optax.adam(0.02), epochs=30, batch_size=16, key=jr.key(0),
        trainable=weights_of(start, freeze=["observed"]),
    ).model  # fmt: skip

    def one_step_error(hierarchy: Hierarchy) -> float:
        _, new = observations(200, batch=4)
        sequence = {"observed": jnp.asarray(new)}
        z = infer_sequence(hierarchy, sequence, CARRY, steps=30).activities["latent"]
        transition = hierarchy.edges[0].module.weight
        return float(np.mean((z[:-1] @ transition.T @ C.T - new[1:]) ** 2))

    true = one_step_error(model(Gaussian(4.0), Gaussian(2.0)))
    assert one_step_error(fitted) < 1.1 * true < 0.7 * one_step_error(start)


WRONG = {
    "name": ({"later": "previous"}, "carry: 'later' is not one of the nodes"),
    "shape": ({"observed": "previous"}, "carry: 'previous' must not be .* got \\(3,\\)"),
    "clamped": ({"latent": "observed"}, "carry: 'observed' must not be in the sequence"),
}


@pytest.mark.parametrize(("carry", "message"), WRONG.values(), ids=WRONG)
def test_wrong_carries(carry, message):
    with pytest.raises(ValueError, match=message):
        infer_sequence(model(Gaussian(), Gaussian()), {"observed": jnp.ones((3, 1, 2))}, carry)


def test_matrices_that_are_no_precision():
    for matrix in (jnp.ones((2, 3)), -jnp.eye(2), jnp.array([[1.0, 0.5], [0.0, 1.0]])):
        with pytest.raises(ValueError, match="CorrelatedGaussian: precision must be"):
            CorrelatedGaussian(matrix)


def test_a_correlated_gaussian_by_hand():
    precision = np.linalg.inv(np.cov(np.random.default_rng(0).normal(size=(3, 20))))
    z, mu = jax.random.normal(jr.key(0), (2, 5, 3))
    due = 0.5 * sum(float(e @ precision @ e) for e in np.asarray(z - mu))
    np.testing.assert_allclose(CorrelatedGaussian(jnp.asarray(precision))(z, mu), due)
