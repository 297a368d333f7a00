"""Rules by pair, place, matrix and list, and what stands for a rule."""

import tracemalloc
from itertools import product

import numpy as np
import pytest
import scipy.sparse

from neurojax.networks import (
    AllToAll,
    DistanceDependent,
    FixedProbability,
    FromEdges,
    FromMatrix,
    OneToOne,
    Pairwise,
    as_connectivity,
)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def joined(edges) -> np.ndarray:
    return edges.to_scipy().toarray()


# --- all to all, one to one


def test_all_to_all(rng):
    np.testing.assert_array_equal(joined(AllToAll().edges(3, 5, rng)), np.ones((3, 5)))
    np.testing.assert_array_equal(joined(AllToAll().edges(4, 4, rng, within=True)), 1)
    others = AllToAll(self_connections=False)
    np.testing.assert_array_equal(joined(others.edges(4, 4, rng, within=True)), 1 - np.eye(4))
    np.testing.assert_array_equal(joined(others.edges(4, 4, rng)), 1)  # two populations
    assert others.edges(1, 1, rng, within=True).n_synapses == 0


def test_one_to_one(rng):
    np.testing.assert_array_equal(joined(OneToOne().edges(4, 4, rng)), np.eye(4))
    with pytest.raises(ValueError, match="OneToOne: n_pre must equal n_post, got 4 and 5"):
        OneToOne().edges(4, 5, rng)


# --- by a function of the indices


def test_a_condition_in_many_blocks(rng):
    """3000 × 1000 pairs are three blocks."""
    edges = Pairwise(lambda i, j: (i + 3 * j) % 7 == 0).edges(3000, 1000, rng)
    i, j = np.ogrid[:3000, :1000]
    np.testing.assert_array_equal(joined(edges), (i + 3 * j) % 7 == 0)
    assert (edges.starts.dtype, edges.post.dtype) == (np.int64, np.int32)


def test_answers_broadcast(rng):
    np.testing.assert_array_equal(joined(Pairwise(lambda i, j: True).edges(2, 3, rng)), 1)
    np.testing.assert_array_equal(
        joined(Pairwise(lambda i, j: i == 1).edges(2, 3, rng)), [[0, 0, 0], [1, 1, 1]]
    )
    np.testing.assert_array_equal(
        joined(Pairwise(lambda i, j: (i + j) % 2).edges(2, 3, rng)), [[0, 1, 0], [1, 0, 1]]
    )


def test_probabilities_of_pairs(rng):
    """Row i has n Bernoulli trials of probability i / 10."""
    edges = Pairwise(lambda i, j: i / 10).edges(11, 200_000, rng)
    p = np.arange(11) / 10
    off = abs(edges.out_degree - 200_000 * p)
    assert (off <= 5 * np.sqrt(200_000 * p * (1 - p))).all()


def test_memory_of_a_function_is_bounded(rng):
    """25 million pairs would be 200 MB of indices alone."""
    rule = Pairwise(lambda i, j: np.where(i == j, 1.0, 0.0))
    tracemalloc.start()
    edges = rule.edges(5000, 5000, rng)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert edges.n_synapses == 5000
    assert peak < 40e6


def test_wrong_answers(rng):
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match=rf"function\(i, j\) must be from 0 to 1, got {wrong}"):
            Pairwise(lambda i, j, p=wrong: np.where(j == 2, p, 0.5)).edges(3, 3, rng)
    with pytest.raises(ValueError, match=r"must broadcast to \[rows, n_post\], \(2, 3\) here, got"):
        Pairwise(lambda i, j: np.ones(4)).edges(2, 3, rng)
    with pytest.raises(TypeError, match="must be booleans or probabilities, got <U2"):
        Pairwise(lambda i, j: "no").edges(2, 3, rng)
    with pytest.raises(TypeError, match="function"):
        Pairwise(3)  # pyright: ignore[reportArgumentType]


# --- by distance


@pytest.mark.parametrize("box", [None, 70, np.array([65.0, 60.0, 80.0])])
@pytest.mark.parametrize("d", [1, 3])
def test_distances_are_to_the_nearest_image(rng, box, d):
    if isinstance(box, np.ndarray):
        box = box[:d]
    before, after = rng.uniform(0, 60, (40, d)), rng.uniform(0, 60, (50, d))
    difference = before[:, None] - after
    distance = np.linalg.norm(difference, axis=-1)
    if box is not None:
        images = [np.array(shift) * box for shift in product((-1, 0, 1), repeat=d)]
        distance = np.min([np.linalg.norm(difference + at, axis=-1) for at in images], axis=0)
    near = DistanceDependent(lambda distance: distance < 30, before, after, box)
    np.testing.assert_array_equal(joined(near.edges(40, 50, rng)), distance < 30)


def test_a_probability_that_falls_with_distance(rng):
    """On a ring all neurons have the same expected degree, the sum over one row."""
    n = 3000
    place = np.arange(n)[:, None].astype(float)
    rule = DistanceDependent(lambda x: np.exp(-x / 50), place, place, n, self_connections=False)
    edges = rule.edges(n, n, rng, within=True)
    apart = abs(edges.pre - edges.post)
    apart = np.minimum(apart, n - apart)
    assert apart.min() == 1
    for k in (1, 20, 100, 300):  # 2n pairs are k apart
        p = np.exp(-k / 50)
        assert abs(np.count_nonzero(apart == k) - 2 * n * p) < 5 * np.sqrt(2 * n * p * (1 - p))


def test_self_connections_are_of_distance_zero(rng):
    place = rng.normal(size=(20, 2))
    rule = DistanceDependent(lambda x: x == 0, place, place)
    np.testing.assert_array_equal(joined(rule.edges(20, 20, rng, within=True)), np.eye(20))


def test_wrong_places(rng):
    good = np.zeros((3, 2))
    cases = {
        r"pre_positions must .* of shape \[n, d\], got shape \(3,\)": (np.ones(3), good, None),
        "pre_positions must be finite": (np.full((3, 2), np.nan), good, None),
        "must have as many dimensions, got 2 and 3": (good, np.zeros((3, 3)), None),
        "box must be one positive size or 2, got -1": (good, good, -1.0),
        "box must be one positive size or 2, got": (good, good, np.ones(3)),
    }
    for message, (pre, post, box) in cases.items():
        with pytest.raises(ValueError, match=message):
            DistanceDependent(np.exp, pre, post, box)
    with pytest.raises(ValueError, match="post_positions must be as many as the neurons, 4, got 3"):
        DistanceDependent(lambda x: x < 1, good, good).edges(3, 4, rng)
    with pytest.raises(ValueError, match=r"probability\(distance\) must be from 0 to 1, got 2"):
        DistanceDependent(lambda x: x + 2, good, good).edges(3, 3, rng)


# --- by matrix


@pytest.mark.parametrize("layout", ["csr", "csc", "coo", "lil", "bsr"])
@pytest.mark.parametrize("kind", ["array", "matrix"])
def test_a_sparse_matrix_and_its_weights(rng, layout, kind):
    dense = np.array([[0, 2.5, 0, -1], [0, 0, 0, 0], [3, 4, 0, 5]])
    matrix = getattr(scipy.sparse, f"{layout}_{kind}")(dense)
    rule = FromMatrix(matrix)
    edges = rule.edges(3, 4, rng)
    np.testing.assert_array_equal(edges.to_scipy(rule.weights).toarray(), dense)
    np.testing.assert_array_equal(matrix.toarray(), dense)


def test_stored_zeros_are_synapses_and_repeats_are_added(rng):
    at = ([1, 0, 1, 1], [0, 2, 2, 0])
    rule = FromMatrix(scipy.sparse.coo_array(([1.0, 0.0, 3.0, 4.0], at), shape=(2, 3)))
    np.testing.assert_array_equal(joined(rule.edges(2, 3, rng)), [[0, 0, 1], [1, 0, 1]])
    np.testing.assert_array_equal(rule.weights, [0, 5, 3])


def test_the_users_matrix_is_left_alone(rng):
    given = ([1.0, 2.0], np.array([2, 0]), np.array([0, 2]))
    matrix = scipy.sparse.csr_array(given, shape=(1, 3))
    np.testing.assert_array_equal(FromMatrix(matrix).edges(1, 3, rng).post, [0, 2])
    np.testing.assert_array_equal(matrix.indices, [2, 0])


def test_booleans_have_no_weights(rng):
    chosen = rng.random((20, 30)) < 0.3
    for given in (chosen, scipy.sparse.csr_array(chosen)):
        rule = FromMatrix(given)
        assert rule.weights is None
        np.testing.assert_array_equal(joined(rule.edges(20, 30, rng)), chosen)


def test_wrong_matrices(rng):
    with pytest.raises(TypeError, match=r"got ndarray of float64; scipy.sparse.csr_array\(matrix"):
        FromMatrix(np.ones((2, 2)))
    with pytest.raises(ValueError, match=r"and two dimensions, got bool of shape \(2,\)"):
        FromMatrix(np.ones(2, bool))
    with pytest.raises(ValueError, match="must have real numbers and two dimensions, got complex"):
        FromMatrix(scipy.sparse.csr_array([[1j]]))
    with pytest.raises(ValueError, match="FromMatrix: matrix must have no NaN"):
        FromMatrix(scipy.sparse.csr_array([[np.nan]]))
    with pytest.raises(ValueError, match=r"of shape \[n_pre, n_post\], \(2, 3\), got \(3, 2\)"):
        FromMatrix(np.ones((3, 2), bool)).edges(2, 3, rng)


# --- by list


def test_a_list_in_any_order(rng):
    pre, post = rng.integers(50, size=3000), rng.integers(70, size=3000)
    weights = rng.normal(size=3000)
    rule = FromEdges(pre, post)
    edges = rule.edges(50, 70, rng)
    given = scipy.sparse.coo_array((weights, (pre, post)), shape=(50, 70)).toarray()
    ours = edges.to_scipy(rule.in_edge_order(weights))
    np.testing.assert_allclose(ours.toarray(), given, rtol=1e-12)
    np.testing.assert_array_equal(pre[rule.order], edges.pre)
    np.testing.assert_array_equal(post[rule.order], edges.post)


def test_repeats_keep_their_order(rng):
    rule = FromEdges([1, 0, 1, 1], [0, 2, 0, 0])
    assert rule.edges(2, 3, rng).n_synapses == 4
    np.testing.assert_array_equal(rule.in_edge_order(np.arange(4)), [1, 0, 2, 3])


def test_an_empty_list(rng):
    edges = FromEdges([], []).edges(2, 3, rng)
    np.testing.assert_array_equal(edges.starts, [0, 0, 0])


def test_wrong_lists(rng):
    two, three = np.arange(2), np.arange(3)
    with pytest.raises(ValueError, match="FromEdges: pre and post must be as many, got 2 and 3"):
        FromEdges(two, three)
    with pytest.raises(ValueError, match=r"post must be from 0 to 2\*\*31 - 1, got -1"):
        FromEdges(two, two - 1)
    with pytest.raises(ValueError, match="pre must have one dimension, got shape"):
        FromEdges(np.ones((2, 2), int), two)
    with pytest.raises(TypeError, match="pre must be whole numbers, got float64"):
        FromEdges(np.ones(2), two)
    with pytest.raises(ValueError, match="FromEdges: post must be from 0 to 1, got 2"):
        FromEdges(three, three).edges(3, 2, rng)
    with pytest.raises(ValueError, match=r"one for each of the 3 synapses, got shape \(2,\)"):
        FromEdges(three, three).in_edge_order(two)


# --- what stands for a rule


def test_shorthand():
    rule = FixedProbability(0.1)
    assert as_connectivity(rule) is rule
    assert isinstance(as_connectivity(scipy.sparse.eye_array(3)), FromMatrix)
    assert isinstance(as_connectivity(np.eye(3, dtype=bool)), FromMatrix)
    assert isinstance(as_connectivity((np.arange(3), [0, 1, 2])), FromEdges)
    assert isinstance(as_connectivity(lambda i, j: i == j), Pairwise)


@pytest.mark.parametrize("x", ["all", 0.1, None, [[0], [1]], AllToAll, (1, 2, 3)])
def test_no_shorthand(x):
    with pytest.raises(TypeError, match="connectivity must be a rule such as"):
        as_connectivity(x)


def test_most_rules_take_values_in_the_order_of_their_edges():
    rule, values = AllToAll(), np.arange(6.0)
    assert rule.weights is None
    np.testing.assert_array_equal(rule.in_edge_order(values), values)
