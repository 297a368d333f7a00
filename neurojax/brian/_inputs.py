"""Poisson spike trains that add to a variable without being simulated one by one."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool

from ..equations import Expression
from ._parts import FROZEN, Draws, Now, Part, Scope, States


class PoissonInputs(eqx.Module):
    """`count` independent trains at each neuron from `first` to `last` of a part; each spike adds
    `weight` to its variable `target`."""

    name: str = eqx.field(static=True)
    order: int = eqx.field(static=True)
    part: str = eqx.field(static=True)
    target: str = eqx.field(static=True)
    span: tuple[int, int] = eqx.field(static=True)
    weight: Expression = eqx.field(static=True)
    constants: dict[str, Array]
    count: Array
    probability: Array

    def __call__(
        self,
        parts: dict[str, Part],
        states: States,
        spikes: dict[str, Bool[Array, " source"]],
        now: Now,
        draws: Draws,
    ) -> States:
        """The states after this step's arrivals."""
        first, last = self.span
        state = states[self.part]
        old = state[self.target]
        arrived = jr.binomial(draws.key(), self.count, self.probability, (last - first,))
        scope = Scope(parts, self.part, states, now, draws, self.constants)
        weight = scope.value(self.weight)
        weight = jnp.broadcast_to(jnp.asarray(weight, old.dtype), old.shape)[first:last]
        new = old.at[first:last].add(arrived.astype(old.dtype) * weight)
        if self.target in parts[self.part].freezes and FROZEN in state:
            new = jnp.where(state[FROZEN] > 0, old, new)
        return states | {self.part: state | {self.target: new}}
