"""Groups that spike: neurons from equations, Poisson neurons, given spikes."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from ..equations import Equations as EquationLines
from ..equations import parse_equations, parse_statements, substituted
from ._clock import as_ms, same_clock
from ._code import Names, called
from ._frame import caller_names
from ._group import Group, Subgroup, base_variables, subgroup
from ._linear import affine
from ._methods import solver_of
from ._parts import (
    AT_SPIKE,
    FROZEN,
    LAST,
    LONG_AGO,
    GeneratorPart,
    NeuronPart,
    Part,
)
from ._quantity import NONE, TIME, coherent, dimension, dimension_of
from ._timed_array import TimedArray
from ._unsupported import refuse
from ._variables import FIXED, STORED, SUBEXPRESSION, Variable, as_arrays

HERTZ = dimension("hertz")


def equations_of(model: Any) -> EquationLines:
    """The equations of a text (or what `Equations` made of one)."""
    text = getattr(model, "text", model)
    if not isinstance(text, str):
        raise TypeError(f"a model must be equations as text, got {model!r}.")
    return parse_equations(text, called(text))


class Equations:
    """Equations as text, that can be added up."""

    def __init__(self, text: str, **replaced: Any) -> None:
        if replaced:
            refuse("Equations(..., name=...) with replaced names", "write the names in the text")
        self.text = text
        parse_equations(text, called(text))

    def __add__(self, other: Any) -> "Equations":
        return Equations(f"{self.text}\n{getattr(other, 'text', other)}")

    def __radd__(self, other: str) -> "Equations":
        return Equations(f"{other}\n{self.text}")

    def __str__(self) -> str:
        return self.text


class SpikingGroup(Group):
    """A group whose elements can spike, and that can be sliced."""

    has_threshold = True

    def __getitem__(self, item: Any) -> Subgroup:
        return subgroup(self, item)


class NeuronGroup(SpikingGroup):
    """`N` neurons that follow the equations `model`.

    `threshold` is a condition, `reset` assignments; `refractory` a time, text that gives one, or a
    condition as text. `method` is that of integration. Names in the texts are looked up in
    `namespace`, or where `run` is called.
    """

    kind = "neurongroup"

    def __init__(
        self,
        N: int,
        model: Any,
        *,
        method: Any = None,
        method_options: Any = None,
        threshold: str | None = None,
        reset: str | None = None,
        refractory: Any = False,
        events: Any = None,
        namespace: Mapping[str, Any] | None = None,
        dtype: Any = None,
        dt: Any = None,
        clock: Any = None,
        order: int = 0,
        name: str | None = None,
        codeobj_class: Any = None,
    ) -> None:
        if int(N) != N or N < 1:
            raise ValueError(f"NeuronGroup: N must be a whole number from 1, got {N}.")
        super().__init__(int(N), name, order, namespace)
        same_clock(self.name, dt, clock)
        if events:
            refuse("events of one's own", "use threshold and reset")
        for argument, text in (("threshold", threshold), ("reset", reset)):
            if text is not None and not isinstance(text, str):
                raise TypeError(f"{self.name}: {argument} must be text, got {text!r}.")
        self.equations, self.method = equations_of(model), method
        self.threshold, self.resets, self.refractory = threshold, reset, refractory
        self.at_spikes: set[str] = set()
        self.last = np.full(self.N, LONG_AGO, np.int32)
        self.frozen = np.zeros(self.N, np.int32)
        declare(self, self.equations)
        if self.can_freeze:
            self.declare("lastspike", Variable(TIME, FIXED, unit="second"))
            self.declare("not_refractory", Variable(NONE, FIXED))
        for key, (variable, value) in base_variables(self.N).items():
            self.declare(key, variable)
            self.fixed[key] = np.asarray(value)

    @property
    def has_threshold(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.threshold is not None

    @property
    def can_freeze(self) -> bool:
        """Whether neurons are ever refractory."""
        return self.refractory is not False and self.threshold is not None

    def stored(self, name: str) -> np.ndarray:
        if name == "lastspike":
            return np.where(self.last < 0, -1e7, self.last * self.dt_ms)
        if name == "not_refractory":
            return self.frozen <= 0
        return super().stored(name)

    def written(self, namespace: Mapping[str, Any]) -> set[tuple[str, str]]:
        """The variables that its reset sets, by group and name."""
        return {(self.name, s.target) for s in self._statements()}

    def part(self, namespace: Mapping[str, Any], written: set[str]) -> tuple[Part, dict[str, Any]]:
        """The group as it runs, and its state; `written` are the variables that statements set."""
        names = self.names(namespace)
        common = part_of(self, self.equations, names, written, self.method)
        values = common.pop("values")
        spiking: dict[str, Any] = dict.fromkeys(("threshold", "refractory", "refractory_while"))
        if self.threshold is not None:
            spiking["threshold"] = names.expression(self.threshold, None, "threshold", draws=True)
        spiking["resets"] = () if not self.resets else names.statements(self.resets, "reset")
        if self.can_freeze:
            values |= {FROZEN: jnp.asarray(self.frozen), LAST: jnp.asarray(self.last)}
            spiking |= self._refractory(names)
        for name in self.at_spikes:
            values[AT_SPIKE + name] = jnp.zeros(self.N)
        common["constants"] = as_arrays(names.constants)
        common["functions"] = {n: f.on_clock(self.dt_ms) for n, f in names.functions.items()}
        part = NeuronPart(**common, **spiking, at_spikes=tuple(sorted(self.at_spikes)))
        return part, values

    def absorb(self, state: Mapping[str, Any]) -> None:
        """Take up the state after a run."""
        for name in self.values.keys() & state.keys():
            self.values[name] = np.asarray(state[name])
        if self.can_freeze:
            self.frozen, self.last = np.asarray(state[FROZEN]), np.asarray(state[LAST])

    def snapshot(self) -> Any:
        return super().snapshot(), self.frozen, self.last

    def restore(self, kept: Any) -> None:
        super().restore(kept[0])
        self.frozen, self.last = kept[1:]

    def _statements(self) -> Any:
        if not self.resets:
            return ()
        return parse_statements(self.resets, "reset", called(self.resets))

    def _refractory(self, names: Names) -> dict[str, Any]:
        text = self.refractory
        if text is True:
            raise TypeError(f"{self.name}: refractory must be a time or text, got True.")
        if not isinstance(text, str):
            names.constants["refractory of the group"] = np.asarray(as_ms("refractory", text))
            names.dimensions["refractory of the group"] = TIME
            from ..equations import Name

            return {"refractory": Name("refractory of the group")}
        if names.dimension(text, "refractory") is None:
            return {"refractory_while": names.expression(text, None, "refractory")}
        return {"refractory": names.expression(text, TIME, "refractory")}


class PoissonGroup(NeuronGroup):
    """`N` neurons that spike at random with `rates`: a rate, one for each, text, or a TimedArray
    as text."""

    kind = "poissongroup"

    def __init__(
        self,
        N: int,
        rates: Any,
        dt: Any = None,
        clock: Any = None,
        when: str = "thresholds",
        order: int = 0,
        namespace: Mapping[str, Any] | None = None,
        name: str | None = None,
        codeobj_class: Any = None,
    ) -> None:
        if isinstance(rates, TimedArray):
            raise TypeError("PoissonGroup: write a TimedArray as text, such as rates='f(t)'.")
        model = f"rates = {rates} : Hz" if isinstance(rates, str) else "rates : Hz"
        super().__init__(
            N,
            model,
            threshold="rand() < rates * dt",
            dt=dt,
            clock=clock,
            order=order,
            namespace=namespace,
            name=name,
        )
        if not isinstance(rates, str):
            self.put("rates", slice(None), rates)


class SpikeGeneratorGroup(SpikingGroup):
    """`N` neurons of which those of `indices` spike at `times`, repeated each `period`."""

    kind = "spikegeneratorgroup"

    def __init__(
        self,
        N: int,
        indices: Any,
        times: Any,
        dt: Any = None,
        clock: Any = None,
        period: Any = None,
        when: str = "thresholds",
        order: int = 0,
        sorted: bool = False,
        name: str | None = None,
        codeobj_class: Any = None,
    ) -> None:
        super().__init__(int(N), name, order, None)
        same_clock(self.name, dt, clock)
        self.spike_indices = self.spike_times = np.zeros(0)
        self.period_ms = 0.0
        for key, (variable, value) in base_variables(self.N).items():
            self.declare(key, variable)
            self.fixed[key] = np.asarray(value)
        self.set_spikes(indices, times, period)

    def set_spikes(
        self, indices: Any, times: Any, period: Any = None, sorted: bool = False
    ) -> None:
        """Other spikes from now on."""
        indices, (plain, dim) = np.asarray(indices, int), coherent(times)
        if dim != TIME and plain.size:
            raise TypeError(f"{self.name}: times must be times, got {dimension_of(times)}.")
        if indices.shape != plain.shape or indices.ndim != 1:
            raise ValueError(
                f"{self.name}: indices and times must be as many, got {indices.shape} "
                f"and {plain.shape}."
            )
        if indices.size and not (0 <= indices.min() and indices.max() < self.N):
            raise ValueError(f"{self.name}: indices must be from 0 to {self.N - 1}, got {indices}.")
        if plain.size and plain.min() < 0:
            raise ValueError(f"{self.name}: times must not be negative, got {times}.")
        self.spike_indices, self.spike_times = indices, plain.astype(float)
        self.period_ms = 0.0 if period is None else as_ms("period", period)

    def written(self, namespace: Mapping[str, Any]) -> set[tuple[str, str]]:
        """Nothing."""
        return set()

    def part(self, namespace: Mapping[str, Any], written: set[str]) -> tuple[Part, dict[str, Any]]:
        """The group as it runs, and its state."""
        steps = np.floor(self.spike_times / self.dt_ms + 1e-3).astype(np.int32)
        pairs = np.stack([steps, self.spike_indices])
        if np.unique(pairs, axis=1).shape[1] < pairs.shape[1]:
            raise ValueError(f"{self.name}: a neuron spikes more than once in one step.")
        period = round(self.period_ms / self.dt_ms)
        if period and steps.size and steps.max() >= period:
            raise ValueError(f"{self.name}: the period must be longer than all spike times.")
        part = GeneratorPart(
            **empty_part(self), steps=jnp.asarray(steps),
            indices=jnp.asarray(self.spike_indices, jnp.int32), period=period,
        )  # fmt: skip
        return part, {}

    def absorb(self, state: Mapping[str, Any]) -> None:
        """It has no state."""


def declare(group: Group, equations: EquationLines) -> None:
    """Give a group the variables of its equations."""
    for line in equations.lines:
        shared, kind = "shared" in line.flags, STORED
        if line.kind == "subexpression":
            if "constant over dt" in line.flags:
                refuse("the flag 'constant over dt'", "leave it out, or use a parameter")
            kind = SUBEXPRESSION
        variable = Variable(line.dimension, kind, shared, line.expression, line.unit)
        group.declare(line.name, variable)


def empty_part(group: Group) -> dict[str, Any]:
    """The fields of a part without equations."""
    fields = ("rates", "noises", "subexpressions", "freezes")
    none: dict[str, Any] = dict.fromkeys(fields, ())
    none |= {"constants": {}, "parameters": {}, "functions": {}, "solver": None}
    return none | {"name": group.name, "n": group.N}


def part_of(
    group: Group, equations: EquationLines, names: Names, written: set[str], method: Any
) -> dict[str, Any]:
    """The fields of a part with these equations; "values" has its state at the start."""
    texts = {line.name: line for line in equations.lines if line.expression is not None}
    expressions = {}
    for name, line in texts.items():
        is_rate = line.kind == "differential"
        due = line.dimension / TIME if is_rate else line.dimension
        what = f"d{name}/dt" if is_rate else name
        assert line.expression is not None
        expressions[name] = names.expression(line.expression, due, what)
    flowing = [line.name for line in equations.of("differential")]
    subexpressions = {n: e for n, e in expressions.items() if n not in flowing}
    filled = {name: filled_in(expressions[name], subexpressions) for name in flowing}
    rates, noises = drift_and_noise(group.name, filled)
    held = set(names.constants) | (set(group.values) - written - set(flowing)) | {"dt", "i", "N"}
    solver = None
    if rates:
        not_held = {n for n, f in names.functions.items() if not f.is_held(group.dt_ms)}
        solver = solver_of(group.name, method, rates, noises, held, not_held)
    changing = written | set(flowing)
    noisy = {name for name, noise in noises.items() if noise is not None}
    return {
        **empty_part(group),
        "rates": tuple((n, rates[n] if n in noisy else expressions[n]) for n in flowing),
        "noises": tuple((name, noise) for name, noise in noises.items() if noise is not None),
        "subexpressions": tuple(subexpressions.items()),
        "freezes": tuple(x.name for x in equations.lines if "unless refractory" in x.flags),
        "parameters": as_arrays({n: v for n, v in group.values.items() if n not in changing}),
        "solver": solver,
        "values": as_arrays({n: v for n, v in group.values.items() if n in changing}),
    }


def filled_in(expression: Any, subexpressions: Mapping[str, Any]) -> Any:
    """An expression with all subexpressions in their places."""
    for _ in subexpressions:
        expression = substituted(expression, subexpressions)
    return expression


def drift_and_noise(owner: str, rates: Mapping[str, Any]) -> tuple[dict, dict]:
    """Each right-hand side as `drift + amplitude · xi`, the amplitude None without noise."""
    from ..equations import names_in

    drifts, noises, seen = {}, {}, set()
    for name, rate in rates.items():
        own = {n for n in names_in(rate) if n == "xi" or n.startswith("xi_")}
        terms = affine(rate, own)
        if len(own) > 1 or own & seen or terms is None:
            refuse(
                f"the noise in d{name}/dt of {owner}",
                "each equation takes one noise of its own (xi_1, xi_2), added or scaled",
            )
            raise AssertionError
        seen |= own
        from ._linear import ZERO

        drifts[name] = terms.get(None, ZERO)
        noises[name] = terms[own.pop()] if own else None
    return drifts, noises


def _namespace() -> Mapping[str, Any]:
    return caller_names()
