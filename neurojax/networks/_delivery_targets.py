"""The device's form of a connectivity: who a neuron's spikes go to, in rows of a common width."""

from typing import NamedTuple, final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ._edges import Edges

# Rows are as long as the longest up to this ratio of longest to mean; beyond, they are split.
EVEN_RATIO = 1.5
# Of split rows, this part of the slots may be empty.
PADDING = 0.25
# At this density adding a dense row is as fast as adding its synapses one by one (a row of 4,096:
# 1.2 µs and 1.4 to 3.3 ns a synapse), and it can be a product where many spike.
DENSE_DENSITY, DENSE_SLOTS = 0.2, 2**25
# A sum over a longer row would be no native code (core/_native.py).
WIDEST = 2**12 - 1
# Slots are counted in int32 on the device.
LARGEST = 2**31 - 1


class Layout(NamedTuple):
    """What is known of the rows before anything runs.

    `split`: neuron i has the rows from `starts[i]` to `starts[i + 1]`; else it has row i.
    `aligned`: there are n_post slots, and the slot of a synapse is the neuron that it goes to.
    `full`: no slot is empty.
    """

    n_pre: int
    n_post: int
    split: bool
    aligned: bool
    full: bool


@final
class Targets(eqx.Module):
    """To which neurons the spikes of each go: 4 bytes a synapse where all make equally many.

    `index` holds, row by row, the neurons that synapses go to, in the order of the edges; empty
    slots hold n_post. From a density of 0.2, the rows are those of the dense matrix, with the
    connections that are missing as empty slots. Arrays of weights are laid out alike
    (`laid_out`, `in_order`).
    """

    index: Int[Array, "rows width"]
    starts: Int[Array, " bounds"]
    layout: Layout = eqx.field(static=True)
    n_synapses: int = eqx.field(static=True)

    @classmethod
    def of(cls, edges: Edges) -> "Targets":
        """The targets of edges; made on the host.

        Raises `ValueError` where `edges.starts` or `edges.post` are out of range, and for more
        than 2³¹ − 1 synapses (or slots): they are counted in int32.
        """
        _check(edges)
        degree = np.diff(edges.starts)
        aligned = _is_dense(edges)
        split = not aligned and not _is_even(degree)
        width = edges.n_post if aligned else _width(degree)
        rows = -(-degree // max(width, 1)) if split else np.ones_like(degree)
        starts = np.concatenate([[0], np.cumsum(rows, dtype=np.int64)])
        _refuse_many("slots (rows times width)", int(starts[-1]) * width)
        index = np.full(int(starts[-1]) * width, edges.n_post, np.int32)
        index[_slots(edges, starts[:-1] * width, aligned)] = edges.post
        return cls(
            jnp.asarray(index.reshape(-1, width) if width else index.reshape(len(degree), 0)),
            jnp.asarray(starts, jnp.int32),
            Layout(len(degree), int(edges.n_post), split, aligned, len(index) == len(edges.post)),
            len(edges.post),
        )

    @property
    def n_pre(self) -> int:
        """The number of neurons that spikes come from."""
        return self.layout.n_pre

    @property
    def n_post(self) -> int:
        """The number of neurons that they go to."""
        return self.layout.n_post

    @property
    def shape(self) -> tuple[int, int]:
        """That of an array of weights: rows, width."""
        rows, width = self.index.shape
        return rows, width

    def laid_out(self, weights: Float[Array, " n_synapses"]) -> Float[Array, "rows width"]:
        """Weights in the order of the edges, as rows, with zeros in the empty slots."""
        self._check_length(weights)
        if self.layout.full:
            return weights.reshape(self.shape)
        filled = (self.index < self.n_post).reshape(-1)
        order = jnp.maximum(jnp.cumsum(filled, dtype=jnp.int32) - 1, 0)
        if not self.n_synapses:
            return jnp.zeros(self.shape, weights.dtype)
        return jnp.where(filled, weights[order], 0).reshape(self.shape)

    def in_order(self, laid: Float[Array, "rows width"]) -> Float[Array, " n_synapses"]:
        """Weights that are laid out in rows, in the order of the edges."""
        if laid.shape != self.shape:
            raise ValueError(f"in_order: laid must be of shape {self.shape}, got {laid.shape}.")
        if self.layout.full:
            return laid.reshape(-1)
        filled = (self.index < self.n_post).reshape(-1)
        return laid.reshape(-1)[jnp.flatnonzero(filled, size=self.n_synapses)]

    def dense(
        self, weights: Float[Array, "rows width"] | Float[Array, ""]
    ) -> Float[Array, "n_pre n_post"]:
        """The matrix of weights from each neuron to each; several synapses from one to another
        add up."""
        return dense(weights, self.index, self.starts, self.layout)

    def _check_length(self, weights: Array) -> None:
        if weights.shape != (self.n_synapses,):
            raise ValueError(
                f"laid_out: weights must be one per synapse, of shape ({self.n_synapses},), got "
                f"{weights.shape}."
            )


def dense(weights: Array, index: Array, starts: Array, layout: Layout) -> Array:
    """The matrix of weights, [n_pre, n_post], of rows or of one weight for all."""
    if layout.aligned and layout.full:
        return jnp.broadcast_to(weights, index.shape)
    if layout.aligned:
        return jnp.where(index < layout.n_post, weights, 0)
    none = jnp.zeros((layout.n_pre, layout.n_post + 1), weights.dtype)
    pre = source_of_rows(index, starts, layout)[:, None]
    return none.at[jnp.broadcast_to(pre, index.shape), index].add(weights)[:, :-1]


def source_of_rows(index: Array, starts: Array, layout: Layout) -> Int[Array, " rows"]:
    """The neuron that each row is of."""
    neurons = jnp.arange(layout.n_pre, dtype=jnp.int32)
    if not layout.split:
        return neurons
    return jnp.repeat(neurons, jnp.diff(starts), total_repeat_length=index.shape[0])


def _check(edges: Edges) -> None:
    starts, post = edges.starts, edges.post
    _refuse_many("synapses", len(post))
    if starts[0] != 0 or starts[-1] != len(post) or np.any(np.diff(starts) < 0):
        raise ValueError(
            f"Targets.of: edges.starts must ascend from 0 to the number of synapses, {len(post)}, "
            f"got {np.array2string(starts, threshold=6, edgeitems=2)}."
        )
    if len(post) and not (post.min() >= 0 and post.max() < edges.n_post):
        raise ValueError(
            f"Targets.of: edges.post must be from 0 to n_post - 1 = {edges.n_post - 1}, got values "
            f"from {post.min()} to {post.max()}."
        )


def _refuse_many(what: str, count: int) -> None:
    if count > LARGEST:
        raise ValueError(
            f"Targets.of: edges must have at most 2**31 - 1 {what}, got {count}: deliver them in "
            "several projections."
        )


def _is_dense(edges: Edges) -> bool:
    """Whether the rows are those of the dense matrix: many connections, none of them twice, in
    ascending order."""
    slots = edges.n_pre * edges.n_post
    if slots > DENSE_SLOTS or edges.n_post > WIDEST:
        return False
    if not len(edges.post) or len(edges.post) < DENSE_DENSITY * slots:
        return False
    ascends = np.diff(edges.post) > 0
    first = edges.starts[1:-1]
    ascends[first[(first > 0) & (first < len(edges.post))] - 1] = True
    return bool(ascends.all())


def _is_even(degree: np.ndarray) -> bool:
    """Whether one row for each neuron leaves few slots empty, and is not too wide."""
    longest = degree.max(initial=0)
    return bool(longest <= WIDEST and longest * len(degree) <= EVEN_RATIO * degree.sum())


def _width(degree: np.ndarray) -> int:
    """The length of the rows: the longest's where they are even, or else the greatest that leaves
    few slots empty."""
    longest, total = int(degree.max(initial=0)), int(degree.sum())
    if _is_even(degree):
        return longest
    degrees, count = np.unique(degree, return_counts=True)
    parts = 2.0 ** np.arange(0, np.log2(longest) + 0.25, 0.25)
    return next(
        int(width)
        for width in np.ceil(longest / parts).astype(np.int64)
        if width <= WIDEST and np.sum(count * -(-degrees // width)) * width * (1 - PADDING) <= total
    )


def _slots(edges: Edges, first: np.ndarray, aligned: bool) -> np.ndarray:
    """The slot of each synapse: those of a neuron follow each other from its first."""
    degree = np.diff(edges.starts)
    offset = (
        edges.post if aligned else np.arange(len(edges.post)) - np.repeat(edges.starts[:-1], degree)
    )
    return np.repeat(first, degree) + offset
