"""Hierarchies of any shape, against least squares, sums by hand and the same graph written out."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from flax import nnx

from neurojax.predictive import (
    Dense,
    Edge,
    Gaussian,
    Hierarchy,
    Laplace,
    Node,
    equilibrium,
    identity,
    infer,
    predict,
    residual_mlp,
    weight_gradient,
)

pytestmark = pytest.mark.usefixtures("x64")
SIZES = {"input": 3, "a": 4, "b": 4, "c": 2, "output": 2}
PRECISIONS = {"input": 1.0, "a": 0.6, "b": 1.3, "c": 0.8, "output": 2.0}


def matrix(source: str, target: str, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng([seed, *map(ord, source + target)])
    return 0.5 * rng.normal(size=(SIZES[target], SIZES[source]))


def linear_graph(*pairs: tuple[str, str]) -> Hierarchy:
    edges = [Edge(a, b, Dense(jnp.asarray(matrix(a, b)), None)) for a, b in pairs]
    used = [name for name in SIZES if any(name in pair for pair in pairs)]
    return Hierarchy([Node(n, SIZES[n], Gaussian(PRECISIONS[n])) for n in used], edges)


def least_squares(pairs, x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """The free activities at which `Σ p |z − Σ W z'|²` is least, for one sample."""
    names = sorted({name for pair in pairs for name in pair})
    data = {"input": x, "output": y}
    free = [name for name in names if name not in data]
    places, at = {}, 0
    for name in free:
        places[name], at = slice(at, at + SIZES[name]), at + SIZES[name]
    rows, right = [], []
    for target in sorted({b for _, b in pairs}):
        row, known = np.zeros((SIZES[target], at)), np.zeros(SIZES[target])
        terms = [(target, np.eye(SIZES[target]))]
        terms += [(a, -matrix(a, b)) for a, b in pairs if b == target]
        for name, weight in terms:
            if name in data:
                known -= weight @ data[name]
            else:
                row[:, places[name]] += weight
        root = PRECISIONS[target] ** 0.5
        rows.append(root * row)
        right.append(root * known)
    z = np.linalg.lstsq(np.concatenate(rows), np.concatenate(right), rcond=None)[0]
    return {name: z[place] for name, place in places.items()}


GRAPHS = {
    "skips": (("input", "a"), ("a", "c"), ("input", "c"), ("c", "output"), ("a", "output")),
    "convergent": (("input", "a"), ("input", "b"), ("a", "output"), ("b", "output")),
    "lateral": (("input", "a"), ("input", "b"), ("a", "b"), ("b", "output"), ("a", "output")),
    "a cycle": (("input", "a"), ("a", "b"), ("b", "a"), ("b", "output")),
    "within a node": (("input", "a"), ("a", "a"), ("a", "output")),
}


@pytest.mark.parametrize("pairs", GRAPHS.values(), ids=GRAPHS)
def test_linear_graphs_settle_at_the_least_squares(pairs):
    hierarchy = linear_graph(*pairs)
    x, y = np.random.default_rng(1).normal(size=(2, 3, 3))
    y = y[:, :2]
    clamps = {"input": jnp.asarray(x), "output": jnp.asarray(y)}
    exact = equilibrium(hierarchy, clamps)
    settled = infer(hierarchy, clamps, steps=2000, step_size=0.2)
    for sample in range(3):
        for name, due in least_squares(pairs, x[sample], y[sample]).items():
            np.testing.assert_allclose(exact.activities[name][sample], due, atol=1e-10)
            np.testing.assert_allclose(settled.activities[name][sample], due, atol=1e-6)


def test_a_stack_is_the_same_chain_written_out():
    stack = residual_mlp(3, 5, 2, 3, jr.key(0), activation=jnp.tanh)
    chain = written_out(stack)
    clamps = {"input": jr.normal(jr.key(1), (4, 3)), "output": jr.normal(jr.key(2), (4, 2))}
    np.testing.assert_allclose(
        predict(stack, clamps["input"]), predict(chain, clamps["input"]), atol=1e-12
    )
    for coordinates in ("activities", "errors"):
        how = {"steps": 30, "step_size": 0.1, "coordinates": coordinates}
        a, b = infer(stack, clamps, **how), infer(chain, clamps, **how)
        np.testing.assert_allclose(a.energy, b.energy, rtol=1e-10)
        np.testing.assert_allclose(a.residual, b.residual, rtol=1e-8)
        for layer in range(3):
            z = a.activities["h"][:, layer]
            np.testing.assert_allclose(z, b.activities[f"h{layer + 1}"], rtol=1e-9, atol=1e-12)
    assert stack.energy_names == ("h0", "h[0]", "h[1]", "h[2]", "output")
    assert chain.energy_names == ("h0", "h1", "h2", "h3", "output")


def written_out(stack: Hierarchy) -> Hierarchy:
    first, skip, block, last = stack.edges
    nodes, edges = [Node("input", 3), Node("h0", 5)], [first]
    for layer in range(3):
        below, above = f"h{layer}", f"h{layer + 1}"
        module = jax.tree.map(lambda x, layer=layer: x[layer], block.module)
        nodes.append(Node(above, 5))
        edges += [Edge(below, above, skip.module), Edge(below, above, module)]
    return Hierarchy([*nodes, Node("output", 2)], [*edges, Edge("h3", "output", last.module)])


def test_energies_of_their_own_and_priors_are_added():
    """A bidirectional pair with a sparse prior, its energy by hand."""
    up, down = matrix("input", "a"), matrix("a", "input")
    hierarchy = Hierarchy(
        [Node("input", 3), Node("a", 4, Gaussian(2.0))],
        [
            Edge("input", "a", lambda x: jnp.asarray(up) @ x),
            Edge("a", "input", lambda z: jnp.asarray(down) @ z, energy=Gaussian(0.5)),
            Edge((), "a", lambda: jnp.zeros(()), energy=Laplace(4.0)),
        ],
    )
    x, a = np.random.default_rng(2).normal(size=(2, 5, 4))
    x = x[:, :3]
    due = [
        0.25 * np.sum((x - a @ down.T) ** 2),
        np.sum((a - x @ up.T) ** 2),
        np.sum(np.abs(a)) / 4,
    ]
    state = {"input": jnp.asarray(x), "a": jnp.asarray(a)}
    found = hierarchy.energies(state, {"input": jnp.asarray(x)})
    assert hierarchy.energy_names == ("input from a", "a", "a from prior")
    np.testing.assert_allclose(found, due, rtol=1e-12)


def test_a_prior_without_an_energy_is_a_bias():
    bias = jnp.arange(4.0)
    hierarchy = Hierarchy(
        [Node("input", 3), Node("a", 4)],
        [Edge("input", "a", lambda x: jnp.zeros(4)), Edge((), "a", lambda: bias)],
    )
    x = jnp.ones((2, 3))
    np.testing.assert_array_equal(
        hierarchy.feedforward({"input": x})["a"], np.tile(np.arange(4.0), (2, 1))
    )


def test_scales_multiply_what_edges_predict():
    module = Dense(jnp.asarray(matrix("input", "a")), jnp.ones(4))
    whole, half = (
        Hierarchy([Node("input", 3), Node("a", 4)], [Edge("input", "a", module, scale=s)])
        for s in (1.0, 0.5)
    )
    x = {"input": jnp.ones((2, 3))}
    np.testing.assert_allclose(2 * half.feedforward(x)["a"], whole.feedforward(x)["a"])


def test_modules_of_images_sets_and_several_sources():
    keys = jr.split(jr.key(0), 6)
    hierarchy = Hierarchy(
        [
            Node("input", (1, 6, 6)),
            Node("maps", (4, 6, 6)),
            Node("pooled", (4, 3, 3)),
            Node("tokens", (9, 4)),
            Node("attended", (9, 4)),
            Node("output", 2),
        ],
        [
            Edge("input", "maps", eqx.nn.Conv2d(1, 4, 3, padding=1, key=keys[0])),
            Edge("maps", "pooled", lambda z: eqx.nn.AvgPool2d(2, 2)(jax.nn.relu(z))),
            Edge("pooled", "tokens", Tokens(eqx.nn.LayerNorm(4))),
            Edge(
                ("tokens", "pooled"),
                "attended",
                Attention(eqx.nn.MultiheadAttention(2, 4, key=keys[1])),
            ),
            Edge("attended", "output", Mean(eqx.nn.Linear(4, 2, key=keys[2]))),
        ],
    )
    clamps = {"input": jr.normal(keys[3], (3, 1, 6, 6)), "output": jr.normal(keys[4], (3, 2))}
    settled = infer(hierarchy, clamps, steps=20, step_size=0.01, record_energy=True)
    assert settled.energy_trace is not None
    assert (np.diff(np.asarray(settled.energy_trace).sum(axis=1)) < 0).all()
    alone = {name: value[1:2] for name, value in clamps.items()}
    one = infer(hierarchy, alone, steps=20, step_size=0.01)
    for name, z in one.activities.items():
        np.testing.assert_allclose(z[0], settled.activities[name][1], atol=1e-10)


def test_flax_modules_are_edges_too():
    linear = nnx.Linear(3, 2, rngs=nnx.Rngs(0), param_dtype=jnp.float64)
    flax = Hierarchy([Node("input", 3), Node("output", 2)], [Edge("input", "output", linear)])
    assert linear.bias is not None
    dense = Dense(linear.kernel[...].T, linear.bias[...])
    ours = eqx.tree_at(lambda h: h.edges[0].module, flax, dense)
    clamps = {"input": jr.normal(jr.key(0), (4, 3)), "output": jr.normal(jr.key(1), (4, 2))}
    np.testing.assert_allclose(predict(flax, clamps["input"]), predict(ours, clamps["input"]))
    slopes = [weight_gradient(model, {}, clamps)[1].edges[0].module for model in (flax, ours)]
    np.testing.assert_allclose(slopes[0].kernel[...].T, slopes[1].weight)
    np.testing.assert_allclose(slopes[0].bias[...], slopes[1].bias)


class Tokens(eqx.Module):
    norm: eqx.nn.LayerNorm

    def __call__(self, z):
        return jax.vmap(self.norm)(z.reshape(4, 9).T)


class Attention(eqx.Module):
    attention: eqx.nn.MultiheadAttention

    def __call__(self, tokens, pooled):
        keys = pooled.reshape(4, 9).T
        return tokens + self.attention(tokens, keys, keys)


class Mean(eqx.Module):
    linear: eqx.nn.Linear

    def __call__(self, z):
        return self.linear(jnp.mean(z, axis=0))


def test_what_rests_at_its_prediction():
    hierarchy = linear_graph(*GRAPHS["skips"])
    assert hierarchy.barren({"input": 0}) == {"a", "c", "output"}
    assert hierarchy.barren({"input": 0, "c": 0}) == {"output"}
    assert hierarchy.barren({"output": 0}) == set()
    x = jr.normal(jr.key(0), (2, 3))
    settled = infer(hierarchy, {"input": x}, steps=3)
    assert int(settled.steps) == 0 and float(jnp.sum(settled.energy)) == 0
    np.testing.assert_allclose(settled.activities["output"], predict(hierarchy, x))


def test_a_cycle_has_no_feed_forward_prediction():
    with pytest.raises(ValueError, match="predict: nodes a, b do not follow from the input alone"):
        predict(linear_graph(*GRAPHS["a cycle"]), jnp.ones((1, 3)))


def node(name: str) -> Node:
    return Node(name, SIZES[name])


REFUSED = {
    "unknown node": (
        lambda: Hierarchy([node("a")], [Edge("input", "a", identity)]),
        "Edge input to a: 'input' is not one of the nodes a",
    ),
    "twice": (lambda: Hierarchy([node("a"), node("a")], []), "node 'a' is there more than once"),
    "shape": (
        lambda: Hierarchy([node("input"), node("a")], [Edge("input", "a", identity)]),
        r"Edge input to a: its module gives shapes \[\(3,\)\], node 'a' .* takes \[\(4,\)\]",
    ),
    "input": (
        lambda: Hierarchy(
            [node("input"), node("a")], [Edge("input", "a", Dense(jnp.ones((4, 5)), None))]
        ),
        r"Edge input to a: its module does not take shapes \[\(3,\)\]",
    ),
    "length": (lambda: Node("a", 4, length=0), "Node 'a': shape and length must be positive"),
    "no stack": (
        lambda: Hierarchy(
            [node("a"), Node("b", 4, length=3)], [Edge("a", "b", Dense(jnp.ones((2, 4, 4)), None))]
        ),
        r"Edge a to b: each array .* a leading axis of the 3 layers, got \[\(2,\)\]",
    ),
    "a stack of two sources": (
        lambda: Hierarchy(
            [node("a"), node("b"), Node("c", 4, length=3)],
            [Edge("a", "c", identity), Edge("b", "c", identity)],
        ),
        "a stack takes edges from one node",
    ),
}


@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED)
def test_graphs_that_do_not_fit(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_errors_as_coordinates_need_one_prediction_of_each_node():
    clamps = {"input": jnp.ones((1, 3)), "output": jnp.ones((1, 2))}
    with pytest.raises(ValueError, match="one prediction of each free node and no cycle"):
        infer(linear_graph(*GRAPHS["a cycle"]), clamps, coordinates="errors")
    with pytest.raises(ValueError, match="coordinates must be 'activities' or 'errors', got 'x'"):
        infer(linear_graph(*GRAPHS["skips"]), clamps, coordinates="x")
