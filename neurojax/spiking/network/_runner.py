"""A network through time: part after part, in chunks where a gradient asks for it."""

from functools import partial
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Int, PRNGKeyArray, PyTree

from ...core import Series, simulate, with_fast_convolutions
from ._loop import Loop, LoopState, Values, draws, key_of_step, label, mapped, summed
from ._network import Previous, Source, SpikingNetwork, name_of
from ._over_time import OverTime
from ._plan import Part
from ._shapes import Shapes
from ._system_node import Size, SystemNode


class NetworkState(NamedTuple):
    """Where a network stands: the states of its Systems [samples, ...], the last values of nodes
    that others take later, and the steps taken."""

    systems: dict[str, PyTree]
    past: Values
    step: Int[Array, ""]


class NetworkRun(NamedTuple):
    """What a run gave: the output [time, samples, ...], what was recorded, and the final state."""

    output: Array
    recorded: Values
    state: NetworkState


class Runner(eqx.Module):
    """A network, ready to run through some steps."""

    network: SpikingNetwork
    parts: tuple[Part, ...] = eqx.field(static=True)
    systems: dict[str, SystemNode]
    dt: float = eqx.field(static=True)
    record: tuple[str, ...] = eqx.field(static=True)
    key: PRNGKeyArray | None

    def initial_state(self, shapes: Shapes, samples: Size) -> NetworkState:
        first = jnp.array(-1, jnp.int32)
        systems = {
            n: s.initial_state(samples, self._key(n, first)) for n, s in self.systems.items()
        }
        past = {}
        for node in self.network.nodes.values():
            for source in node.sources:
                if isinstance(source, Previous):
                    shape = shapes.given[source.name]
                    steps = max(source.steps, len(past.get(source.name, ())))
                    past[source.name] = jnp.zeros((steps, samples, *shape.shape), shape.dtype)
        return NetworkState(systems, past, jnp.zeros((), jnp.int32))

    def __call__(self, state: NetworkState, inputs: Values) -> tuple[NetworkState, Values]:
        """What was asked for in each of the inputs' steps, and the state after them."""
        given, kept = dict(inputs), {}
        systems, past = dict(state.systems), dict(state.past)
        steps = next(iter(inputs.values())).shape[0]
        for part in self.parts:
            if part.loop:
                moved, values = self._looped(part, state, given, steps)
                systems |= moved.systems
                past |= moved.past
                kept |= values
                given |= {n: x for n, x in values.items() if n in part.nodes}
            else:
                (name,) = part.nodes
                moved, given[name] = self._at_once(name, state, given)
                systems |= moved
        for name in past:
            if name in given:
                past[name] = jnp.concatenate([state.past[name], given[name]])[-len(past[name]) :]
        values = {
            n: given[n] if n in given else kept[n] for n in (self.network.output, *self.record)
        }
        return NetworkState(systems, past, state.step + steps), values

    def result(self, state: NetworkState, values: Values) -> NetworkRun:
        recorded = {n: values[n] for n in self.record}
        return NetworkRun(values[self.network.output], recorded, state)

    def _looped(
        self, part: Part, state: NetworkState, given: Values, steps: int
    ) -> tuple[LoopState, Values]:
        """Some nodes step by step."""
        nodes = {name: self.network.nodes[name] for name in part.nodes}
        sources = {source for node in nodes.values() for source in node.sources}
        own = {s.name for s in sources if isinstance(s, Previous) and s.name in nodes}
        incoming = {
            label(s): Series(self._taken(s, state, given))
            for s in sources
            if (s.name if isinstance(s, Previous) else s) not in nodes
        }
        loop = Loop(
            modules={n: node.module for n, node in nodes.items() if n not in self.systems},
            systems={n: self.systems[n] for n in nodes if n in self.systems},
            sources=tuple(node.sources for node in nodes.values()),
            order=part.nodes,
            places=tuple(self._place(name) for name in part.nodes),
            recorded=self._needed(part),
            start=LoopState(
                {n: state.systems[n] for n in nodes if n in self.systems},
                {n: state.past[n] for n in own},
            ),
            first=state.step,
            key=self.key,
        )
        run = simulate(
            loop, t1=steps * self.dt, dt=self.dt, incoming=incoming, record={"given": "raster"}
        )
        return run.final.state, run["given"]

    def _at_once(
        self, name: str, state: NetworkState, given: Values
    ) -> tuple[dict[str, PyTree], Array]:
        """One node over all time: the state of it if it has one, and what it gives."""
        node = self.network.nodes[name]
        taken = [self._taken(source, state, given) for source in node.sources]
        if isinstance(node.module, OverTime):
            key = self._key(name, state.step)
            moved, out = node.module.over_time(state.systems[name], summed(taken), key)
            return {name: moved}, out
        front = taken[0].shape[:2]
        keys = None
        if self.key is not None and draws(node.module):
            steps = state.step + jnp.arange(front[0])
            own = jax.vmap(partial(key_of_step, self.key, self._place(name)))(steps)
            keys = jax.vmap(lambda key: jr.split(key, front[1]))(own).reshape(-1)
        out = mapped(node.module, [x.reshape(-1, *x.shape[2:]) for x in taken], keys)
        return {}, out.reshape(*front, *out.shape[1:])

    def _taken(self, source: Source, state: NetworkState, given: Values) -> Array:
        """What a source gives in each step, or gave so many steps before."""
        if not isinstance(source, Previous):
            return given[source]
        values = jnp.concatenate([state.past[source.name][-source.steps :], given[source.name]])
        return values[: -source.steps]

    def _needed(self, part: Part) -> tuple[str, ...]:
        """What is asked of a part's nodes from outside of it."""
        others = (n for name, n in self.network.nodes.items() if name not in part.nodes)
        taken = {name_of(source) for node in others for source in node.sources}
        of_states = [r for r in self.record if r not in self.network.nodes]
        given = taken | {self.network.output, *self.record}
        return (
            *(name for name in part.nodes if name in given),
            *(r for r in of_states if r.rpartition(".")[0] in part.nodes),
        )

    def _key(self, name: str, step: Array) -> PRNGKeyArray | None:
        return None if self.key is None else key_of_step(self.key, self._place(name), step)

    def _place(self, name: str) -> int:
        # Trees of JAX have the keys of a dict in order, whatever order a user gave them.
        return sorted(self.network.nodes).index(name)


@eqx.filter_jit
def run_in_chunks(runner: Runner, inputs: Values, state: NetworkState, chunk: int) -> NetworkRun:
    """All steps, `chunk` of them at a time."""
    steps = next(iter(inputs.values())).shape[0]
    if chunk == steps:
        state, values = runner(state, inputs)
        return runner.result(state, values)
    whole = steps - steps % chunk
    arrays, rest = eqx.partition(runner, eqx.is_array)

    @jax.checkpoint
    def piece(carry: tuple, inputs: Values) -> tuple[tuple, Values]:
        arrays, state = carry
        state, values = eqx.combine(arrays, rest)(state, inputs)
        return (arrays, state), values

    pieces = {n: x[:whole].reshape(-1, chunk, *x.shape[1:]) for n, x in inputs.items()}
    (_, state), stacked = jax.lax.scan(with_fast_convolutions(piece), (arrays, state), pieces)
    values = {n: x.reshape(whole, *x.shape[2:]) for n, x in stacked.items()}
    if whole < steps:
        state, last = runner(state, {n: x[whole:] for n, x in inputs.items()})
        values = {n: jnp.concatenate([x, last[n]]) for n, x in values.items()}
    return runner.result(state, values)
