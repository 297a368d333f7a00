"""What the objects of a script are while they run: parts of one System, and what they see."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import diffrax
import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool, Int, PRNGKeyArray

from ..core import Clock
from ..equations import Expression, evaluate
from ._code import Assignment
from ._timed_array import TimedValues

FROZEN, LAST = "frozen", "last_spike"
LONG_AGO = -(2**30)  # steps, of neurons that have not spiked
AT_SPIKE = "at the spike: "

States = dict[str, dict[str, Array]]


class Part(eqx.Module):
    """Equations of one object, [n]. `constants` and `parameters` no statement changes; all other
    variables are its state. Values are in the coherent system of ms, mV, nA and µm."""

    name: str = eqx.field(static=True)
    n: int = eqx.field(static=True)
    rates: tuple[tuple[str, Expression], ...] = eqx.field(static=True)
    noises: tuple[tuple[str, Expression], ...] = eqx.field(static=True)
    subexpressions: tuple[tuple[str, Expression], ...] = eqx.field(static=True)
    freezes: tuple[str, ...] = eqx.field(static=True)
    solver: diffrax.AbstractSolver | None
    constants: dict[str, Array]
    parameters: dict[str, Array]
    functions: dict[str, TimedValues]

    @property
    def is_noisy(self) -> bool:
        """Whether there is white noise in its equations."""
        return bool(self.noises)

    def special(self, name: str, scope: "Scope") -> Any:
        """The value of a name that is no variable."""
        raise KeyError(name)

    def held(self, rate: Array, name: str, state: Mapping[str, Array]) -> Array:
        """The rate of a variable, or zero where it is frozen."""
        if name in self.freezes and FROZEN in state:
            return jnp.where(state[FROZEN] > 0, 0.0, rate)
        return rate


class NeuronPart(Part):
    """A group of neurons; those without a threshold do not spike."""

    threshold: Expression | None = eqx.field(static=True)
    resets: tuple[Assignment, ...] = eqx.field(static=True)
    refractory: Expression | None = eqx.field(static=True)
    refractory_while: Expression | None = eqx.field(static=True)
    at_spikes: tuple[str, ...] = eqx.field(static=True)

    def special(self, name: str, scope: "Scope") -> Any:
        state = scope.states[self.name]
        match name:
            case "i":
                return as_float(jnp.arange(self.n))
            case "N":
                return float(self.n)
            case "not_refractory":
                return state[FROZEN] <= 0 if FROZEN in state else jnp.ones(self.n, bool)
            case "lastspike":
                return as_float(state[LAST]) * scope.now.dt
        raise KeyError(name)

    def spikes(self, scope: "Scope") -> Bool[Array, " n"]:
        """Who is past threshold, and not refractory."""
        past = jnp.broadcast_to(jnp.asarray(scope.value(self.threshold)), (self.n,))
        state = scope.states[self.name]
        return past & (state[FROZEN] <= 0) if FROZEN in state else past

    def spiked(self, scope: "Scope", spikes: Bool[Array, " n"]) -> dict[str, Array]:
        """The state with the spikes noted."""
        state = scope.states[self.name]
        changed = {AT_SPIKE + name: scope.filled(name, self.n) for name in self.at_spikes}
        if LAST in state:
            changed[LAST] = jnp.where(spikes, scope.now.step, state[LAST])
        if FROZEN in state:
            changed[FROZEN] = jnp.where(spikes, 1, state[FROZEN])
        return state | changed

    def frozen(self, scope: "Scope") -> dict[str, Array]:
        """The state with who is refractory in the step that begins."""
        state = scope.states[self.name]
        if self.refractory is not None:
            steps = Clock(scope.now.step, scope.now.dt).steps(
                jnp.asarray(scope.value(self.refractory))
            )
            frozen = scope.now.step - state[LAST] < steps
        elif self.refractory_while is not None:
            frozen = (state[FROZEN] > 0) & scope.value(self.refractory_while)
        else:
            return state
        return state | {FROZEN: frozen.astype(jnp.int32)}


class GeneratorPart(Part):
    """Neurons that spike in given steps."""

    steps: Int[Array, " spikes"]
    indices: Int[Array, " spikes"]
    period: int = eqx.field(static=True)

    def spikes(self, scope: "Scope") -> Bool[Array, " n"]:
        """Who spikes in this step."""
        step = scope.now.step % self.period if self.period else scope.now.step
        where = jnp.where(self.steps == step, self.indices, self.n)
        return jnp.zeros(self.n, bool).at[where].set(True, mode="drop")

    def spiked(self, scope: "Scope", spikes: Bool[Array, " n"]) -> dict[str, Array]:
        """Nothing of it changes."""
        return scope.states[self.name]

    def special(self, name: str, scope: "Scope") -> Any:
        if name == "i":
            return as_float(jnp.arange(self.n))
        if name == "N":
            return float(self.n)
        raise KeyError(name)


class SynapsePart(Part):
    """Synapses as a list of edges [n], from neuron `pre[k]` of part `source` to `post[k]` of part
    `target`; `offsets` are where their (sub)groups begin."""

    source: str = eqx.field(static=True)
    target: str = eqx.field(static=True)
    offsets: tuple[int, int] = eqx.field(static=True)
    sizes: tuple[int, int] = eqx.field(static=True)
    pre: Int[Array, " n"]
    post: Int[Array, " n"]

    def end(self, which: str) -> tuple[str, Int[Array, " n"]]:
        """The part at one end, and the neuron of each synapse."""
        return (self.source, self.pre) if which == "pre" else (self.target, self.post)

    def special(self, name: str, scope: "Scope") -> Any:
        match name:
            case "i":
                return as_float(self.pre - self.offsets[0])
            case "j":
                return as_float(self.post - self.offsets[1])
            case "N":
                return float(self.n)
            case "N_pre" | "N_post":
                return float(self.sizes[name == "N_post"])
        stem, _, which = name.rpartition("_")
        if which not in ("pre", "post") or not stem:
            stem, which = name, "post"
        part, index = self.end(which)
        value = jnp.asarray(scope.of(part)[stem])
        return value[index] if value.ndim else value


class Now(NamedTuple):
    """Where the clock stands: time (ms), the step's length (ms), and its number."""

    t: Any
    dt: float
    step: Any


class Draws:
    """Random numbers, another for each that is asked for."""

    def __init__(self, key: PRNGKeyArray | None) -> None:
        self._key, self._count = key, 0

    def key(self) -> PRNGKeyArray:
        """A key that was not used before."""
        if self._key is None:
            raise ValueError("rand() and randn() need a random key.")
        self._count += 1
        return jr.fold_in(self._key, self._count)


class Scope(Mapping):
    """The values that the names in one part's expressions have, found as they are asked for."""

    def __init__(
        self,
        parts: Mapping[str, Part],
        name: str,
        states: States,
        now: Now,
        draws: Draws | None = None,
        constants: Mapping[str, Array] | None = None,
    ) -> None:
        self.parts, self.part, self.states, self.now = parts, parts[name], states, now
        self._draws, self._found = draws, dict[str, Any](constants or {})

    def __getitem__(self, name: str) -> Any:
        if name not in self._found:
            self._found[name] = self._find(name)
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def of(self, name: str) -> "Scope":
        """The scope of another part."""
        return Scope(self.parts, name, self.states, self.now, self._draws)

    def value(self, expression: Expression | None) -> Any:
        """The value of an expression."""
        assert expression is not None
        return evaluate(expression, self, self._functions())

    def filled(self, name: str, n: int) -> Array:
        """The value of a name as an array of [n]."""
        return jnp.broadcast_to(as_float(self[name]), (n,))

    def _functions(self) -> dict[str, Callable[..., Any]]:
        functions: dict[str, Callable[..., Any]] = dict(self.part.functions)
        draws, n = self._draws, self.part.n
        if draws is not None:
            functions["rand"] = lambda: jr.uniform(draws.key(), (n,))
            functions["randn"] = lambda: jr.normal(draws.key(), (n,))
        return functions

    def _find(self, name: str) -> Any:
        part = self.part
        for values in (self.states.get(part.name, {}), part.parameters, part.constants):
            if name in values:
                return values[name]
        for own, expression in part.subexpressions:
            if own == name:
                return self.value(expression)
        if name in ("t", "dt"):
            return as_float(self.now.t) if name == "t" else self.now.dt
        return part.special(name, self)


def as_float(x: Any) -> Array:
    """A value as an array of the default float."""
    return jnp.asarray(x).astype(jnp.result_type(float))
