"""Which nodes of a network go through time together, and in which order."""

from typing import Literal, NamedTuple

from ..core import System
from ._network import SpikingNetwork, name_of, order_in_step, reaches
from ._over_time import OverTime

How = Literal["layers", "steps"]


class Part(NamedTuple):
    """Nodes that are run over all time before others go on: step by step together (`loop`), or one
    that needs no loop."""

    nodes: tuple[str, ...]
    loop: bool


def planned(network: SpikingNetwork, how: How) -> list[Part]:
    """The parts in turn. By "layers" only nodes of one cycle are together, and Systems alone; by
    "steps" all are.

    Raises `ValueError` for nodes that need all time at once where they cannot have it.
    """
    order = order_in_step(network)
    if how == "steps":
        parts = [Part(tuple(order), True)]
    else:
        parts = [_part(network, nodes) for nodes in _cycles(network, order)]
    for part in parts:
        for name in part.nodes:
            module = network.nodes[name].module
            if part.loop and isinstance(module, OverTime) and module.needs_all_time:
                raise ValueError(
                    f"spiking.run: node {name!r}, {type(module).__name__}, needs all time at once: "
                    'it goes neither in a cycle nor with how="steps".'
                )
    return parts


def _part(network: SpikingNetwork, nodes: tuple[str, ...]) -> Part:
    """Alone and not in a cycle with itself, a node needs a loop if it is a System of steps."""
    first = network.nodes[nodes[0]]
    alone = len(nodes) == 1 and nodes[0] not in map(name_of, first.sources)
    return Part(nodes, not alone or _is_stepped(first.module))


def _is_stepped(module: object) -> bool:
    return isinstance(module, System) and not isinstance(module, OverTime)


def _cycles(network: SpikingNetwork, order: list[str]) -> list[tuple[str, ...]]:
    """Nodes that reach each other, together; each group after all that feed it."""
    reached = reaches(network)
    groups: list[tuple[str, ...]] = []
    for name in order:
        if not any(name in group for group in groups):
            both = (n for n in order if n == name or (n in reached[name] and name in reached[n]))
            groups.append(tuple(both))
    ready: list[tuple[str, ...]] = []
    while groups:
        group = next(
            g for g in groups if not any(g[0] in reached[h[0]] for h in groups if h is not g)
        )
        ready.append(group)
        groups.remove(group)
    return ready
