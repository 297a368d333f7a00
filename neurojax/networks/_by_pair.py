"""Connectivity rules that ask about each pair of neurons: by index, and by distance."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from jaxtyping import Bool

from ._connectivity import Connectivity
from ._edges import Edges

# Pairs that a function is asked about at once.
BLOCK = 2**20


@final
@dataclass(frozen=True, eq=False)
class Pairwise(Connectivity):
    """By a function of the indices i of the neuron before and j of the one after the synapse.

    `function(i, j)` gives booleans, which pairs are joined, or the probability of each pair. It is
    asked in blocks of rows, with i of shape [rows, 1] and j of [1, n_post], and what it gives must
    broadcast to [rows, n_post]. Raises `ValueError` for what is no probability.
    """

    function: Callable[[Any, Any], Any]

    def __post_init__(self) -> None:
        _refuse_uncallable(self, "function", self.function)

    def _edges(self, n_pre: int, n_post: int, within: bool, rng: np.random.Generator) -> Edges:
        return _chosen("Pairwise: function(i, j)", self.function, n_pre, n_post, False, rng)


@final
@dataclass(frozen=True, eq=False)
class DistanceDependent(Connectivity):
    """Each pair independently, with a probability that depends on the distance.

    `probability` takes distances (µm, an array [rows, n_post]) and gives probabilities of that
    shape, or booleans. Positions are arrays [n_pre, d] and [n_post, d] in µm. In a periodic `box`
    (µm, one size or d) the distance is that to the nearest image. Raises `ValueError` for positions
    of other numbers and shapes and for what is no probability.
    """

    probability: Callable[[Any], Any]
    pre_positions: Any
    post_positions: Any
    box: Any = None
    self_connections: bool = True

    def __post_init__(self) -> None:
        _refuse_uncallable(self, "probability", self.probability)
        for name in ("pre_positions", "post_positions"):
            positions = np.array(getattr(self, name), np.float64)
            if positions.ndim != 2 or not np.isfinite(positions).all():
                raise ValueError(
                    f"DistanceDependent: {name} must be finite numbers of shape [n, d], "
                    f"got shape {positions.shape}: {positions}."
                )
            object.__setattr__(self, name, positions)
        before, after = self.pre_positions.shape[1], self.post_positions.shape[1]
        if before != after:
            raise ValueError(
                "DistanceDependent: pre_positions and post_positions must have as many "
                f"dimensions, got {before} and {after}."
            )
        if self.box is not None:
            box = np.array(self.box, np.float64)
            if box.shape not in ((), (1,), (before,)) or not ((box > 0) & np.isfinite(box)).all():
                raise ValueError(
                    f"DistanceDependent: box must be one positive size or {before}, got {self.box}."
                )
            object.__setattr__(self, "box", np.broadcast_to(box, (before,)))

    def _edges(self, n_pre: int, n_post: int, within: bool, rng: np.random.Generator) -> Edges:
        for name, size in (("pre", n_pre), ("post", n_post)):
            there = len(getattr(self, f"{name}_positions"))
            if there != size:
                raise ValueError(
                    f"DistanceDependent: {name}_positions must be as many as the neurons, {size}, "
                    f"got {there}."
                )
        without_self = within and not self.self_connections
        called = "DistanceDependent: probability(distance)"
        return _chosen(called, self._of_pairs, n_pre, n_post, without_self, rng)

    def _of_pairs(self, i: np.ndarray, j: np.ndarray) -> Any:
        """The distance is summed over dimensions one by one, to hold no array with all of them."""
        squared = np.zeros(np.broadcast_shapes(i.shape, j.shape))
        for axis in range(self.pre_positions.shape[1]):
            along = self.pre_positions[i, axis] - self.post_positions[j, axis]
            if self.box is not None:
                along -= self.box[axis] * np.rint(along / self.box[axis])
            squared += along**2
        return self.probability(np.sqrt(squared))


def _refuse_uncallable(owner: Connectivity, name: str, value: Any) -> None:
    if not callable(value):
        raise TypeError(f"{type(owner).__name__}: {name} must be callable, got {value!r}.")


def _chosen(
    called: str,
    function: Callable[[Any, Any], Any],
    n_pre: int,
    n_post: int,
    without_self: bool,
    rng: np.random.Generator,
) -> Edges:
    """The pairs that a function wants, asked in blocks of rows."""
    rows, j = max(1, BLOCK // n_post), np.arange(n_post)[None]
    counts, post = [], []
    for first in range(0, n_pre, rows):
        i = np.arange(first, min(first + rows, n_pre))[:, None]
        kept = _kept(called, function(i, j), (len(i), n_post), rng)
        if without_self:
            kept[i - first, i] = False
        counts.append(np.count_nonzero(kept, axis=1))
        post.append(np.nonzero(kept)[1].astype(np.int32))
    return Edges.from_rows(np.concatenate(counts), np.concatenate(post), n_post)


def _kept(
    called: str, answer: Any, shape: tuple[int, int], rng: np.random.Generator
) -> Bool[np.ndarray, "rows n_post"]:
    """Which pairs of a block are joined, by what the function said about them."""
    answer = np.asarray(answer)
    try:
        answer = np.broadcast_to(answer, shape)
    except ValueError:
        raise ValueError(
            f"{called} must broadcast to [rows, n_post], {shape} here, got {answer.shape}."
        ) from None
    if answer.dtype.kind == "b":
        return answer.copy()
    if answer.dtype.kind not in "iuf":
        raise TypeError(f"{called} must be booleans or probabilities, got {answer.dtype}.")
    wrong = ~((answer >= 0) & (answer <= 1))
    if wrong.any():
        raise ValueError(f"{called} must be from 0 to 1, got {answer[wrong][0]}.")
    return rng.random(shape) < answer
