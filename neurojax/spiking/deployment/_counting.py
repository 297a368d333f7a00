"""What is counted of a network while it runs, and in which of its nodes."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from flax import nnx
from jaxtyping import Array, Int

from ...core import NORMALISATIONS, InState, System, name_of
from ...metrics import (
    CONNECTIONS,
    Connection,
    SynapticOperations,
    connection_of,
    membrane_updates,
    synaptic_operations,
)
from ..network import (
    OverTime,
    Previous,
    Shape,
    Source,
    SpikingNetwork,
    Values,
    name_of as name_of_source,
)
from ._conventional import has_weights, nature_of

PRELU = (eqx.nn.PReLU, nnx.PReLU)


class Countable(NamedTuple):
    """The nodes of a network of which something is counted.

    Of `connections` it is their operations, of `membranes` the updates of a potential v, of
    `activations` the zeros among what they give.
    """

    connections: dict[str, Connection]
    membranes: tuple[str, ...]
    activations: tuple[str, ...]


class Counts(NamedTuple):
    """What was counted in some samples, in each step of each or in all."""

    operations: dict[str, SynapticOperations]
    updates: dict[str, Int[Array, "samples time"]]
    zeros: dict[str, Int[Array, ""]]


def refuse_uncountable(graph: SpikingNetwork) -> None:
    """Raises `ValueError` for a node that has weights in a way that is not known."""
    known = (*CONNECTIONS, *NORMALISATIONS, *PRELU)
    for name, node in graph.nodes.items():
        module = node.module.layer if isinstance(node.module, InState) else node.module
        if isinstance(module, System):
            weights = getattr(module, "weights", getattr(module, "weight", 0.0))
            hidden = np.ndim(weights) > 1
        else:
            hidden = has_weights(module) and not isinstance(module, known)
        if hidden:
            raise ValueError(
                f"measure: node {name!r}, {name_of(module)}, has weights whose operations cannot "
                "be counted: make them Linear or Conv layers in nodes of their own."
            )


def membranes(graph: SpikingNetwork) -> tuple[str, ...]:
    """Nodes whose state has a potential v that can be recorded."""
    return tuple(
        name
        for name, node in graph.nodes.items()
        if isinstance(node.module, System)
        and not isinstance(node.module, OverTime)
        and "v" in getattr(node.module.initial_state(jr.key(0)), "_fields", ())
    )


def countable(graph: SpikingNetwork, given: Mapping[str, Shape]) -> Countable:
    """What can be counted, where nodes and inputs give samples of these shapes in a step."""
    connections, activations = {}, []
    for name, node in graph.nodes.items():
        taken = given[name_of_source(node.sources[0])]
        if isinstance(node.module, CONNECTIONS):
            connections[name] = connection_of(node.module, taken.shape)
        elif _is_activation(node.module, [taken] * len(node.sources), given[name]):
            activations.append(name)
    return Countable(connections, membranes(graph), tuple(activations))


def _is_activation(module: Any, taken: list[Shape], given: Shape) -> bool:
    """Whether a node is of neurons that spike, or a nonlinear function of each element."""
    if isinstance(module, System):
        return hasattr(module, "surrogate")
    if isinstance(module, PRELU):
        return True
    if has_weights(module) or isinstance(module, (eqx.nn.Dropout, nnx.Dropout, *NORMALISATIONS)):
        return False
    (first, *others) = taken
    if others or first.shape != given.shape:
        return False
    return nature_of(module, first) in ("relu", "nonlinear")


def counts(graph: SpikingNetwork, what: Countable, seen: Values) -> Counts:
    """From all that nodes and inputs gave, `seen[name]` [time, samples, ...], and the potentials
    `seen["name.v"]`."""
    return Counts(
        operations={
            name: synaptic_operations(connection, _taken(graph.nodes[name].sources[0], seen))
            for name, connection in what.connections.items()
        },
        updates={name: _updates(seen[f"{name}.v"]) for name in what.membranes},
        zeros={name: jnp.sum(seen[name] == 0) for name in what.activations},
    )


def _taken(source: Source, seen: Values) -> Array:
    """What a source gave in each step, or so many steps before."""
    if not isinstance(source, Previous):
        return seen[source]
    x = seen[source.name]
    return jnp.concatenate([jnp.zeros_like(x[: source.steps]), x])[: len(x)]


def _updates(v: Array) -> Int[Array, "samples time"]:
    """Of potentials [time, samples, ...] after each step; all change in the first."""
    after = jnp.moveaxis(v, 0, 1)
    before = jnp.concatenate([after[:, :1], after[:, :-1]], axis=1)
    return membrane_updates(before, after)
