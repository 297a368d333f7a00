"""Where a linear hierarchy must settle, solved in closed form, and every way to get there."""

import itertools
from typing import Any

import diffrax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from neurojax.predictive import Dense, Edge, Gaussian, Hierarchy, Node, infer, predict

pytestmark = pytest.mark.usefixtures("x64")

WIDTHS = (3, 6, 5, 4, 2)
PRECISIONS = (1.0, 0.7, 1.5, 2.0)


def linear(widths=WIDTHS, precisions=PRECISIONS, seed=0) -> Hierarchy:
    rng = np.random.default_rng(seed)
    layers = [
        Dense(jnp.asarray(rng.normal(size=(b, a)) / a**0.5), jnp.asarray(rng.normal(size=b)))
        for a, b in itertools.pairwise(widths)
    ]
    names = ["input", *(f"h{n}" for n in range(1, len(layers))), "output"]
    energies = [Gaussian(), *(Gaussian(p) for p in precisions)]
    nodes = [Node(*of) for of in zip(names, widths, energies, strict=True)]
    edges = [Edge(*of) for of in zip(names, names[1:], layers, strict=False)]
    return Hierarchy(nodes, edges)


def weights_of(hierarchy: Hierarchy) -> list[Any]:
    return [edge.module for edge in hierarchy.edges]


def hidden(activities: dict) -> list:
    """Of the hidden layers, in order."""
    return [activities[f"h{n}"] for n in range(1, len(activities) - 1)]


def samples(width: int, seed: int, number: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(number, width))


def precision(energy: Any) -> float:
    return float(energy.precision)


def solved(hierarchy: Hierarchy, x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    """Hidden activities where dE/dz = 0: p_l (z_l − W_l z_{l−1} − b_l) is what the layer above
    sends down, W_{l+1}ᵀ p_{l+1} (z_{l+1} − W_{l+1} z_l − b_{l+1}), for every hidden layer l."""
    weights = [np.asarray(layer.weight) for layer in weights_of(hierarchy)]
    biases = [np.asarray(layer.bias) for layer in weights_of(hierarchy)]
    precisions = [precision(node.energy) for node in hierarchy.nodes[1:]]
    hidden = [node.shape[0] for node in hierarchy.nodes[1:-1]]
    edges = np.concatenate([[0], np.cumsum(hidden)])
    block = [slice(a, b) for a, b in itertools.pairwise(edges)]
    matrix, right = np.zeros((edges[-1], edges[-1])), np.zeros((len(x), edges[-1]))
    for i, rows in enumerate(block):
        W, b, p = weights[i], biases[i], precisions[i]
        up, b_up, p_up = weights[i + 1], biases[i + 1], precisions[i + 1]
        matrix[rows, rows] = p * np.eye(hidden[i]) + p_up * up.T @ up
        right[:, rows] = p * b - p_up * b_up @ up
        if i == 0:
            right[:, rows] += p * x @ W.T
        else:
            matrix[rows, block[i - 1]] = -p * W
        if i == len(block) - 1:
            right[:, rows] += p_up * y @ up
        else:
            matrix[rows, block[i + 1]] = -p_up * up.T
    z = np.linalg.solve(matrix, right.T).T
    return [z[:, rows] for rows in block]


def equilibrated_energy(hierarchy: Hierarchy, x: np.ndarray, y: np.ndarray) -> float:
    """½ Σ rᵀ S⁻¹ r, with r the feed-forward error and S the covariance that the layers' noise has
    at the output (Innocenti et al. 2024, arXiv:2408.11979, theorem 1, there without precisions)."""
    forward, down, covariance = x, np.eye(hierarchy.nodes[-1].shape[0]), 0.0
    for layer in weights_of(hierarchy):
        forward = forward @ np.asarray(layer.weight).T + np.asarray(layer.bias)
    layers, nodes = weights_of(hierarchy), hierarchy.nodes[1:]
    for layer, node in zip(layers[::-1], nodes[::-1], strict=True):
        covariance = covariance + down @ down.T / precision(node.energy)
        down = down @ np.asarray(layer.weight)
    r = y - forward
    return 0.5 * float(np.sum(r * np.linalg.solve(covariance, r.T).T))


def test_inference_ends_at_the_closed_form():
    hierarchy, x, y = linear(), samples(3, 1), samples(2, 2)
    clamps = {"input": jnp.asarray(x), "output": jnp.asarray(y)}
    settled = infer(hierarchy, clamps, steps=3000, step_size=0.1)
    for z, due in zip(hidden(settled.activities), solved(hierarchy, x, y), strict=True):
        np.testing.assert_allclose(z, due, atol=1e-9)
    np.testing.assert_array_equal(settled.activities["input"], x)
    np.testing.assert_array_equal(settled.activities["output"], y)
    energy = float(jnp.sum(settled.energy))
    np.testing.assert_allclose(energy, equilibrated_energy(hierarchy, x, y), rtol=1e-10)
    assert float(jnp.max(settled.residual)) < 1e-9


def test_without_a_hidden_layer_nothing_is_left_to_settle():
    hierarchy, x, y = linear((3, 2), (2.0,)), samples(3, 1), samples(2, 2)
    energy = equilibrated_energy(hierarchy, x, y)
    np.testing.assert_allclose(
        hierarchy.energy({"input": jnp.asarray(x), "output": jnp.asarray(y)}, {}), 0.0, atol=0
    )  # no output clamped: it is its own prediction
    clamps = {"input": jnp.asarray(x), "output": jnp.asarray(y)}
    np.testing.assert_allclose(
        hierarchy.energy(hierarchy.feedforward({"input": clamps["input"]}), clamps), energy
    )


SOLVERS = {
    "Euler": {"steps": 400, "step_size": 0.2},
    "Heun": {"solver": diffrax.Heun(), "steps": 400, "step_size": 0.2},
    "Tsit5": {"solver": diffrax.Tsit5(), "steps": 400, "step_size": 0.2},
    "Kvaerno3": {"solver": diffrax.Kvaerno3(), "steps": 100, "step_size": 2.0},
    "adaptive": {
        "controller": diffrax.PIDController(rtol=1e-8, atol=1e-10),
        "steps": 20,
        "step_size": 4.0,
    },
    "adaptive Heun": {
        "solver": diffrax.Heun(),
        "controller": diffrax.PIDController(rtol=1e-7, atol=1e-9),
        "steps": 20,
        "step_size": 4.0,
    },
}


@pytest.mark.parametrize("how", SOLVERS.values(), ids=SOLVERS)
def test_every_solver_reaches_it(how):
    hierarchy, x, y = linear((3, 4, 4, 2), (1.0, 1.0, 1.0)), samples(3, 1), samples(2, 2)
    clamps = {"input": jnp.asarray(x), "output": jnp.asarray(y)}
    settled = infer(hierarchy, clamps, **how)
    for z, due in zip(hidden(settled.activities), solved(hierarchy, x, y), strict=True):
        np.testing.assert_allclose(z, due, atol=1e-5)
    assert 0 < float(settled.relaxation) < 100


def test_generation_finds_an_input_that_predicts_the_output():
    hierarchy, y = linear((5, 4, 3), (1.0, 1.0)), samples(3, 2)
    settled = infer(hierarchy, {"output": jnp.asarray(y)}, steps=20_000, step_size=0.1)
    found = settled.activities["input"]
    np.testing.assert_allclose(predict(hierarchy, found), y, atol=1e-6)
    np.testing.assert_allclose(settled.energy, 0.0, atol=1e-12)
    # From a zero input the descent only ever adds what some unit above asks for.
    unseen = null_space(np.asarray(weights_of(hierarchy)[0].weight))
    np.testing.assert_allclose(np.asarray(found) @ unseen.T, 0.0, atol=1e-9)


def null_space(matrix: np.ndarray) -> np.ndarray:
    """Directions (rows) that the matrix sends to zero."""
    return np.linalg.svd(matrix)[2][matrix.shape[0] :]


def test_only_the_input_clamped_it_rests_at_the_prediction():
    hierarchy, x = linear(), jr.normal(jr.key(0), (7, 3))
    forward = hierarchy.feedforward({"input": x})
    moved = {name: z + 1.0 for name, z in forward.items()}
    settled = infer(hierarchy, {"input": x}, start=moved, steps=2000, step_size=0.1)
    for name, due in forward.items():
        np.testing.assert_allclose(settled.activities[name], due, atol=1e-9)


def test_adaptive_and_fixed_steps_trace_the_same_energies():
    hierarchy = linear()
    clamps = {"input": jnp.asarray(samples(3, 1)), "output": jnp.asarray(samples(2, 2))}
    how = {"steps": 30, "step_size": 0.02, "record_energy": True}
    fixed = infer(hierarchy, clamps, solver=diffrax.Tsit5(), **how)
    controller = diffrax.PIDController(rtol=1e-10, atol=1e-10)
    adaptive = infer(hierarchy, clamps, controller=controller, **how)
    assert fixed.energy_trace is not None and adaptive.energy_trace is not None
    assert fixed.energy_trace.shape == (31, 4)
    np.testing.assert_allclose(adaptive.energy_trace, fixed.energy_trace, atol=1e-6)
    np.testing.assert_array_equal(fixed.energy_trace[0], fixed.energy_before)
    np.testing.assert_array_equal(fixed.energy_trace[-1], fixed.energy)
