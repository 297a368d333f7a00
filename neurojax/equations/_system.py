"""Systems made of equations."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import diffrax
import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ..core import (
    Clock,
    ExactLinear,
    ExponentialEuler,
    SpikingSystem,
    Surrogate,
    System,
    superspike,
    where_spiked,
)
from ._expression import Expression, evaluate, names_in
from ._model import Equation, Statement
from ._print import as_latex_block, as_text

FROZEN = "frozen"
LAST = "lastspike"
# Before the first spike (ms), as in Brian2: longer ago than any model looks back.
LONG_AGO = -1e7


@dataclass(frozen=True)
class Flowing:
    """`d(name)/dt = rate + noise · xi`, in the coherent system."""

    name: str
    rate: Expression
    noise: Expression | None
    freezes: bool
    shared: bool


@dataclass(frozen=True)
class Shown:
    """What of a model is printed: all as it was written, names looked up; and units of values."""

    equations: tuple[Equation, ...]
    units: tuple[tuple[str, str], ...]
    threshold: Expression | None = None
    reset: tuple[Statement, ...] = ()
    refractory: Expression | None = None
    threshold_text: str = ""
    reset_text: str = ""
    refractory_text: str = ""


@dataclass(frozen=True)
class Model:
    """All of a model that is no number: checked, names looked up, noise taken apart.

    `scales` has NeuroJAX's units that are not coherent ones, by name. The subexpressions stand in
    an order in which they can be evaluated; those of threshold, reset and refractoriness are filled
    in.
    """

    flowing: tuple[Flowing, ...]
    subexpressions: tuple[tuple[str, Expression], ...]
    inputs: tuple[str, ...]
    scales: tuple[tuple[str, float], ...]
    linear: bool
    shown: Shown
    threshold: Expression | None = None
    reset: tuple[tuple[str, Expression], ...] = ()
    refractory: Expression | None = None
    refractory_while: Expression | None = None
    looks_back: bool = False

    @property
    def can_freeze(self) -> bool:
        """Whether neurons are ever refractory."""
        return self.refractory is not None or self.refractory_while is not None


class EquationSystem(System):
    """A System of equations that were given as text; see `from_equations`.

    The state is a dict of name → array `[*shape]`. `parameters` and `initial` (the state at the
    start) are what can be trained, in NeuroJAX's units.
    """

    model: Model = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)
    parameters: dict[str, Array]
    initial: dict[str, Array]

    @property
    def default_record(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return tuple(variable.name for variable in self.model.flowing)

    def initial_state(self, key: PRNGKeyArray | None = None) -> dict[str, Array]:
        shared = {variable.name for variable in self.model.flowing if variable.shared}
        return {
            name: value if name in shared else jnp.broadcast_to(value, self.shape)
            for name, value in self.initial.items()
        }

    def vector_field(self, t: Any, state: dict[str, Array], drive: Any) -> dict[str, Any]:
        values = self._values(state, t, drive)
        rates: dict[str, Any] = dict.fromkeys(state)
        for variable in self.model.flowing:
            rate = self._unscaled(variable.name, evaluate(variable.rate, values))
            if rate.ndim == 0:
                rate = jnp.broadcast_to(rate, state[variable.name].shape)
            rates[variable.name] = self._unless_frozen(variable, state, rate)
        return rates

    def diffusion(self, t: Any, state: dict[str, Array], drive: Any) -> dict[str, Any] | None:
        noisy = [variable for variable in self.model.flowing if variable.noise is not None]
        if not noisy:
            return None
        values = self._values(state, t, drive)
        amplitudes: dict[str, Any] = dict.fromkeys(state)
        for variable in noisy:
            amplitude = self._unscaled(variable.name, evaluate(variable.noise, values))  # pyright: ignore[reportArgumentType]
            amplitudes[variable.name] = self._unless_frozen(variable, state, amplitude)
        return amplitudes

    def output(self, state: dict[str, Array]) -> Array:
        """The variable whose equation is the first."""
        return state[self.model.flowing[0].name]

    @property
    def default_solver(self) -> diffrax.AbstractSolver:
        return ExactLinear() if self.model.linear else ExponentialEuler()

    def __repr__(self) -> str:
        return as_text(self)

    def _repr_latex_(self) -> str:
        return as_latex_block(self)

    def _values(self, state: Mapping[str, Array], t: Any, drive: Any) -> dict[str, Any]:
        """Everything that a rate may use, in the coherent system."""
        values = self._coherent(self._held(state) | {"t": t} | self._inputs(drive))
        for name, expression in self.model.subexpressions:
            values[name] = evaluate(expression, values)
        return values

    def _held(self, state: Mapping[str, Array]) -> dict[str, Any]:
        """Parameters and state, and what the last spike left."""
        values: dict[str, Any] = self.parameters | dict(state)
        frozen = values.get(FROZEN)
        values["not_refractory"] = True if frozen is None else frozen <= 0
        return values

    def _inputs(self, drive: Any) -> dict[str, Any]:
        """The drive by name: alone it stands for the one input, several come in a dict."""
        names = self.model.inputs
        if not names:
            return {}
        if len(names) == 1 and not isinstance(drive, Mapping):
            return {names[0]: drive}
        if not isinstance(drive, Mapping) or set(drive) != set(names):
            got = ", ".join(drive) if isinstance(drive, Mapping) else "no dict"
            raise ValueError(f"the drive must be a dict of {', '.join(names)}, got {got}.")
        return dict(drive)

    def _coherent(self, values: dict[str, Any]) -> dict[str, Any]:
        scaled = {name: values[name] * by for name, by in self.model.scales if name in values}
        return values | scaled

    def _unscaled(self, name: str, value: Any) -> Array:
        by = dict(self.model.scales).get(name)
        return _array(value if by is None else value / by, self.initial[name])

    def _unless_frozen(self, variable: Flowing, state: Mapping[str, Array], rate: Array) -> Array:
        if not (variable.freezes and self.model.can_freeze):
            return rate
        return jnp.where(state[FROZEN] > 0, 0.0, rate)


class EquationNeuron(EquationSystem, SpikingSystem):
    """A population of neurons given as text; see `from_equations`.

    Where it can be refractory, its state has `frozen`: the steps for which a neuron still is, or 1
    while the condition holds.
    """

    surrogate: Surrogate = eqx.field(static=True, default=superspike)

    @property
    def default_record(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return (*super().default_record, "spikes")

    def initial_state(self, key: PRNGKeyArray | None = None) -> dict[str, Array]:
        state = super().initial_state(key)
        if self.model.can_freeze:
            state[FROZEN] = jnp.zeros(self.shape, jnp.int32)
        if self.model.looks_back:
            state[LAST] = jnp.full(self.shape, LONG_AGO)
        return state

    def spike_condition(self, state: dict[str, Array]) -> Float[Array, "*shape"]:
        values = self._coherent(self._held(state))
        sign = jnp.asarray(evaluate(self.model.threshold, values))  # pyright: ignore[reportArgumentType]
        sign = jnp.broadcast_to(sign, jnp.broadcast_shapes(sign.shape, self.shape))
        return jnp.where(state[FROZEN] > 0, -1.0, sign) if self.model.can_freeze else sign

    def reset(self, state: dict[str, Array], spikes: Float[Array, "*shape"]) -> dict[str, Array]:
        values = self._coherent(self._held(state))
        changed = {}
        for name, expression in self.model.reset:
            values[name] = evaluate(expression, values)
            changed[name] = self._unscaled(name, values[name])
        return state | {
            name: where_spiked(spikes, after, state[name]) for name, after in changed.items()
        }

    def freeze(self, state: dict[str, Array], frozen: Bool[Array, "*shape"]) -> dict[str, Array]:
        return state | {FROZEN: frozen.astype(jnp.int32)} if self.model.can_freeze else state

    def jump(
        self, clock: Clock, state: dict[str, Array], incoming: Any, key: PRNGKeyArray | None
    ) -> tuple[dict[str, Array], Float[Array, "*shape"]]:
        before = state
        state, spikes = super().jump(clock, state, incoming, key)
        if self.model.looks_back:
            state = state | {LAST: jnp.where(spikes > 0, clock.t, state[LAST])}
        if self.model.can_freeze:
            state = state | {FROZEN: self._frozen_after(clock, before[FROZEN], state, spikes)}
        return state, spikes

    def _frozen_after(
        self, clock: Clock, frozen: Array, state: dict[str, Array], spikes: Array
    ) -> Array:
        """The count of refractory steps in the next step: the period is that after the reset."""
        values = self._coherent(self._held(state))
        if self.model.refractory is not None:
            steps = clock.steps(jnp.asarray(evaluate(self.model.refractory, values)))
            return jnp.maximum(jnp.where(spikes > 0, steps, frozen) - 1, 0)
        values["t"] = Clock(clock.step + 1, clock.dt).t
        holds = evaluate(self.model.refractory_while, values)  # pyright: ignore[reportArgumentType]
        return (((spikes > 0) | (frozen > 0)) & holds).astype(jnp.int32)

    @property
    def refractory(self) -> Float[Array, "..."]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """How long a neuron is refractory after a spike (ms), in a run by events.

        Raises `TypeError` for a model that such a run cannot do.
        """
        if self.model.looks_back:
            raise TypeError("lastspike is known on a clock alone: give dt.")
        if not self.model.can_freeze:
            return jnp.zeros(())
        period = self.model.refractory
        if period is None or not names_in(period) <= self.parameters.keys():
            text = self.model.shown.refractory_text
            raise TypeError(f"refractory={text!r} depends on the state: it needs a clock, give dt.")
        return jnp.asarray(evaluate(period, self._coherent(dict(self.parameters))))


def _array(value: Any, like: Array) -> Array:
    """A value as an array: what is a number in the text becomes one of the variable's dtype."""
    return value if isinstance(value, Array) else jnp.asarray(value, like.dtype)
