"""The edges of an event-driven chain: their order, their weights, how messages meet these."""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from ...metrics import Connection, convolution, dense_connection
from .._chains import Dense
from .._hierarchy import Hierarchy
from .._parts import Edge


class Parts(NamedTuple):
    """An edge's module: functions, a layer of weights, functions."""

    before: Callable[[Array], Array]
    weights: Dense | eqx.nn.Linear | eqx.nn.Conv
    after: Callable[[Array], Array]

    def up(self, message: Array) -> Array:
        """The weights' response to a message, without the bias."""
        return jax.jvp(self.weights, (jnp.zeros_like(message),), (message,))[1]

    def down(self, message: Array, below: Array) -> Array:
        """The transposed weights' response to a message; `below` tells the receivers' shape."""
        return jax.vjp(self.weights, jnp.zeros_like(below))[1](message)[0]


def split(edge: Edge) -> Parts:
    """An edge's module in its parts; ValueError where it is not of this form."""
    module = edge.module
    layers = list(module.layers) if isinstance(module, eqx.nn.Sequential) else [module]
    kinds = (Dense, eqx.nn.Linear, eqx.nn.Conv)
    places = [n for n, layer in enumerate(layers) if isinstance(layer, kinds)]
    others = [layer for n, layer in enumerate(layers) if n not in places]
    if len(places) != 1 or any(eqx.is_array(x) for x in jax.tree.leaves(others)):
        raise ValueError(
            f"EventDriven: edge {edge.name}: the module must be one Dense, eqx.nn.Linear or "
            "eqx.nn.Conv, or an eqx.nn.Sequential of one with functions, got "
            f"{', '.join(type(layer).__name__ for layer in layers)}."
        )
    place = places[0]
    before, weights = layers[:place], cast(Dense | eqx.nn.Linear | eqx.nn.Conv, layers[place])
    if isinstance(weights, Dense):
        before = [*before, eqx.nn.Lambda(weights.activation)]
        weights = Dense(weights.weight, weights.bias)
    return Parts(eqx.nn.Sequential(before), weights, eqx.nn.Sequential(layers[place + 1 :]))


def in_order(hierarchy: Hierarchy) -> tuple[Edge, ...]:
    """The edges from the first node to the last; ValueError for anything but a chain."""
    stacks = [node.name for node in hierarchy.nodes if node.length is not None]
    if stacks:
        raise ValueError(f"EventDriven: node {stacks[0]!r} is a stack of layers.")
    for edge in hierarchy.edges:
        if len(edge.source) != 1 or edge.amortised:
            raise ValueError(
                f"EventDriven: edge {edge.name} must have one source and not be amortised."
            )
    by_source = {edge.source[0]: edge for edge in hierarchy.edges}
    targets = {edge.target for edge in hierarchy.edges}
    ordered = []
    at = next((name for name in hierarchy.by_name if name not in targets), None)
    while at in by_source and len(ordered) < len(hierarchy.edges):
        ordered.append(by_source[at])
        at = ordered[-1].target
    if (
        not ordered
        or len(ordered) != len(hierarchy.edges)
        or len(hierarchy.nodes) != len(ordered) + 1
    ):
        names = ", ".join(edge.name for edge in hierarchy.edges)
        raise ValueError(f"EventDriven: the hierarchy must be a chain, got edges {names}.")
    return tuple(ordered)


def connections_of(hierarchy: Hierarchy, edge: Edge) -> tuple[Connection, Connection]:
    """Of an edge's weights, as activities meet them and as errors do."""
    parts, node = split(edge), hierarchy.by_name[edge.target]
    energy = node.energy if edge.energy is None else edge.energy
    if len(energy.takes) != 1:
        raise ValueError(
            f"EventDriven: edge {edge.name}: energy {type(energy).__name__} takes several "
            f"predictions, {', '.join(energy.takes)}."
        )
    weights = parts.weights
    if not isinstance(weights, eqx.nn.Conv):
        return dense_connection(weights.weight), dense_connection(weights.weight.T)
    if weights.groups != 1 or set(weights.dilation) != {1} or weights.padding_mode != "ZEROS":
        raise ValueError(
            f"EventDriven: edge {edge.name}: the convolution must have one group, no dilation and "
            f"padding with zeros, got groups={weights.groups}, dilation={weights.dilation} and "
            f"padding_mode={weights.padding_mode!r}."
        )
    below = jax.ShapeDtypeStruct(hierarchy.by_name[edge.source[0]].shape, hierarchy.dtype)
    image = eqx.filter_eval_shape(parts.before, below).shape
    how: Any = {"stride": weights.stride, "padding": weights.padding}
    return (
        convolution(weights.weight, image, **how),
        convolution(weights.weight, image, transposed=True, **how),
    )
