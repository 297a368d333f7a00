"""Nodes of a network that go through time together, step by step."""

from collections.abc import Mapping
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Int, Key, PRNGKeyArray, PyTree

from ...core import SOLVED, Clock, System
from ._network import Previous, Source
from ._system_node import SystemNode

Values = dict[str, Array]


class LoopState(NamedTuple):
    """States of the Systems among the nodes, and the last values of nodes that others take later,
    oldest first."""

    systems: dict[str, PyTree]
    past: Values


@final
class Loop(System):
    """Some nodes of a network as one System that only jumps: in a step it takes what others give in
    that step, `incoming` by name, and steps its nodes in turn.

    Each System among them is stepped by its own solver, its input held in the step. `places` are
    those of the nodes in the whole network, from which keys are made.
    """

    modules: dict[str, Any]
    systems: dict[str, SystemNode]
    order: tuple[str, ...] = eqx.field(static=True)
    sources: tuple[tuple[Source, ...], ...] = eqx.field(static=True)
    places: tuple[int, ...] = eqx.field(static=True)
    recorded: tuple[str, ...] = eqx.field(static=True)
    start: LoopState
    first: Int[Array, ""]
    key: PRNGKeyArray | None

    def initial_state(self, key: PRNGKeyArray | None = None) -> LoopState:
        return self.start

    def vector_field(self, t: Any, state: LoopState, drive: Any) -> LoopState:
        return jax.tree.map(lambda _: None, state)

    def jump(
        self, clock: Clock, state: LoopState, incoming: Values, key: PRNGKeyArray | None
    ) -> tuple[LoopState, Values]:
        clock = Clock(clock.step + self.first, clock.dt)
        given: Values = dict(incoming)
        systems = dict(state.systems)
        for name, sources, place in zip(self.order, self.sources, self.places, strict=True):
            taken = [
                state.past[s.name][-s.steps]
                if isinstance(s, Previous) and s.name in state.past
                else given[label(s)]
                for s in sources
            ]
            own = None if self.key is None else key_of_step(self.key, place, clock.step)
            if name in self.systems:
                x = summed(taken)
                systems[name], given[name] = self.systems[name].step(clock, systems[name], x, own)
            else:
                module = self.modules[name]
                keys = None
                if own is not None and draws(module):
                    keys = jr.split(own, len(taken[0]))
                # Dear to compute again in reverse, and of the size of the states.
                given[name] = checkpoint_name(mapped(module, taken, keys), SOLVED)
        past = {
            name: jnp.concatenate([values[1:], given[name][None]])
            for name, values in state.past.items()
        }
        state = LoopState(systems, past)
        return state, {name: recorded(name, given, systems) for name in self.recorded}


def key_of_step(key: PRNGKeyArray, place: int, step: Int[Array, ""]) -> PRNGKeyArray:
    """The key of the node at a place in one step."""
    return jr.fold_in(jr.fold_in(key, place), step)


def label(source: Source) -> str:
    """By which a source's values are known within a step."""
    return f"{source.name} {source.steps} ago" if isinstance(source, Previous) else source


def summed(values: list[Array]) -> Array:
    """What a System takes."""
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total


def mapped(module: Any, taken: list[Array], keys: Key[Array, " samples"] | None) -> Array:
    """A module of one sample on samples, which come first; keys for what it draws."""
    if keys is None:
        return jax.vmap(module)(*taken)
    return jax.vmap(lambda key, *x: module(*x, key=key))(keys, *taken)


def recorded(name: str, given: Values, systems: Mapping[str, PyTree]) -> Array:
    """What a node gave, or `"node.v"`, a part of its state."""
    if name in given:
        return given[name]
    node, _, part = name.rpartition(".")
    return getattr(systems[node], part)


def draws(module: Any) -> bool:
    """Whether something in a module is drawn at random: Equinox's dropout, that is not held."""
    parts = jax.tree.leaves(module, is_leaf=lambda x: isinstance(x, eqx.nn.Dropout))
    return any(isinstance(part, eqx.nn.Dropout) and not part.inference for part in parts)
