"""PoissonInput: many independent trains to each neuron, as numbers drawn in each step."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool

from ..equations import Expression
from ._group import BrianObject, Group
from ._parts import FROZEN, Draws, Now, Part, Scope, States
from ._quantity import DimensionMismatchError, coherent, dimension


class PoissonInput(BrianObject):
    """`N` independent Poisson trains of `rate` to each neuron of `target`; each spike adds `weight`
    (a value, or text) to its variable `target_var`."""

    kind = "poissoninput"

    def __init__(
        self,
        target: Group,
        target_var: str,
        N: int,
        rate: Any,
        weight: Any,
        when: str = "synapses",
        order: int = 0,
    ) -> None:
        super().__init__(None, order)
        self.target, self.target_var, self.N, self.weight = target, target_var, int(N), weight
        self.variable = target.variable(target_var)
        plain, dim = coherent(rate)
        if dim != dimension("hertz") or plain.ndim or plain < 0:
            raise DimensionMismatchError(f"PoissonInput: rate must be a rate, got {rate}.")
        self.rate = float(plain)
        if not isinstance(weight, str) and coherent(weight)[1] != self.variable.dim:
            raise DimensionMismatchError(
                f"PoissonInput: the weight {weight} has not the unit {self.variable.unit} of "
                f"{target_var}."
            )

    @property
    def needs(self) -> tuple[BrianObject, ...]:
        return (self.target.root,)

    def written(self, namespace: Mapping[str, Any]) -> set[tuple[str, str]]:
        """The variable that it adds to."""
        return {(self.target.root.name, self.target_var)}

    def action(self, namespace: Mapping[str, Any]) -> "PoissonInputs":
        """What it does in a step."""
        target = self.target
        names = target.root.names(namespace)
        text = self.weight
        if not isinstance(text, str):
            text = "weight_of_the_input"
            names.namespace = {text: self.weight}
        weight = names.expression(text, self.variable.dim, "weight")
        constants = {n: jnp.asarray(v, jnp.result_type(float)) for n, v in names.constants.items()}
        return PoissonInputs(
            name=self.name,
            order=self.order,
            part=target.root.name,
            target=self.target_var,
            span=(target.start, target.start + target.N),
            weight=weight,
            constants=constants,
            count=jnp.asarray(self.N, jnp.result_type(float)),
            probability=jnp.asarray(self.rate * target.dt_ms, jnp.result_type(float)),
        )


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
