"""How far errors have come: layers of a stack that none has reached yet are not computed.

From the feed-forward activities only what is clamped is in error, and in a step of Euler's method
an error goes down one layer: below it everything rests, exactly. So a stack settles in stages, its
lower layers held and fewer of them in each.
"""

import math
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core import simulate
from ._hierarchy import Activities, Hierarchy
from ._parts import Edge, Node
from ._settling import Settling, settling

STAGES = 4
LEAST_LAYERS = 16
"""Of fewer, compiling each stage by itself costs more than is saved."""
LOWER = "/lower"
"""What the lower part of a stack is called, behind its name."""


class Stage(NamedTuple):
    """A number of steps, and how many layers of the stack are held in them."""

    steps: int
    held: int


def settled_in_stages(system: Settling, steps: int, how: dict[str, Any]) -> Activities | None:
    """The state after `steps` Euler steps from the feed-forward activities, where a stack is worth
    stages; None where none is. `how` is `simulate`'s dt and solver."""
    stack = longest_stack(system)
    if stack is None:
        return None
    moves = first_moves(system)
    if moves is None:
        return None
    z = system.feedforward()
    for stage in stages(moves[stack.name], stack.length or 1, steps):
        hierarchy, now, clamps = system.hierarchy, z, dict(system.clamps)
        if stage.held:
            hierarchy = divided(hierarchy, stack, stage.held)
            lower, upper = jnp.split(z[stack.name], [stage.held], axis=len(system.samples))
            now = {**z, stack.name: upper, stack.name + LOWER: lower}
            below = {n for n, move in moves.items() if n in z and move > moves[stack.name]}
            clamps |= {name: now[name] for name in (stack.name + LOWER, *below)}
        part = settling(hierarchy, clamps)
        run = simulate(part, t1=stage.steps * how["dt"], state=part.to_state(now), record=(), **how)
        now = {**now, **run.final.state}
        if stage.held:
            both = [now.pop(stack.name + LOWER), now[stack.name]]
            now[stack.name] = jnp.concatenate(both, axis=len(system.samples))
        z = now
    return system.to_state(z)


def longest_stack(system: Settling) -> Node | None:
    """The longest stack that is free and of `LEAST_LAYERS` at least."""
    free = [
        node
        for node in system.hierarchy.nodes
        if (node.length or 0) >= LEAST_LAYERS
        and node.name not in system.data
        and node.name not in system.resting
    ]
    return max(free, key=lambda node: node.length or 0, default=None)


def first_moves(system: Settling) -> dict[str, float] | None:
    """The step in which each free node (the last layer of a stack) first moves from the
    feed-forward activities: one more than what it predicts. None where errors do not only go down:
    with second predictions, cycles, amortised starts or nodes clamped in part."""
    hierarchy = system.hierarchy
    factors = [f for f in hierarchy.factors if f.target not in system.resting]
    targets = [f.target for f in factors if f.target not in system.clamps]
    if system.partial or len(set(targets)) < len(targets) or any(f.amortised for f in factors):
        return None
    moves = dict.fromkeys(hierarchy.by_name, math.inf)

    def bottom(name: str) -> float:
        """When the error of a node's prediction is first felt below it."""
        length = hierarchy.by_name[name].length or 1
        return 0.0 if name in system.clamps else moves[name] + length - 1

    for _ in hierarchy.nodes:
        for factor in factors:
            for source in factor.sources:
                moves[source] = min(moves[source], 1 + bottom(factor.target))
    descends = all(
        moves[source] > bottom(factor.target) for factor in factors for source in factor.sources
    )
    free = {n: m for n, m in moves.items() if n not in system.clamps and n not in system.resting}
    return free if descends else None


def stages(first: float | int, length: int, steps: int) -> list[Stage]:
    """Of about equally many steps each while errors go down the stack, and the rest with nothing
    held; `first` is the step in which its last layer moves."""
    down = min(steps, int(first) + length - 1)
    ends = sorted({round(down * (n + 1) / STAGES) for n in range(STAGES)} - {0})
    reached = [max(1, end - int(first) + 1) for end in ends]
    if ends[-1] < steps:
        ends[-1] = steps  # all layers are reached by then
    before = [0, *ends[:-1]]
    return [
        Stage(end - start, length - layers)
        for start, end, layers in zip(before, ends, reached, strict=True)
    ]


def divided(hierarchy: Hierarchy, stack: Node, held: int) -> Hierarchy:
    """The same hierarchy with the stack's first layers a node of their own."""
    lower = stack.name + LOWER
    nodes: list[Node] = []
    for node in hierarchy.nodes:
        if node.name == stack.name:
            nodes.append(Node(lower, node.shape, node.energy, held))
            node = Node(node.name, node.shape, node.energy, (stack.length or 1) - held)
        nodes.append(node)
    edges: list[Edge] = []
    for edge in hierarchy.edges:
        if edge.target != stack.name:
            edges.append(edge)
            continue
        first, rest = (
            jax.tree.map(lambda x, part=part: x[part] if eqx.is_array(x) else x, edge.module)
            for part in (slice(held), slice(held, None))
        )
        edges.append(Edge(edge.source, lower, first, scale=edge.scale))
        edges.append(Edge(lower, stack.name, rest, scale=edge.scale))
    return Hierarchy(nodes, edges)
