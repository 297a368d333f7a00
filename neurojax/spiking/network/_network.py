"""What a deep spiking network is made of: modules, neurons among them, and who feeds whom."""

from collections.abc import Mapping
from typing import Any, NamedTuple, final

import equinox as eqx

from ...core import System


class Previous(NamedTuple):
    """What a node gave `steps` steps ago (zeros before the first)."""

    name: str
    steps: int = 1


Source = str | Previous


@final
class Node(eqx.Module):
    """A module and the nodes or inputs it takes, by name.

    The module is a System (neurons, a leaky integrator, a delay), which flows from step to step, or
    any Equinox or flax module or function of one sample in one step. What several sources give is
    summed for a System and handed over one by one to any other module. A System of shape () stands
    for each element of what it takes, one of another shape for each sample.

    A System takes its input as its drive, and gives spikes, or its output where it has no jump;
    those that are `synaptic` or only jump take it as arriving spikes.
    """

    module: Any
    sources: tuple[Source, ...] = eqx.field(static=True)

    def __init__(self, module: Any, *sources: Source) -> None:
        if not callable(module) and not isinstance(module, System | SpikingNetwork):
            raise TypeError(f"Node: module must be a System or callable, got {module!r}.")
        for source in sources:
            if isinstance(source, Previous) and source.steps < 1:
                raise ValueError(f"Node: Previous({source.name!r}) needs steps ≥ 1, got {source}.")
        self.module = module
        self.sources = sources


def name_of(source: Source) -> str:
    """The node or input that a source is of."""
    return source.name if isinstance(source, Previous) else source


@final
class SpikingNetwork(eqx.Module):
    """A graph of modules, run over time by `spiking.run`.

    - `nodes`: name → `Node`. A node whose module is a SpikingNetwork is replaced by the nodes of
      that, named `"node.inner"`, its inputs by the sources in turn.
    - `output`: the node whose values are the network's.
    - `inputs`: the names by which nodes refer to what comes from outside.

    Within a step each node takes what its sources give in the same step, so that cycles need a
    `Previous`. Raises `ValueError` for names that are unknown and for cycles without one.
    """

    nodes: dict[str, Node]
    output: str = eqx.field(static=True)
    inputs: tuple[str, ...] = eqx.field(static=True)

    def __init__(
        self,
        nodes: Mapping[str, Node],
        output: str,
        inputs: tuple[str, ...] = ("input",),
    ) -> None:
        self.nodes, renamed = _flat(nodes)
        self.output = renamed.get(output, output)
        self.inputs = tuple(inputs)
        known = [*self.inputs, *self.nodes]
        if self.output not in self.nodes:
            raise ValueError(
                f"SpikingNetwork: output {output!r} is none of {', '.join(self.nodes)}."
            )
        for name, node in self.nodes.items():
            if name in self.inputs:
                raise ValueError(f"SpikingNetwork: {name!r} names both a node and an input.")
            for source in map(name_of, node.sources):
                if source not in known:
                    raise ValueError(
                        f"SpikingNetwork: node {name!r} has an unknown source {source!r}; "
                        f"known are {', '.join(known)}."
                    )
            if not node.sources:
                raise ValueError(f"SpikingNetwork: node {name!r} has no source.")
        order_in_step(self)


def sequential(*modules: Any) -> SpikingNetwork:
    """Modules one after the other, named by their place and class: `"0.Linear"`, `"1.LIF"`."""
    if not modules:
        raise ValueError("sequential needs at least one module.")
    nodes, last = {}, "input"
    for place, module in enumerate(modules):
        name = f"{place}.{getattr(module, '__name__', type(module).__name__)}"
        nodes[name] = Node(module, last)
        last = name
    return SpikingNetwork(nodes, last)


def order_in_step(network: SpikingNetwork) -> list[str]:
    """The nodes in an order in which each comes after what it takes of the same step."""
    order: list[str] = []
    waiting = dict(network.nodes)
    while waiting:
        ready = [
            name
            for name, node in waiting.items()
            if not any(source in waiting for source in node.sources)
        ]
        if not ready:
            raise ValueError(
                f"SpikingNetwork: {', '.join(waiting)} are in a cycle or behind one, in which no "
                "source is a Previous(...)."
            )
        order += ready
        for name in ready:
            del waiting[name]
    return order


def reaches(network: SpikingNetwork) -> dict[str, set[str]]:
    """For each node, the nodes that it reaches, itself only through a cycle."""
    after: dict[str, list[str]] = {name: [] for name in network.nodes}
    for name, node in network.nodes.items():
        for source in map(name_of, node.sources):
            if source in after:
                after[source].append(name)
    reached = {}
    for name in network.nodes:
        found: set[str] = set()
        front = after[name]
        while front:
            found.update(front)
            front = [n for m in front for n in after[m] if n not in found]
        reached[name] = found
    return reached


def _flat(nodes: Mapping[str, Node]) -> tuple[dict[str, Node], dict[str, str]]:
    """The nodes with networks among them replaced by theirs, and what names of these became."""
    renamed = {
        name: f"{name}.{node.module.output}"
        for name, node in nodes.items()
        if isinstance(node.module, SpikingNetwork)
    }
    flat: dict[str, Node] = {}
    for name, node in nodes.items():
        sources = _renamed(node.sources, renamed)
        if not isinstance(node.module, SpikingNetwork):
            flat[name] = Node(node.module, *sources)
            continue
        inner = node.module
        if len(sources) != len(inner.inputs):
            raise ValueError(
                f"SpikingNetwork: node {name!r} is a network of {len(inner.inputs)} inputs, got "
                f"{len(sources)} sources."
            )
        places: dict[str, Any] = {n: f"{name}.{n}" for n in inner.nodes}
        places |= dict(zip(inner.inputs, sources, strict=True))
        for inner_name, inner_node in inner.nodes.items():
            flat[f"{name}.{inner_name}"] = Node(
                inner_node.module, *_renamed(inner_node.sources, places)
            )
    return flat, renamed


def _renamed(sources: tuple[Source, ...], names: Mapping[str, Any]) -> list[Source]:
    def new(source: Source) -> Source:
        if not isinstance(source, Previous):
            return names.get(source, source)
        place = names.get(source.name, source.name)
        if isinstance(place, Previous):
            return Previous(place.name, place.steps + source.steps)
        return Previous(place, source.steps)

    return [new(source) for source in sources]
