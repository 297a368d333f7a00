"""Scaling by which deep hierarchies train, and with one learning rate at every width and depth."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, PRNGKeyArray

from ._hierarchy import Hierarchy
from ._parts import Edge


def mupc(hierarchy: Hierarchy, key: PRNGKeyArray) -> Hierarchy:
    """The hierarchy with unit-normal weights, zero biases, and each edge's scale from the graph:
    `1/√N` with N the inputs of a unit, `1/√(N L)` for the branches beside a skip, `1/N` into a node
    that predicts nothing.

    L is the largest number of branches that are added to skips on any way through the graph, each
    layer of a stack being one. A skip is an edge without weights into the same prediction.

    Raises `ValueError` for an edge with more than one array of weights (of two axes or more), whose
    inputs cannot be told, naming it.
    Source: Innocenti et al. 2025, μPC: scaling predictive coding to 100+ layer networks, table 1.
    """
    depth = residual_depth(hierarchy)
    sources = {name for edge in hierarchy.edges for name in edge.source}
    edges = []
    for number, edge in enumerate(hierarchy.edges):
        inputs = _inputs_of_a_unit(hierarchy, edge)
        if inputs is None:
            edges.append(edge)
            continue
        if edge.target not in sources:
            scale = 1 / inputs
        elif _has_skip(hierarchy, edge):
            scale = 1 / math.sqrt(inputs * depth)
        else:
            scale = 1 / math.sqrt(inputs)
        module = _drawn(edge.module, jr.fold_in(key, number), _bias_axes(hierarchy, edge))
        edges.append(Edge(edge.source, edge.target, module, edge.energy, scale, edge.amortised))
    return Hierarchy(hierarchy.nodes, edges, hierarchy.origin)


def residual_depth(hierarchy: Hierarchy) -> int:
    """The largest number of branches added to skips on any way through the graph."""
    added = {
        name: (node.length or 1)
        * any(edge.target == name and _has_skip(hierarchy, edge) for edge in _weighted(hierarchy))
        for name, node in hierarchy.by_name.items()
    }

    def from_here(name: str, passed: frozenset[str]) -> int:
        above = {e.target for e in hierarchy.edges if name in e.source} - passed
        beyond = [from_here(n, passed | {n}) for n in above]
        return added[name] + max(beyond, default=0)

    return max(from_here(name, frozenset({name})) for name in hierarchy.by_name)


def _weighted(hierarchy: Hierarchy) -> list[Edge]:
    return [e for e in hierarchy.edges if _inputs_of_a_unit(hierarchy, e) is not None]


def _has_skip(hierarchy: Hierarchy, edge: Edge) -> bool:
    """Whether an edge without weights adds to the same prediction."""
    return edge.energy is None and any(
        other.target == edge.target
        and other.energy is None
        and other.amortised == edge.amortised
        and other.source
        and _inputs_of_a_unit(hierarchy, other) is None
        for other in hierarchy.edges
    )


def _bias_axes(hierarchy: Hierarchy, edge: Edge) -> int:
    """Axes of arrays that belong to layers."""
    return int(hierarchy.by_name[edge.target].length is not None)


def _inputs_of_a_unit(hierarchy: Hierarchy, edge: Edge) -> int | None:
    layers = _bias_axes(hierarchy, edge)
    weights = [x.shape[layers:] for x in _arrays(edge.module) if _is_weight(x, layers)]
    if len(weights) > 1:
        raise ValueError(
            f"mupc: edge {edge.name} has {len(weights)} arrays of weights; give each an edge."
        )
    return math.prod(weights[0][1:]) if weights else None


def _drawn(module: Any, key: PRNGKeyArray, layers: int) -> Any:
    def drawn(x: Array) -> Array:
        return jr.normal(key, x.shape, x.dtype) if _is_weight(x, layers) else jnp.zeros_like(x)

    arrays, rest = eqx.partition(module, eqx.is_inexact_array)
    return eqx.combine(jax.tree.map(drawn, arrays), rest)


def _is_weight(x: Array, layers: int) -> bool:
    """Weights are [out, in, ...]; a convolution's bias, [out, 1, 1], is none."""
    return x.ndim - layers > 1 and math.prod(x.shape[layers + 1 :]) > 1


def _arrays(module: Any) -> list[Array]:
    return jax.tree.leaves(eqx.filter(module, eqx.is_inexact_array))
