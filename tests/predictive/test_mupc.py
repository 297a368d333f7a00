"""μPC's scales, from the graph."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from neurojax.predictive import Dense, Edge, Hierarchy, Node, identity, mlp, mupc, residual_mlp
from neurojax.predictive._mupc import residual_depth


def scales(hierarchy: Hierarchy) -> list[float]:
    return [edge.scale for edge in mupc(hierarchy, jr.key(0)).edges]


def test_a_residual_stack():
    hierarchy = residual_mlp(16, 25, 3, 30, jr.key(1))
    assert residual_depth(hierarchy) == 30
    np.testing.assert_allclose(scales(hierarchy), [1 / 4, 1, 1 / np.sqrt(25 * 30), 1 / 25])


def test_a_plain_chain_has_no_depth():
    assert residual_depth(mlp((4, 9, 9, 2), jr.key(0))) == 0
    np.testing.assert_allclose(scales(mlp((4, 9, 9, 2), jr.key(0))), [1 / 2, 1 / 3, 1 / 9])


def test_the_longest_way_counts():
    def dense():
        return Dense(jnp.ones((9, 9)), jnp.ones(9))

    pairs = [("input", "a"), ("a", "b"), ("b", "c"), ("input", "d")]
    edges = [Edge(a, b, module) for a, b in pairs for module in (dense(), identity)]
    edges += [Edge(name, "output", dense()) for name in ("c", "d")]
    hierarchy = Hierarchy([Node(n, 9) for n in ("input", "a", "b", "c", "d", "output")], edges)
    assert residual_depth(hierarchy) == 3
    assert scales(hierarchy)[:2] == [1 / np.sqrt(27), 1]


def test_weights_are_unit_normal_and_biases_zero():
    linear = eqx.nn.Linear(400, 4, key=jr.key(1))
    convolution = eqx.nn.Conv2d(8, 16, 3, padding=1, key=jr.key(0))
    hierarchy = Hierarchy(
        [Node("input", (8, 5, 5)), Node("h", (16, 5, 5)), Node("output", 4)],
        [
            Edge("input", "h", convolution),
            Edge("h", "output", eqx.nn.Sequential([eqx.nn.Lambda(jnp.ravel), linear])),
        ],
    )
    scaled = mupc(hierarchy, jr.key(2))
    np.testing.assert_allclose([e.scale for e in scaled.edges], [1 / np.sqrt(72), 1 / 400])
    leaves = jax.tree.leaves(eqx.filter([e.module for e in scaled.edges], eqx.is_array))
    assert sorted(x.size for x in leaves) == [4, 16, 1152, 1600]
    for x in leaves:
        if x.size < 20:
            np.testing.assert_array_equal(x, 0)
        else:
            np.testing.assert_allclose([x.mean(), x.std()], [0, 1], atol=0.1)


@pytest.mark.parametrize("depth", [4, 64])
def test_predictions_keep_their_size_at_any_depth(depth):
    scaled = mupc(residual_mlp(32, 64, 3, depth, jr.key(0)), jr.key(1))
    z = scaled.feedforward({"input": jr.normal(jr.key(2), (50, 32))})
    assert 0.3 < float(jnp.std(z["h"][:, -1])) < 3
    plain = residual_mlp(32, 64, 3, 64, jr.key(0)).feedforward({"input": jnp.ones((1, 32))})
    assert float(jnp.std(plain["h"][:, -1])) > 10


def test_an_edge_of_two_weights_is_refused():
    edge = Edge("input", "output", eqx.nn.MLP(3, 2, 4, 1, key=jr.key(0)))
    hierarchy = Hierarchy([Node("input", 3), Node("output", 2)], [edge])
    with pytest.raises(ValueError, match="mupc: edge input to output has 2 arrays of weights"):
        mupc(hierarchy, jr.key(0))
