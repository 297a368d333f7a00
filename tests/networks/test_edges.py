"""Edges against scipy's sparse matrices."""

import numpy as np
import scipy.sparse

from neurojax.networks import Edges

PRE = np.array([0, 0, 0, 2, 2, 3])
POST = np.array([1, 1, 4, 0, 3, 4], np.int32)  # from 0 to 1 twice, and neuron 1 sends none


def some() -> Edges:
    return Edges(np.array([0, 3, 3, 5, 6]), POST, 5)


def test_the_synapses_of_each_neuron():
    edges = some()
    assert (edges.n_pre, edges.n_post, edges.n_synapses) == (4, 5, 6)
    np.testing.assert_array_equal(edges.pre, PRE)
    np.testing.assert_array_equal(edges.out_degree, [3, 0, 2, 1])
    np.testing.assert_array_equal(edges.in_degree, [1, 2, 0, 1, 2])
    assert (edges.pre.dtype, edges.out_degree.dtype) == (np.int32, np.int64)


def test_as_a_matrix_with_weights_in_their_order():
    counts = scipy.sparse.coo_array((np.ones(6), (PRE, POST)), shape=(4, 5)).toarray()
    np.testing.assert_array_equal(some().to_scipy().toarray(), counts)
    weighted = some().to_scipy(np.arange(6.0)).toarray()
    assert weighted[0, 1] == 0 + 1
    assert weighted[3, 4] == 5


def test_what_scipy_does_with_a_matrix_leaves_the_edges_alone():
    edges, weights = some(), np.arange(6.0)
    edges.to_scipy(weights).sum_duplicates()
    np.testing.assert_array_equal(edges.post, POST)
    np.testing.assert_array_equal(edges.starts, [0, 3, 3, 5, 6])
    np.testing.assert_array_equal(weights, np.arange(6.0))


def test_from_the_sources_of_each_neuron():
    sources = np.array([[2, 0, 2], [0, 1, 1]], np.int32)
    edges = Edges.from_sources(sources, 4)
    np.testing.assert_array_equal(edges.pre, [0, 0, 1, 1, 2, 2])
    np.testing.assert_array_equal(edges.post, [0, 1, 1, 1, 0, 0])
    np.testing.assert_array_equal(edges.starts, [0, 2, 4, 6, 6])
    assert (edges.starts.dtype, edges.post.dtype) == (np.int64, np.int32)
