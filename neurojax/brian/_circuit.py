"""A script's objects as one System, with the order of things in a step that Brian2 has."""

from typing import Any

import diffrax
import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, PRNGKeyArray

from ..core import Clock, System
from ..equations import Name
from ._code import applied
from ._delivery import Pathway
from ._methods import InTurn
from ._parts import (
    FROZEN,
    Draws,
    GeneratorPart,
    NeuronPart,
    Now,
    Part,
    Scope,
    States,
    as_float,
)
from ._poisson_input import PoissonInputs


class Circuit(System):
    """All parts of a script's network; its state is a dict of theirs by name.

    In a step: the equations of all parts (in the order of their names), thresholds, arriving
    spikes, resets. `order` has the names of the parts, `actions` what arrives, in their order.
    """

    parts: dict[str, Part]
    actions: tuple[Pathway | PoissonInputs, ...]
    start: States
    order: tuple[str, ...] = eqx.field(static=True)
    dt: float = eqx.field(static=True)

    def initial_state(self, key: PRNGKeyArray | None = None) -> States:
        return self.start

    def vector_field(self, t: Any, state: States, drive: Any) -> dict[str, dict[str, Array | None]]:
        return {name: self.rates(name, t, state) for name in state}

    def diffusion(self, t: Any, state: States, drive: Any) -> Any:
        if not any(part.is_noisy for part in self.parts.values()):
            return None
        return {name: self.amplitudes(name, t, state) for name in state}

    def rates(self, name: str, t: Any, states: States) -> dict[str, Array | None]:
        """The rates of one part's variables."""
        part, state = self.parts[name], states[name]
        scope = Scope(self.parts, name, states, Now(t, self.dt, None))
        found: dict[str, Array | None] = dict.fromkeys(state)
        for variable, rate in part.rates:
            value = jnp.broadcast_to(as_float(scope.value(rate)), state[variable].shape)
            found[variable] = part.held(value, variable, state)
        return found

    def amplitudes(self, name: str, t: Any, states: States) -> dict[str, Array | None]:
        """The amplitudes of the noise in one part's variables."""
        part, state = self.parts[name], states[name]
        scope = Scope(self.parts, name, states, Now(t, self.dt, None))
        found: dict[str, Array | None] = dict.fromkeys(state)
        for variable, noise in part.noises:
            value = jnp.broadcast_to(as_float(scope.value(noise)), state[variable].shape)
            found[variable] = part.held(value, variable, state)
        return found

    @property
    def solvers(self) -> tuple[tuple[str, diffrax.AbstractSolver], ...]:
        """The parts that move, in order, with their solvers."""
        chosen = ((name, self.parts[name].solver) for name in self.order)
        return tuple((name, solver) for name, solver in chosen if solver is not None)

    @property
    def default_solver(self) -> diffrax.AbstractSolver:
        return InTurn()

    def alone(self, name: str) -> "Alone":
        """One part as a System; the states of all are its drive."""
        return Alone(self, name)

    @property
    def spiking(self) -> tuple[str, ...]:
        """The parts that spike."""
        return tuple(name for name in self.order if is_spiking(self.parts[name]))

    def jump(
        self, clock: Clock, state: States, incoming: Any, key: PRNGKeyArray | None
    ) -> tuple[States, Array]:
        now = Now(clock.t, clock.dt, clock.step)
        draws = Draws(key)
        spikes: dict[str, Bool[Array, " n"]] = {}
        states = state
        for name in self.spiking:
            scope, part = Scope(self.parts, name, states, now, draws), self.parts[name]
            assert isinstance(part, NeuronPart | GeneratorPart)
            spikes[name] = part.spikes(scope)
            states = states | {name: part.spiked(scope, spikes[name])}
        for action in self.actions:
            states = action(self.parts, states, spikes, now, draws)
        for name in self.spiking:
            states = states | {name: self._reset(name, states, spikes[name], now, draws)}
        later = Clock(clock.step + 1, clock.dt)
        states = self.frozen(states, Now(later.t, later.dt, later.step))
        emitted = [as_float(spikes[name]) for name in self.spiking]
        return states, jnp.concatenate(emitted) if emitted else jnp.zeros(0)

    def frozen(self, states: States, now: Now) -> States:
        """The states with who is refractory in the step that begins."""
        for name in self.order:
            part = self.parts[name]
            if isinstance(part, NeuronPart) and FROZEN in states[name]:
                scope = Scope(self.parts, name, states, now)
                states = states | {name: part.frozen(scope)}
        return states

    def _reset(
        self, name: str, states: States, spikes: Bool[Array, " n"], now: Now, draws: Draws
    ) -> dict[str, Array]:
        part = self.parts[name]
        for target, operator, expression in part.resets if isinstance(part, NeuronPart) else ():
            scope = Scope(self.parts, name, states, now, draws)
            new = scope.value(applied(operator, Name(target), expression))
            old = states[name][target]
            changed = jnp.where(spikes, jnp.asarray(new, old.dtype), old)
            states = states | {name: states[name] | {target: changed}}
        return states[name]


class Alone(System):
    """One part of a circuit, for its own solver."""

    circuit: Circuit
    name: str = eqx.field(static=True)

    def initial_state(self, key: PRNGKeyArray | None = None) -> dict[str, Array]:
        return self.circuit.start[self.name]

    def vector_field(self, t: Any, state: dict[str, Array], drive: Any) -> Any:
        return self.circuit.rates(self.name, t, drive | {self.name: state})

    def diffusion(self, t: Any, state: dict[str, Array], drive: Any) -> Any:
        return self.circuit.amplitudes(self.name, t, drive | {self.name: state})

    def freeze(self, state: dict[str, Array], frozen: Bool[Array, "*shape"]) -> dict[str, Array]:
        """The state in which exactly these neurons are refractory."""
        return state | {FROZEN: frozen.astype(jnp.int32)}


def is_spiking(part: Part) -> bool:
    """Whether a part ever spikes."""
    if isinstance(part, NeuronPart):
        return part.threshold is not None
    return isinstance(part, GeneratorPart)


class Observed(eqx.Module):
    """What a StateMonitor records: a variable of one part, of some of its elements."""

    circuit: Circuit
    name: str = eqx.field(static=True)
    variable: str = eqx.field(static=True)
    indices: Array | None

    def __call__(self, t: Any, states: States) -> Array:
        scope = Scope(self.circuit.parts, self.name, states, Now(t, self.circuit.dt, None))
        value = jnp.asarray(scope[self.variable])
        if value.dtype == bool or jnp.issubdtype(value.dtype, jnp.integer):
            value = as_float(value)
        n = self.circuit.parts[self.name].n
        whole = jnp.broadcast_to(value, (n,))
        return whole if self.indices is None else whole[self.indices]
