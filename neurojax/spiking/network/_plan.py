"""Which nodes of a network go through time together, and in which order."""

import math
from typing import Literal, NamedTuple

import equinox as eqx
import jax
from flax import nnx

from ...core import System
from ._network import SpikingNetwork, name_of, order_in_step, reaches
from ._over_time import OverTime
from ._shapes import Shapes

How = Literal["layers", "steps"]


# On a CPU, what a node of a cycle gives in a step may be this many numbers before it is better to
# have the nodes around in its loop as well, where their values stay in the cache: 256 recurrent
# neurons in 100 steps, a gradient, took 18 ms by layers and 22 by steps for 32 samples, 86 and 67
# for 128. Convolutions stay outside: in a loop their gradients are many times slower.
LOOP_LIMIT = 2**14


class Part(NamedTuple):
    """Nodes that are run over all time before others go on: step by step together (`loop`), or one
    that needs no loop."""

    nodes: tuple[str, ...]
    loop: bool


def planned(network: SpikingNetwork, how: str) -> list[Part]:
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


def faster(network: SpikingNetwork, shapes: Shapes, samples: int) -> How:
    """The way that is likely the faster one here."""
    modules = [node.module for node in network.nodes.values()]
    in_cycles = [n for n, reached in reaches(network).items() if n in reached]
    widest = max((samples * math.prod(shapes.given[n].shape) for n in in_cycles), default=0)
    apart = any(isinstance(m, eqx.nn.Conv | nnx.Conv | OverTime) for m in modules)
    on_cpu = jax.default_backend() == "cpu"
    return "steps" if on_cpu and widest >= LOOP_LIMIT and not apart else "layers"


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
