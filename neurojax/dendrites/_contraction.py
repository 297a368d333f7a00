"""Many nodes of a tree eliminated at once: what the loop over nodes is on a CPU, on a GPU."""

from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ._tree import Tree


class Round(NamedTuple):
    """Nodes with one or two edges, no two of them neighbours, that go at once.

    `sides` are the two neighbours of each and `edges` the edges to them, −1 in place of a second;
    an edge between the two takes the place of theirs: `joined` are the nodes that leave one, in the
    order in which these are numbered. `reached` are the neighbours, and `from_nodes` the places in
    `sides` (flattened; one past its end where there are no more) by which each is reached.
    """

    nodes: np.ndarray
    sides: np.ndarray
    edges: np.ndarray
    joined: np.ndarray
    reached: np.ndarray
    from_nodes: np.ndarray


@cache
def rounds_of(tree: Tree) -> list[Round]:
    """About log₂(nodes) rounds, after which the root alone is left."""
    edges = dict(enumerate(map(tuple, tree.ends.tolist())))
    at: dict[int, set[int]] = {node: set() for node in range(tree.nodes)}
    for edge, (a, b) in edges.items():
        at[a].add(edge)
        at[b].add(edge)
    rounds, fresh = [], len(edges)
    while len(at) > 1:
        found = _independent(at, edges, tree.root)
        sides, via = np.full((len(found), 2), -1), np.full((len(found), 2), -1)
        joined = []
        for k, node in enumerate(found):
            for j, edge in enumerate(sorted(at.pop(node))):
                a, b = edges.pop(edge)
                sides[k, j], via[k, j] = (b if a == node else a), edge
                at[int(sides[k, j])].discard(edge)
            if sides[k, 1] >= 0:
                edges[fresh] = (int(sides[k, 0]), int(sides[k, 1]))
                at[int(sides[k, 0])].add(fresh)
                at[int(sides[k, 1])].add(fresh)
                joined.append(k)
                fresh += 1
        rounds.append(Round(np.array(found), sides, via, np.array(joined, int), *_reached(sides)))
    return rounds


def _independent(
    at: dict[int, set[int]], edges: dict[int, tuple[int, ...]], root: int
) -> list[int]:
    """Nodes with one or two edges, leaves first, none beside another."""
    found, beside = [], set()
    for node in sorted(at, key=lambda node: len(at[node])):
        if len(at[node]) <= 2 and node != root and node not in beside:
            found.append(node)
            beside.update(end for edge in at[node] for end in edges[edge])
    return found


def _reached(sides: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    flat = sides.ravel()
    reached = np.unique(flat[flat >= 0])
    places = [np.flatnonzero(flat == node) for node in reached]
    table = np.full((len(reached), max(map(len, places))), len(flat))
    for row, place in zip(table, places, strict=True):
        row[: len(place)] = place
    return reached, table


def contracted(
    tree: Tree,
    diagonal: Float[Array, "node *shape"],
    axial: Float[Array, "edge *shape"],
    source: Float[Array, "node *shape"],
) -> Float[Array, "node *shape"]:
    """The solution x of `d x + Σ g (x − x') = source`, in rounds of nodes that do not touch.

    A node of excess e between conductances g and g' leaves an edge `g g'/t` with t = e + g + g',
    and to its neighbours the shares g/t and g'/t of its excess and its source: nothing is
    subtracted. Source: Miller & Reif 1985, Proc. 26th FOCS, 478–489, for leaves and chains.
    """
    excess, x, past = diagonal, source, []
    for each in rounds_of(tree):
        g = jnp.where(_column(each.edges >= 0, axial), axial[each.edges], 0)
        total = excess[each.nodes] + g[:, 0] + g[:, 1]
        share = g / total[:, None]
        past.append((each, share, x[each.nodes] / total))
        given = _summed(each, share * excess[each.nodes][:, None])
        excess = excess.at[each.reached].add(given, unique_indices=True)
        given = _summed(each, share * x[each.nodes][:, None])
        x = x.at[each.reached].add(given, unique_indices=True)
        axial = jnp.concatenate([axial, g[each.joined, 0] * share[each.joined, 1]])
    x = x.at[tree.root].divide(excess[tree.root])
    return _substituted(x, reversed(past))


def _substituted(x: Array, past: Iterable[tuple[Round, Array, Array]]) -> Array:
    for each, share, own in past:
        value = own + (share * x[each.sides]).sum(axis=1)
        x = x.at[each.nodes].set(value, unique_indices=True)
    return x


def _summed(each: Round, shares: Float[Array, "k 2 *shape"]) -> Array:
    """What each of the nodes reached is given."""
    flat = shares.reshape(-1, *shares.shape[2:])
    return jnp.concatenate([flat, jnp.zeros_like(flat[:1])])[each.from_nodes].sum(axis=1)


def _column(chosen: np.ndarray, x: Array) -> np.ndarray:
    return chosen.reshape(chosen.shape + (1,) * (x.ndim - 1))
