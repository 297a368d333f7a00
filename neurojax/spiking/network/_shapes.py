"""The shapes of what the nodes of a network take and give, of one sample in one step."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.random as jr
from jaxtyping import Array

from ...core import System, first_line
from ._loop import draws
from ._network import SpikingNetwork, name_of
from ._system_node import Shape, SystemNode


class Shapes(NamedTuple):
    """What each node and input gives, and the Systems, which know theirs."""

    given: dict[str, Shape]
    systems: dict[str, SystemNode]


def shapes_of(network: SpikingNetwork, inputs: Mapping[str, Array], dt: float) -> Shapes:
    """Found by going through the graph without computing; a System in a cycle takes the shape of
    those of its sources that are known.

    Raises `ValueError` naming the node that refuses its input, or whose sources differ.
    """
    given = {name: Shape(x.shape[2:], x.dtype) for name, x in inputs.items()}
    systems: dict[str, SystemNode] = {}
    waiting = dict(network.nodes)
    while waiting:
        found = {}
        for name, node in waiting.items():
            known = [given[source] for source in map(name_of, node.sources) if source in given]
            if isinstance(node.module, System) and known:
                systems[name] = SystemNode.of(name, node.module, known[0], dt)
                found[name] = systems[name].given
            elif len(known) == len(node.sources):
                found[name] = _given(name, node.module, known)
        if not found:
            raise ValueError(
                f"spiking.run: the shapes of {', '.join(waiting)} depend on each other: let a "
                "neuron in their cycle have a source outside of it."
            )
        given |= found
        for name in found:
            del waiting[name]
    for name in systems:
        sources = [given[name_of(source)] for source in network.nodes[name].sources]
        if len({x.shape for x in sources}) > 1:
            raise ValueError(
                f"spiking.run: node {name!r} sums sources of different shapes, "
                f"{', '.join(str(x.shape) for x in sources)}."
            )
    return Shapes(given, systems)


def _given(name: str, module: Any, known: list[Shape]) -> Shape:
    """What a module of one sample in one step gives."""
    try:
        key = {"key": jr.key(0)} if draws(module) else {}
        return jax.eval_shape(lambda *x: module(*x, **key), *known)
    except Exception as error:
        shapes = ", ".join(str(x.shape) for x in known)
        kind = getattr(module, "__name__", type(module).__name__)
        raise ValueError(
            f"spiking.run: node {name!r}, {kind}, refuses input of shape {shapes}: "
            f"{first_line(error)}"
        ) from error
