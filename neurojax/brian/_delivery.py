"""What arriving spikes do: the statements of a pathway, on the synapses that they arrive at."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from ..core import Clock
from ..equations import FUNCTIONS, Expression, Name
from ._code import Assignment, applied
from ._parts import FROZEN, Draws, Now, Part, Scope, States, SynapsePart

LAST_UPDATE = "last_update"


class Pathway(eqx.Module):
    """`on_pre` or `on_post`: spikes of that end arrive `delay` steps later, and `statements` are
    carried out. Those on the way are in a ring of `depth` steps of the group's spikes."""

    synapses: str = eqx.field(static=True)
    name: str = eqx.field(static=True)
    order: int = eqx.field(static=True)
    end: str = eqx.field(static=True)
    statements: tuple[Assignment, ...] = eqx.field(static=True)
    # Of variables that are integrated from event to event: d(name)/dt = slope · name + offset.
    decays: tuple[tuple[str, Expression, Expression], ...] = eqx.field(static=True)
    depth: int = eqx.field(static=True)
    delay: Int[Array, "..."]

    @property
    def ring(self) -> str:
        """The name of its ring in the state of the synapses."""
        return f"ring of {self.name}"

    def __call__(
        self,
        parts: dict[str, Part],
        states: States,
        spikes: dict[str, Bool[Array, " source"]],
        now: Now,
        draws: Draws,
    ) -> States:
        """The states after this step's arrivals."""
        part = parts[self.synapses]
        assert isinstance(part, SynapsePart)
        source, index = part.end(self.end)
        own = states[self.synapses]
        if self.depth == 1:
            arrived = spikes[source][index]
        else:
            ring = own[self.ring].at[now.step % self.depth].set(spikes[source])
            own = own | {self.ring: ring}
            arrived = ring[(now.step - self.delay) % self.depth, index]
        states = states | {self.synapses: own}
        if self.decays:
            states = self._decayed(parts, states, arrived, now)
        for statement in self.statements:
            states = deliver(parts, part, states, statement, arrived, now, draws)
        return states

    def _decayed(
        self, parts: dict[str, Part], states: States, arrived: Bool[Array, " n"], now: Now
    ) -> States:
        """Event-driven variables, brought from the last event to this one."""
        own = states[self.synapses]
        scope = Scope(parts, self.synapses, states, now)
        since = Clock(now.step - own[LAST_UPDATE], now.dt).t
        moved = {}
        for name, slope, offset in self.decays:
            a, b = (jnp.asarray(scope.value(e), since.dtype) for e in (slope, offset))
            change = since * FUNCTIONS["exprel"].apply(since * a) * (a * own[name] + b)
            moved[name] = jnp.where(arrived, own[name] + change, own[name])
        moved[LAST_UPDATE] = jnp.where(arrived, now.step, own[LAST_UPDATE])
        return states | {self.synapses: own | moved}


def deliver(
    parts: dict[str, Part],
    part: SynapsePart,
    states: States,
    statement: Assignment,
    arrived: Bool[Array, " n"],
    now: Now,
    draws: Draws,
) -> States:
    """One statement, on the synapses where a spike has arrived: of a variable of their own, or of
    the neurons at one end, where what arrives at one neuron adds up."""
    scope = Scope(parts, part.name, states, now, draws)
    target, operator, expression = statement
    own = states[part.name]
    if target in own:
        new = scope.value(applied(operator, Name(target), expression))
        return states | {part.name: own | {target: jnp.where(arrived, new, own[target])}}
    stem, _, which = target.rpartition("_")
    if which not in ("pre", "post") or not stem:
        stem, which = target, "post"
    name, index = part.end(which)
    old = states[name][stem]
    value = jnp.broadcast_to(jnp.asarray(scope.value(expression), old.dtype), arrived.shape)
    new = accumulated(operator, old, value, arrived, index)
    if stem in parts[name].freezes and FROZEN in states[name]:
        new = jnp.where(states[name][FROZEN] > 0, old, new)
    return states | {name: states[name] | {stem: new}}


def accumulated(
    operator: str,
    old: Array,
    value: Array,
    arrived: Bool[Array, " n"],
    index: Int[Array, " n"],
) -> Array:
    """`old[index] operator value` for all that have arrived."""
    if operator in ("+=", "-="):
        total = jnp.zeros_like(old).at[index].add(jnp.where(arrived, value, 0))
        return old + total if operator == "+=" else old - total
    if operator in ("*=", "/="):
        factor = jnp.ones_like(old).at[index].multiply(jnp.where(arrived, value, 1))
        return old * factor if operator == "*=" else old / factor
    where: Any = jnp.where(arrived, index, old.shape[0])
    return old.at[where].set(value, mode="drop")
