"""Which neurons are joined: synapses in the order of the neurons they come from."""

from typing import NamedTuple

import numpy as np
import scipy.sparse
from jaxtyping import Int, Int32, Int64, Shaped

LARGEST_INT32 = np.iinfo(np.int32).max


class Edges(NamedTuple):
    """Synapses in the order of the neurons they come from: those of neuron i go to
    `post[starts[i]:starts[i + 1]]`, in ascending order; a neuron met twice has two synapses.

    `n_post` is the number of neurons that there are to go to. Source: the compressed sparse rows
    of Saad 2003, Iterative Methods for Sparse Linear Systems, section 3.4.
    """

    starts: Int64[np.ndarray, " n_pre+1"]
    post: Int32[np.ndarray, " n_synapses"]
    n_post: int

    @classmethod
    def from_rows(
        cls, counts: Int[np.ndarray, " n_pre"], post: Int[np.ndarray, " n_synapses"], n_post: int
    ) -> "Edges":
        """From how many synapses each neuron has, and where they go, neuron by neuron."""
        starts = np.zeros(len(counts) + 1, np.int64)
        np.cumsum(counts, out=starts[1:])
        return cls(starts, post.astype(np.int32, copy=False), n_post)

    @classmethod
    def from_sources(cls, pre: Int32[np.ndarray, "n_post k"], n_pre: int) -> "Edges":
        """From the k neurons that each neuron receives from, in any order."""
        n_post, k = pre.shape
        index = np.int32 if pre.size <= LARGEST_INT32 else np.int64
        of_post = np.arange(n_post + 1, dtype=index) * index(k)
        by_post = (np.ones(pre.size, np.int8), pre.ravel().astype(index, copy=False), of_post)
        by_pre = scipy.sparse.csr_array(by_post, shape=(n_post, n_pre)).tocsc()  # counting sort
        return cls(by_pre.indptr.astype(np.int64), by_pre.indices.astype(np.int32), n_post)

    @property
    def n_pre(self) -> int:
        return len(self.starts) - 1

    @property
    def n_synapses(self) -> int:
        return len(self.post)

    @property
    def pre(self) -> Int32[np.ndarray, " n_synapses"]:
        """The neuron that each synapse comes from."""
        return np.repeat(np.arange(self.n_pre, dtype=np.int32), self.out_degree)

    @property
    def out_degree(self) -> Int64[np.ndarray, " n_pre"]:
        """How many synapses leave each neuron."""
        return np.diff(self.starts)

    @property
    def in_degree(self) -> Int64[np.ndarray, " n_post"]:
        """How many synapses arrive at each neuron."""
        return np.bincount(self.post, minlength=self.n_post)

    def to_scipy(
        self, weights: Shaped[np.ndarray, " n_synapses"] | None = None
    ) -> scipy.sparse.csr_array:
        """A matrix [n_pre, n_post] of the weights, which are in the order of the edges, or of ones.

        Synapses from one neuron to the same other are entries of their own, which scipy adds up.
        """
        values = np.ones(self.n_synapses, np.int64) if weights is None else weights
        stored, shape = (values, self.post, self.starts), (self.n_pre, self.n_post)
        return scipy.sparse.csr_array(stored, shape=shape, copy=True)  # scipy adds up in place


class Pairs(NamedTuple):
    """The pairs of neurons that a rule may join: each row is a neuron and holds its partners.

    `without_self` leaves out the diagonal, so that rows have a place less.
    """

    rows: int
    partners: int
    without_self: bool

    @property
    def width(self) -> int:
        """Places in a row."""
        return self.partners - self.without_self

    def partner(self, row: Int[np.ndarray, "..."], place: np.ndarray) -> Int[np.ndarray, "..."]:
        """The partner at a place of a row, ascending with the place."""
        return place + (place >= row) if self.without_self else place
