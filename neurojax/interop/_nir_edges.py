"""Edges of a graph: some dissolved, cycles found and broken."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple


class Edge(NamedTuple):
    """What the target takes of the source: what that gave so many steps before."""

    source: str
    target: str
    steps: int = 0


def without(edges: list[Edge], name: str, steps: int = 0) -> list[Edge]:
    """The edges without a node that passes on what it takes, so many steps later.

    Raises `ValueError` where it takes what it gives.
    """
    into = [e for e in edges if e.target == name]
    out = [e for e in edges if e.source == name]
    if any(e.source == name for e in into):
        raise ValueError(f"node {name!r} is in a cycle of nodes that only pass on what they take.")
    through = [Edge(a.source, b.target, a.steps + steps + b.steps) for a in into for b in out]
    return [e for e in edges if name not in (e.source, e.target)] + through


def reaches(edges: Iterable[Edge], source: str, target: str) -> bool:
    """Whether there is a way, of no edge or more."""
    after = _after(edges)
    found, front = {source}, [source]
    while front:
        new = {e.target for e in after.get(front.pop(), ())} - found
        found |= new
        front += new
    return target in found


def broken(edges: list[Edge], inputs: Iterable[str], passes: Callable[[str], bool]) -> list[Edge]:
    """The edges, with a step added to those that close a cycle within a step, as seen from the
    inputs; behind nodes that only pass on, such as weights, before these: what comes late is then
    what a neuron gave."""
    edges = list(edges)
    for closing in _closing([e for e in edges if e.steps == 0], inputs):
        edge = closing
        while passes(edge.source) and edge.source != closing.target:
            into = [e for e in edges if e.target == edge.source]
            if len(into) != 1 or sum(e.source == edge.source for e in edges) != 1:
                break
            (edge,) = into
        edges[edges.index(edge)] = edge._replace(steps=1)
    return edges


def _closing(edges: list[Edge], inputs: Iterable[str]) -> list[Edge]:
    """The edges to a node that the search, depth first, is still within."""
    after = _after(edges)
    found: list[Edge] = []
    open_, done = set(), set()
    for root in (*inputs, *after):
        if root in done:
            continue
        open_.add(root)
        path: list[tuple[str, Iterator[Edge]]] = [(root, iter(after.get(root, ())))]
        while path:
            name, rest = path[-1]
            edge = next(rest, None)
            if edge is None:
                path.pop()
                open_.discard(name)
                done.add(name)
            elif edge.target in open_:
                found.append(edge)
            elif edge.target not in done:
                open_.add(edge.target)
                path.append((edge.target, iter(after.get(edge.target, ()))))
    return found


def _after(edges: Iterable[Edge]) -> dict[str, list[Edge]]:
    after: dict[str, list[Edge]] = {}
    for edge in edges:
        after.setdefault(edge.source, []).append(edge)
    return after
