"""Connectivity that is given synapse by synapse, and what may stand for a rule."""

from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import scipy.sparse
from jaxtyping import Int32, Int64, Shaped

from ._by_pair import Pairwise
from ._connectivity import Connectivity
from ._edges import LARGEST_INT32, Edges


@final
@dataclass(frozen=True, eq=False)
class FromMatrix(Connectivity):
    """A synapse from i to j for each entry [i, j] that a scipy sparse matrix stores, zeros too, or
    that is True in a dense array of booleans.

    Entries of a sparse matrix that are not booleans are the `weights`; those that it stores twice
    are added up, as scipy does. Raises `ValueError` for other sizes and for weights that are NaN.
    """

    matrix: Any

    def __post_init__(self) -> None:
        sparse = scipy.sparse.issparse(self.matrix)
        given = self.matrix if sparse else np.asarray(self.matrix)
        if not sparse and given.dtype != bool:
            raise TypeError(
                "FromMatrix: matrix must be a scipy sparse matrix or a dense array of booleans, "
                f"got {type(self.matrix).__name__} of {given.dtype}; "
                "scipy.sparse.csr_array(matrix) takes the entries of a dense one as weights."
            )
        if given.ndim != 2 or given.dtype.kind not in "biuf":
            raise ValueError(
                "FromMatrix: matrix must have real numbers and two dimensions, "
                f"got {given.dtype} of shape {given.shape}."
            )
        matrix = scipy.sparse.csr_array(given, copy=True)
        matrix.sum_duplicates()
        if np.isnan(matrix.data).any():
            raise ValueError("FromMatrix: matrix must have no NaN, got one.")
        object.__setattr__(self, "matrix", matrix)

    def _edges(self, n_pre: int, n_post: int, within: bool, rng: np.random.Generator) -> Edges:
        if self.matrix.shape != (n_pre, n_post):
            raise ValueError(
                f"FromMatrix: matrix must be of shape [n_pre, n_post], {n_pre, n_post}, "
                f"got {self.matrix.shape}."
            )
        starts, post = self.matrix.indptr, self.matrix.indices
        return Edges(starts.astype(np.int64), post.astype(np.int32), n_post)

    @property
    def weights(self) -> Shaped[np.ndarray, " n_synapses"] | None:
        return None if self.matrix.dtype == bool else self.matrix.data


@final
@dataclass(frozen=True, eq=False)
class FromEdges(Connectivity):
    """A synapse from `pre[s]` to `post[s]` for each s, in any order; a pair may come repeatedly.

    The edges are `pre[order]`, `post[order]`; `in_edge_order` puts what was given for each synapse
    in their order. Raises `ValueError` for indices that are no neuron's.
    """

    pre: Any
    post: Any
    order: Int64[np.ndarray, " n_synapses"] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        pre, post = _indices("pre", self.pre), _indices("post", self.post)
        if len(pre) != len(post):
            raise ValueError(
                f"FromEdges: pre and post must be as many, got {len(pre)} and {len(post)}."
            )
        place = pre.astype(np.int64) * (int(post.max(initial=0)) + 1) + post
        object.__setattr__(self, "pre", pre)
        object.__setattr__(self, "post", post)
        object.__setattr__(self, "order", np.argsort(place, kind="stable"))

    def _edges(self, n_pre: int, n_post: int, within: bool, rng: np.random.Generator) -> Edges:
        for name, index, size in (("pre", self.pre, n_pre), ("post", self.post, n_post)):
            if index.max(initial=0) >= size:
                raise ValueError(
                    f"FromEdges: {name} must be from 0 to {size - 1}, got {index.max()}."
                )
        counts = np.bincount(self.pre, minlength=n_pre)
        return Edges.from_rows(counts, self.post[self.order], n_post)

    def in_edge_order(self, values: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, " n_synapses"]:
        values = np.asarray(values)
        if values.shape != self.order.shape:
            raise ValueError(
                f"FromEdges: values must be one for each of the {len(self.order)} synapses, "
                f"got shape {values.shape}."
            )
        return values[self.order]


def as_connectivity(x: Any) -> Connectivity:
    """The rule that x stands for.

    A rule is itself; a scipy sparse matrix or a dense array of booleans is `FromMatrix`, a pair
    (pre, post) of index arrays `FromEdges`, a function of (i, j) `Pairwise`. Raises `TypeError`.
    """
    if isinstance(x, Connectivity):
        return x
    if scipy.sparse.issparse(x) or isinstance(x, np.ndarray):
        return FromMatrix(x)
    if isinstance(x, tuple) and len(x) == 2:
        return FromEdges(*x)
    if callable(x) and not isinstance(x, type):
        return Pairwise(x)
    raise TypeError(
        "connectivity must be a rule such as FixedProbability(0.1), a scipy sparse matrix, an "
        f"array of booleans, a pair (pre, post) of indices or a function of (i, j), got {x!r}."
    )


def _indices(name: str, given: Any) -> Int32[np.ndarray, " n_synapses"]:
    """Indices as an array of our own."""
    index = np.asarray(given)
    if index.ndim != 1:
        raise ValueError(f"FromEdges: {name} must have one dimension, got shape {index.shape}.")
    if index.size and index.dtype.kind not in "iu":
        raise TypeError(f"FromEdges: {name} must be whole numbers, got {index.dtype}.")
    wrong = (index < 0) | (index > LARGEST_INT32)
    if wrong.any():
        raise ValueError(f"FromEdges: {name} must be from 0 to 2**31 - 1, got {index[wrong][0]}.")
    return np.array(index, np.int32)
