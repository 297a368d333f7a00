"""Connectivity rules: which neurons of one population are joined to which of another."""

import abc
import math
from dataclasses import dataclass
from numbers import Real
from typing import Any, final

import numpy as np
from jaxtyping import Int32, Shaped

from ._edges import LARGEST_INT32, Edges, Pairs
from ._sampling import distinct, successes

# Synapses that are made at once, where a rule can go by blocks of rows.
BLOCK = 2**20


class Connectivity(abc.ABC):
    """A rule that makes the synapses between two populations: `edges`.

    A subclass owes `_edges`, which may take its sizes as checked.
    """

    def edges(
        self, n_pre: int, n_post: int, rng: np.random.Generator, *, within: bool = False
    ) -> Edges:
        """The synapses from a population of n_pre neurons to one of n_post.

        `within` says that they are one population: a rule with `self_connections=False` then joins
        no neuron to itself. Raises `ValueError` where the rule does not fit the sizes.
        """
        owner = type(self).__name__
        for name, size in (("n_pre", n_pre), ("n_post", n_post)):
            if not 1 <= natural(self, name, size) <= LARGEST_INT32:
                raise ValueError(f"{owner}: {name} must be from 1 to 2**31 - 1, got {size}.")
        if within and n_pre != n_post:
            raise ValueError(f"{owner}: within one population n_pre is n_post, got {n_pre, n_post}")
        return self._edges(n_pre, n_post, within, rng)

    @abc.abstractmethod
    def _edges(self, n_pre: int, n_post: int, within: bool, rng: np.random.Generator) -> Edges: ...

    @property
    def weights(self) -> Shaped[np.ndarray, " n_synapses"] | None:
        """The weights that the rule itself has, in the order of its edges; most have none."""
        return None

    def in_edge_order(self, values: np.ndarray) -> Shaped[np.ndarray, " n_synapses"]:
        """Values that a user gave for each synapse, in the order of the edges.

        They are in that order already, unless the user has listed the synapses in another.
        """
        return values


@final
@dataclass(frozen=True)
class AllToAll(Connectivity):
    """Every neuron to every other, and to itself unless `self_connections` is False."""

    self_connections: bool = True

    def _edges(self, n_pre: int, n_post: int, within: bool, rng: np.random.Generator) -> Edges:
        pairs = Pairs(n_pre, n_post, within and not self.self_connections)
        place = np.arange(pairs.width, dtype=np.int32)
        row = np.arange(n_pre, dtype=np.int32)[:, None]
        post = np.broadcast_to(pairs.partner(row, place), (n_pre, pairs.width)).reshape(-1)
        return Edges.from_rows(np.full(n_pre, pairs.width), post, n_post)


@final
@dataclass(frozen=True)
class OneToOne(Connectivity):
    """Each neuron to the one with its index, in a population of equal size."""

    def _edges(self, n_pre: int, n_post: int, within: bool, rng: np.random.Generator) -> Edges:
        if n_pre != n_post:
            raise ValueError(f"OneToOne: n_pre must equal n_post, got {n_pre} and {n_post}.")
        return Edges(np.arange(n_pre + 1), np.arange(n_pre, dtype=np.int32), n_post)


@final
@dataclass(frozen=True)
class FixedProbability(Connectivity):
    """Each pair independently with probability p, once at the most.

    Source: Gilbert 1959, Random graphs, Ann. Math. Stat. 30(4); NEST's `pairwise_bernoulli`.
    """

    p: float | int
    self_connections: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.p, Real):
            raise TypeError(f"FixedProbability: p must be a number, got {self.p!r}.")
        if not 0 <= self.p <= 1:
            raise ValueError(f"FixedProbability: p must be from 0 to 1, got {self.p}.")

    def _edges(self, n_pre: int, n_post: int, within: bool, rng: np.random.Generator) -> Edges:
        pairs, p = Pairs(n_pre, n_post, within and not self.self_connections), float(self.p)
        rows = math.ceil(BLOCK / max(pairs.width * p, 1))
        blocks = [
            _at(pairs, successes(len(block) * pairs.width, p, rng), block)
            for block in (range(at, min(at + rows, n_pre)) for at in range(0, n_pre, rows))
        ]
        counts, post = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
        return Edges.from_rows(counts, post, n_post)


class _Degree(Connectivity):
    """Rules by which each neuron has k partners; see `FixedOutDegree`."""

    k: int
    multiple: bool
    self_connections: bool

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", natural(self, "k", self.k))

    def _partners(
        self, own: int, others: int, within: bool, rng: np.random.Generator
    ) -> Int32[np.ndarray, "own k"]:
        """For each of its own neurons k of the others; ascending if they are all different."""
        pairs = Pairs(own, others, within and not self.self_connections)
        _refuse_too_many(self, "k", self.k, pairs.width, self.multiple)
        if self.multiple:
            place = rng.integers(max(pairs.width, 1), size=(own, self.k), dtype=np.int32)
        else:
            place = distinct(own, self.k, pairs.width, rng, np.int32)
        return pairs.partner(np.arange(own, dtype=np.int32)[:, None], place)


@final
@dataclass(frozen=True)
class FixedInDegree(_Degree):
    """Each neuron receives k synapses, from neurons that are drawn uniformly.

    With `multiple`, as in Brunel's network, a pair may be drawn more than once; without, each
    neuron receives from k different ones. Sources: Brunel 2000, J. Comput. Neurosci. 8, 183–208;
    NEST's `fixed_indegree` and `allow_multapses`.
    """

    k: int
    multiple: bool = True
    self_connections: bool = True

    def _edges(self, n_pre: int, n_post: int, within: bool, rng: np.random.Generator) -> Edges:
        return Edges.from_sources(self._partners(n_post, n_pre, within, rng), n_pre)


@final
@dataclass(frozen=True)
class FixedOutDegree(_Degree):
    """Each neuron sends k synapses, to neurons that are drawn uniformly; as `FixedInDegree`."""

    k: int
    multiple: bool = True
    self_connections: bool = True

    def _edges(self, n_pre: int, n_post: int, within: bool, rng: np.random.Generator) -> Edges:
        post = self._partners(n_pre, n_post, within, rng)
        if self.multiple:
            post.sort(axis=1)
        return Edges.from_rows(np.full(n_pre, self.k), post.reshape(-1), n_post)


@final
@dataclass(frozen=True)
class FixedNumber(Connectivity):
    """n synapses in all, each between a pair that is drawn uniformly.

    With `multiple` a pair may be drawn more than once; without, the n pairs are different.
    Source: NEST's `fixed_total_number`.
    """

    n: int
    multiple: bool = True
    self_connections: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", natural(self, "n", self.n))

    def _edges(self, n_pre: int, n_post: int, within: bool, rng: np.random.Generator) -> Edges:
        pairs = Pairs(n_pre, n_post, within and not self.self_connections)
        total = n_pre * pairs.width
        _refuse_too_many(self, "n", self.n, total, self.multiple)
        if self.multiple:
            drawn = np.sort(rng.integers(max(total, 1), size=self.n))
        else:
            drawn = distinct(1, self.n, total, rng, np.int64)[0]
        return Edges.from_rows(*_at(pairs, drawn, range(n_pre)), n_post)


def natural(owner: Connectivity, name: str, value: Any) -> int:
    """A whole number that is not negative. Raises `TypeError` and `ValueError`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{type(owner).__name__}: {name} must be a whole number, got {value!r}.")
    if value < 0:
        raise ValueError(f"{type(owner).__name__}: {name} must not be negative, got {value}.")
    return int(value)


def _refuse_too_many(owner: Any, name: str, value: int, there: int, multiple: bool) -> None:
    if value > there and not (multiple and there):
        raise ValueError(
            f"{type(owner).__name__}: {name} must be at most {there}, the number there is to draw "
            f"from with multiple={owner.multiple} and self_connections={owner.self_connections}, "
            f"got {value}."
        )


def _at(pairs: Pairs, positions: np.ndarray, block: range) -> tuple[np.ndarray, np.ndarray]:
    """How many of the positions in a block of rows, ascending, are in each row, and where."""
    counts = np.diff(np.searchsorted(positions, np.arange(len(block) + 1) * pairs.width))
    row, place = block.start + positions // pairs.width, positions % pairs.width
    return counts, pairs.partner(row, place).astype(np.int32)
