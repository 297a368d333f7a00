"""Langevin samples of a linear Gaussian hierarchy have its posterior's mean and covariance."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from neurojax.predictive import Categorical, equilibrium, mlp, sample

pytestmark = pytest.mark.usefixtures("x64")


def linear():
    return mlp((3, 3, 2, 2), jr.key(0), activation=lambda x: x)


def clamps(samples: int) -> dict:
    return {"input": jnp.ones((samples, 3)), "output": -jnp.ones((samples, 2))}


def precision_matrix() -> np.ndarray:
    """Of the hidden activities: the Hessian of the energy."""
    one = {name: value[0] for name, value in clamps(1).items()}
    energy = lambda z: linear().energy({"h1": z[:3], "h2": z[3:], **one}, one)  # noqa: E731
    return np.asarray(jax.hessian(energy)(jnp.zeros(5)))


def drawn(**how) -> np.ndarray:
    found = sample(linear(), clamps(300), jr.key(1), **how).activities
    return np.concatenate([found["h1"], found["h2"]], axis=-1).reshape(-1, 5)


@pytest.mark.parametrize("temperature", [1.0, 0.25])
def test_mean_and_covariance(temperature):
    """Euler steps of h sample the covariance T (P − h P²/2)⁻¹ exactly, P being the precision."""
    h = 0.1
    z = drawn(steps=6000, step_size=h, burn_in=200, every=60, temperature=temperature)
    P = precision_matrix()
    due = temperature * np.linalg.inv(P - h / 2 * P @ P)
    exact = equilibrium(linear(), clamps(1)).activities
    mean = np.concatenate([exact["h1"][0], exact["h2"][0]])
    # 30,000 samples, one relaxation time apart or more.
    error = 5 * temperature**0.5 / np.sqrt(len(z)) * 2
    np.testing.assert_allclose(z.mean(axis=0), mean, atol=error)
    np.testing.assert_allclose(np.cov(z.T), due, atol=temperature**0.5 * error)


def test_without_temperature_it_settles():
    found = sample(linear(), clamps(2), jr.key(0), steps=600, step_size=0.1, temperature=0.0)
    exact = equilibrium(linear(), clamps(2)).activities
    for name, due in exact.items():
        np.testing.assert_allclose(found.last[name], due, atol=1e-8)


def test_keys_decide_and_what_is_kept():
    how = {"steps": 40, "every": 10, "step_size": 0.1}
    a = sample(linear(), clamps(2), jr.key(0), **how)
    assert a.activities["h1"].shape == (4, 2, 3)
    again = sample(linear(), clamps(2), jr.key(0), **how)
    np.testing.assert_array_equal(a.last["h2"], again.last["h2"])
    assert not np.allclose(a.last["h2"], sample(linear(), clamps(2), jr.key(1), **how).last["h2"])
    on = sample(linear(), clamps(2), jr.key(2), start=a.last, steps=1, step_size=1e-9)
    np.testing.assert_allclose(on.last["h1"], a.last["h1"], atol=1e-3)


WRONG = {
    "steps": ({"steps": 0}, "must be positive, .* got 0, 0.01, 0 and 1"),
    "every": ({"steps": 5, "every": 6}, "every from 1 to steps, got 5, 0.01, 0 and 6"),
    "temperature": ({"steps": 5, "temperature": -1.0}, "temperature must not be negative"),
}


@pytest.mark.parametrize(("how", "message"), WRONG.values(), ids=WRONG)
def test_wrong_arguments(how, message):
    with pytest.raises(ValueError, match=message):
        sample(linear(), clamps(1), jr.key(0), **how)


def test_what_nothing_is_known_of_is_drawn_too():
    """Down a chain with the input clamped: variances add as they are passed on."""
    found = sample(
        linear(), {"input": jnp.ones((400, 3))}, jr.key(1),
        steps=3000, every=60, burn_in=200, step_size=0.05,
    ).activities  # fmt: skip
    weights = [np.asarray(edge.module.weight) for edge in linear().edges]
    due = np.eye(3)
    for weight in weights[1:]:
        due = weight @ due @ weight.T + np.eye(len(weight))
    output = np.asarray(found["output"]).reshape(-1, 2)
    np.testing.assert_allclose(np.cov(output.T), due, rtol=0.1, atol=0.03)
    mean = equilibrium(linear(), {"input": jnp.ones((1, 3))}).activities["output"][0]
    np.testing.assert_allclose(output.mean(axis=0), mean, atol=0.03)


def test_logits_are_left_at_their_predictions():
    model = mlp((3, 3, 2), jr.key(0), output=Categorical())
    found = sample(model, {"input": jnp.ones((2, 3))}, jr.key(1), steps=20).activities
    due = jax.vmap(jax.vmap(model.edges[1].module))(found["h1"])
    np.testing.assert_allclose(found["output"], due, rtol=1e-9)


def test_nothing_left_to_sample():
    with pytest.raises(ValueError, match="nothing is left to sample with input, h1, h2, output"):
        everything = linear().feedforward({"input": jnp.ones((1, 3))})
        names = ("input", "h1", "h2", "output")
        sample(linear(), {name: everything[name] for name in names}, jr.key(0), steps=1)
