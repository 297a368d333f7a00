"""The energy's gradients, in activities and in weights, against finite differences."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from neurojax.predictive import Categorical, Dense, Gaussian, Hierarchy, chain, mlp
from neurojax.predictive._rules import weight_gradient

pytestmark = pytest.mark.usefixtures("x64")
STEP = 1e-5


OUTPUTS = {"Gaussian": lambda: Gaussian(2.5), "Categorical": Categorical}


def network(output: str) -> Hierarchy:
    return mlp((4, 6, 5, 3), jr.key(0), activation=jnp.tanh, output=OUTPUTS[output]())


def clamped_batch(samples: int = 5) -> dict:
    y = jax.nn.softmax(jr.normal(jr.key(2), (samples, 3)))
    return {"input": jr.normal(jr.key(1), (samples, 4)), "output": y}


def activities_near(hierarchy: Hierarchy, x) -> dict:
    return {
        name: z + 0.3 * jr.normal(jr.fold_in(jr.key(3), n), z.shape)
        for n, (name, z) in enumerate(hierarchy.feedforward({"input": x}).items())
    }


def moved(tree, place: int, direction, by: float):
    leaves, structure = jax.tree.flatten(tree)
    leaves[place] = leaves[place] + by * direction
    return structure.unflatten(leaves)


def slope(function, tree, place: int, direction) -> float:
    up, down = (function(moved(tree, place, direction, s * STEP)) for s in (1, -1))
    return float(up - down) / (2 * STEP)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("clamped", [("input", "output"), ("output",), ("input",)], ids="+".join)
def test_activities_flow_down_the_energy(output: str, clamped: tuple[str, ...]):
    hierarchy = network(output)
    everything = clamped_batch()
    clamps = {name: everything[name] for name in clamped}
    state = activities_near(hierarchy, everything["input"])
    rate = hierarchy.vector_field(0.0, state, clamps)
    free = [name for name, r in rate.items() if r is not None]
    # With the output free, nothing above asks anything of the hidden layers.
    assert free == [n for n in ("h1", "h2", "input") if "output" in clamps and n not in clamps]
    names = sorted(state)  # as the leaves are
    for name in free:
        direction = jr.normal(jr.key(4), state[name].shape)
        place = names.index(name)
        due = -slope(lambda z: hierarchy.energy(z, clamps), state, place, direction)
        np.testing.assert_allclose(jnp.sum(rate[name] * direction), due, rtol=1e-7)


@pytest.mark.parametrize("output", OUTPUTS)
def test_weights_follow_the_mean_energy(output: str):
    hierarchy, clamps = network(output), clamped_batch()
    state = activities_near(hierarchy, clamps["input"])
    energy, gradient = weight_gradient(hierarchy, state, clamps)
    mean = lambda edges: Hierarchy(hierarchy.nodes, edges).energy(state, clamps) / 5  # noqa: E731
    np.testing.assert_allclose(energy, mean(hierarchy.edges))
    for n, given in enumerate(jax.tree.leaves(gradient.edges)):
        direction = jr.normal(jr.fold_in(jr.key(5), n), given.shape)
        due = slope(mean, hierarchy.edges, n, direction)
        np.testing.assert_allclose(jnp.sum(given * direction), due, rtol=1e-7)


def test_a_layers_weight_gradient_is_local():
    """Minus the layer's error times the activity below it, averaged: nothing else enters."""
    hierarchy, clamps = network("Gaussian"), clamped_batch()
    state = hierarchy.clamped(activities_near(hierarchy, clamps["input"]), clamps)
    _, gradient = weight_gradient(hierarchy, state, clamps)
    for n, edge in enumerate(hierarchy.edges):
        layer, found = edge.module, gradient.edges[n].module
        weight, bias = np.asarray(layer.weight), np.asarray(layer.bias)
        z, names = state, [node.name for node in hierarchy.nodes]
        below = np.asarray(z[names[n]]) if n == 0 else np.tanh(z[names[n]])
        error = np.asarray(z[names[n + 1]]) - (below @ weight.T + bias)
        error = error * (2.5 if n == 2 else 1.0)
        np.testing.assert_allclose(found.weight, -error.T @ below / 5, atol=1e-12)
        slope_of_bias = np.asarray(found.bias)
        np.testing.assert_allclose(slope_of_bias, -error.mean(axis=0), atol=1e-12)


def test_energies_by_hand():
    z, mu = jnp.array([[0.0, 1.0], [1.0, 0.0]]), jnp.array([[0.5, 0.5], [3.0, 1.0]])
    assert float(Gaussian(2.0)(z, mu)) == 0.25 + 0.25 + 4.0 + 1.0
    by_units = Gaussian(jnp.array([2.0, 4.0]))
    with jax.numpy_rank_promotion("allow"):
        assert float(by_units(z, mu)) == 0.25 + 0.5 + 4.0 + 2.0
    due = np.log(2) + np.log(1 + np.exp(-2))
    np.testing.assert_allclose(Categorical()(z, mu), due, rtol=1e-14)


@pytest.mark.parametrize("precision", [0.0, -1.0, float("nan")])
def test_a_precision_must_be_positive(precision: float):
    with pytest.raises(ValueError, match=r"Gaussian: precision must be positive, got"):
        Gaussian(precision)


def test_layers_must_fit():
    weight = lambda out, into: Dense(jnp.zeros((out, into)), None)  # noqa: E731
    with pytest.raises(ValueError, match=r"module 1, Dense, does not take .* \(4,\) of 'h1'"):
        chain([weight(4, 3), weight(2, 5)], 3)
    with pytest.raises(ValueError, match="modules is empty"):
        chain([], 3)
    with pytest.raises(
        ValueError, match=r"widths must be at least two positive numbers, got \(3,\)"
    ):
        mlp((3,), jr.key(0))
