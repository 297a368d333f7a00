"""The device's form of a connectivity: rows, where weights go in them, and how much is empty."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurojax.networks import Edges, Targets


def edges_with(degree, n_post, seed=0):
    rng = np.random.default_rng(seed)
    post = [np.sort(rng.choice(n_post, d, replace=False)) for d in degree]
    starts = np.concatenate([[0], np.cumsum(degree)]).astype(np.int64)
    return Edges(starts, np.concatenate([*post, []]).astype(np.int32), n_post)


RNG = np.random.default_rng(1)
DEGREES = {
    "fixed": np.full(50, 20),
    "binomial": RNG.binomial(1000, 0.05, 200),
    "heavy tails": np.minimum(RNG.pareto(1.0, 300).astype(int), 999),
    "one hub": np.array([900, *[1] * 99]),
    "few have any": np.array([0] * 90 + [5, 0, 7]),
    "dense": np.array([600, 0, 900, 1000, 400]),
    "none": np.zeros(4, int),
}


@pytest.mark.parametrize("case", DEGREES)
def test_weights_go_to_their_slots_and_back(case):
    edges = edges_with(DEGREES[case], 1000)
    targets = Targets.of(edges)
    weights = jnp.arange(1.0, edges.n_synapses + 1)
    laid = jax.jit(lambda w: targets.laid_out(w))(weights)
    assert laid.shape == targets.shape
    np.testing.assert_array_equal(jax.jit(lambda w: targets.in_order(w))(laid), weights)
    np.testing.assert_array_equal(laid == 0, targets.index == 1000)
    np.testing.assert_array_equal(targets.in_order(targets.index.astype(float)), edges.post)
    expected = np.zeros((edges.n_pre, 1000))
    expected[edges.pre, edges.post] = weights
    np.testing.assert_array_equal(targets.dense(laid), expected)
    np.testing.assert_array_equal(targets.dense(jnp.ones(())), edges.to_scipy().toarray())
    assert (targets.n_pre, targets.n_post) == (edges.n_pre, 1000)


@pytest.mark.parametrize("case", ["heavy tails", "one hub", "few have any"])
def test_uneven_rows_are_split_so_that_few_slots_are_empty(case):
    targets = Targets.of(edges_with(DEGREES[case], 1000))
    assert targets.layout.split
    assert targets.index.size - targets.n_synapses <= 0.25 * targets.index.size


def test_four_bytes_a_synapse_where_all_make_equally_many():
    targets = Targets.of(edges_with(DEGREES["fixed"], 1000))
    assert targets.index.dtype == jnp.int32 and targets.index.size == targets.n_synapses
    assert not targets.layout.split and targets.starts.size == targets.n_pre + 1


def test_rows_stay_below_what_native_code_can_sum():
    targets = Targets.of(edges_with(np.full(3, 9000), 30000))
    assert targets.layout.split and 3000 <= targets.shape[1] <= 4095
    assert Targets.of(edges_with(np.array([30000, *[1] * 20]), 40000)).shape[1] <= 4095


def test_dense_rows_are_the_matrix_itself():
    targets = Targets.of(edges_with(DEGREES["dense"], 1000))
    assert targets.layout.aligned and targets.shape == (5, 1000)
    weights = jnp.arange(1.0, targets.n_synapses + 1)
    np.testing.assert_array_equal(
        targets.dense(targets.laid_out(weights)), targets.laid_out(weights)
    )
    # Not where two synapses join the same neurons, or one of a row goes back.
    for post in ([0, 1, 1, 0, 1, 2], [0, 2, 1, 0, 1, 2]):
        edges = Edges(np.array([0, 3, 6]), np.array(post, np.int32), 3)
        assert not Targets.of(edges).layout.aligned
        np.testing.assert_array_equal(
            Targets.of(edges).dense(jnp.ones(())), edges.to_scipy().toarray()
        )


def test_what_is_out_of_range_is_refused():
    def of(starts, post, n_post):
        return lambda: Targets.of(
            Edges(np.array(starts, np.int64), np.array(post, np.int32), n_post)
        )

    for refused, message in (
        (of([0, 1], [3], 3), "edges.post must be from 0 to n_post - 1 = 2"),
        (of([0, 1], [-1], 3), "from -1 to -1"),
        (of([0, 2, 1], [0], 3), "edges.starts must ascend"),
        (of([0, 2], [0], 3), "edges.starts must ascend"),
        (of([1, 1], [0], 3), "edges.starts must ascend"),
    ):
        with pytest.raises(ValueError, match=message):
            refused()
    targets = Targets.of(edges_with(DEGREES["fixed"], 1000))
    with pytest.raises(ValueError, match=r"one per synapse, of shape \(1000,\), got \(3,\)"):
        targets.laid_out(jnp.ones(3))
    with pytest.raises(ValueError, match=r"laid must be of shape \(50, 20\)"):
        targets.in_order(jnp.ones((20, 50)))


def test_more_than_int32_counts_are_refused():
    many = 2**31
    post = np.broadcast_to(np.int32(0), (many,))  # takes no memory
    with pytest.raises(ValueError, match=r"at most 2\*\*31 - 1 synapses, got 2147483648"):
        Targets.of(Edges(np.array([0, many]), post, 1))
