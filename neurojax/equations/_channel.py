"""From a channel's equations to a `Channel`."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..channels import Channel, Current, Ions, Rates, linearised
from ..core import non_negative
from ._check import CONDITIONS, SPECIAL, place_of
from ._dimension import CURRENT, LENGTH, NONE, VOLTAGE, Dimension
from ._expression import Expression, Name, Unary, evaluate, names_in, substituted, walk
from ._model import DIFFERENTIAL, Equation, Equations, is_noise
from ._print import value_text
from ._reading import Reading
from ._rewrite import ZERO, by_reciprocals, linear_in, with_value
from ._source import EquationError
from ._values import Given, as_given, check_dimension, common_shape, zero
from .units import scale

V = "v"
DENSITY = CURRENT / LENGTH**2
CONCENTRATION = Dimension.of({"substance": 1, "length": -3})


@dataclass(frozen=True)
class Flux:
    """A current by its ion: `conductance · v + offset` where it is linear in v, else `density`."""

    ion: str | None
    density: Expression
    offset: Expression | None = None
    conductance: Expression | None = None


@dataclass(frozen=True)
class ChannelModel:
    """All of a channel that is no number: checked, and in the coherent system.

    Subexpressions are those of v, concentrations and parameters alone, in the order in which they
    can be evaluated. `scales` has NeuroJAX's units that are not coherent ones, by name.
    """

    gates: tuple[str, ...]
    opening: tuple[Expression, ...]
    closing: tuple[Expression, ...]
    fluxes: tuple[Flux, ...]
    subexpressions: tuple[tuple[str, Expression], ...]
    reads: tuple[str, ...]
    scales: tuple[tuple[str, float], ...]
    text: str


class EquationChannel(Channel):
    """A channel that was given as text; see `channel_from_equations`. `parameters` by name are what
    can be trained, in NeuroJAX's units."""

    model: ChannelModel = eqx.field(static=True)
    parameters: dict[str, Array]

    def __check_init__(self) -> None:
        conductances = {n: p for n, p in self.parameters.items() if n == "g" or n.startswith("g_")}
        non_negative("EquationChannel", **conductances)

    @property
    def gates(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.model.gates

    @property
    def reads(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.model.reads

    def rates(self, v: Float[Array, "*shape"], ions: Ions) -> Rates:
        if not self.gates:
            return super().rates(v, ions)
        values = self._values(v, ions)

        def stacked(rates: tuple[Expression, ...]) -> Array:
            each = [jnp.asarray(evaluate(rate, values), v.dtype) for rate in rates]
            return jnp.stack([jnp.broadcast_to(rate, v.shape) for rate in each])

        return stacked(self.model.opening), stacked(self.model.closing)

    def currents(
        self, v: Float[Array, "*shape"], gates: Float[Array, "gates *shape"], ions: Ions
    ) -> tuple[Current, ...]:
        values = self._values(v, ions) | dict(zip(self.gates, gates, strict=True))

        def density(expression: Expression, v: Array) -> Array:
            return jnp.asarray(evaluate(expression, values | {V: v}), v.dtype) / scale(DENSITY)

        def current(flux: Flux) -> Current:
            if flux.conductance is None or flux.offset is None:
                return linearised(flux.ion, lambda v: density(flux.density, v), v)
            return Current(flux.ion, density(flux.conductance, v), -density(flux.offset, v))

        return tuple(current(flux) for flux in self.model.fluxes)

    def _values(self, v: Array, ions: Ions) -> dict[str, Any]:
        """Everything that a rate may use, in the coherent system."""
        values: dict[str, Any] = self.parameters | {V: v} | {n: ions[n] for n in self.reads}
        values |= {name: values[name] * by for name, by in self.model.scales}
        for name, expression in self.model.subexpressions:
            values[name] = evaluate(expression, values)
        return values

    def __repr__(self) -> str:
        lines = [f"  {line.strip()}" for line in self.model.text.strip().split("\n")]
        lines += [f"  {name} = {value_text(p)}" for name, p in self.parameters.items()]
        return "\n".join(["EquationChannel", *lines])


def channel_from_equations(
    model: str | Equations,
    *,
    currents: Mapping[str, str | None],
    parameters: Mapping[str, Any] | None = None,
) -> EquationChannel:
    """An ion channel from its equations as text, for a `Cell` as any other.

    - `model`: lines as in `from_equations`. Gates are `dm/dt = alpha*(1 - m) - beta*m : 1` or
      `dm/dt = (m_inf - m)/tau : 1`, or whatever else is linear in the gate; rates are
      subexpressions of the membrane potential `v`, which is known, and of what is declared. So are
      currents, outward positive, of the unit amp/meter**2. A declared concentration without a
      value, such as `ca : mM`, is read from the pool of that ion.
    - `currents`: those of the subexpressions that are currents, by name, and the ion that carries
      each: `{"I_Na": "na"}`; None where that does not matter.
    - `parameters`: values by name, scalars or one for each compartment that the channel is in;
      numbers in NeuroJAX's units (mV, mS/cm², ms, ...) or quantities. They can be trained; those
      named g and g_... may not be negative.

    A current that is written linear in v is exact in an implicit step, any other is linearised at
    v. Where a rate is zero over zero, write `x/(exp(x) - 1)` as `1/exprel(x)`.

    Raises `EquationError` (a `ValueError` with line and column) for text, and `ValueError` or
    `TypeError` for values.
    """
    values = {n: as_given("parameters", n, p) for n, p in (parameters or {}).items()}
    if V in values:
        raise ValueError("parameters['v']: v is the membrane potential, which the cell knows.")
    reading = Reading(model, values | {V: Given(zero(), VOLTAGE)})
    _refuse_misplaced(reading)
    lines = reading.lines
    for name, given in values.items():
        unit = lines[name].unit if name in lines else ""
        check_dimension("parameters", name, given, reading.dimension(name), unit)
    arrays = {name: given.value for name, given in values.items()}
    common_shape((), arrays)
    return EquationChannel(_channel_model(reading, currents), arrays)


def _channel_model(reading: Reading, currents: Mapping[str, str | None]) -> ChannelModel:
    gates = reading.equations.of(DIFFERENTIAL)
    of_gates = _depending_on(reading, {line.name for line in gates})
    of_gates_or_v = _depending_on(reading, {V, *(line.name for line in gates)})
    constants = (reading.values.keys() - {V}) | (
        set(reading.subexpressions) - _depending_on(reading, {V, *reading.inputs}) - of_gates
    )

    def computed(expression: Expression) -> Expression:
        return by_reciprocals(expression, constants)

    rates = [_rate(reading, line, of_gates) for line in gates]
    scaled = {name: scale(reading.dimension(name)) for name in reading.values}
    return ChannelModel(
        gates=tuple(line.name for line in gates),
        opening=tuple(
            computed(with_value(rate, line.name, 0.0))
            for rate, line in zip(rates, gates, strict=True)
        ),
        closing=tuple(
            computed(Unary("-", with_value(rate, line.name, 1.0)))
            for rate, line in zip(rates, gates, strict=True)
        ),
        fluxes=tuple(
            _flux(ion, _filled(reading, _current(reading, name), of_gates_or_v))
            for name, ion in currents.items()
        ),
        subexpressions=tuple(
            (name, computed(reading.expressions[name]))
            for name in reading.subexpressions
            if name not in of_gates
        ),
        reads=reading.inputs,
        scales=tuple((name, by) for name, by in scaled.items() if by != 1),
        text=reading.equations.source.text,
    )


def _refuse_misplaced(reading: Reading) -> None:
    """What a model of a neuron may have and a channel may not."""
    unknown = {*SPECIAL, *CONDITIONS}
    for line in reading.equations.lines:
        if line.name == V:
            raise EquationError("v is the membrane potential, which the cell knows", line.at)
        if line.name in reading.inputs and line.dimension != CONCENTRATION:
            problem = "has no value, and is no concentration that a channel could read"
            raise EquationError(f"{line.name} {problem}", line.at)
        if line.kind == DIFFERENTIAL and line.dimension != NONE:
            raise EquationError(f"the gate {line.name} has {line.dimension}, not 1", line.at)
        for flag in set(line.flags) - {"constant"}:
            raise EquationError(f"{flag!r} has no meaning in a channel", line.at)
        for node in walk(reading.expressions.get(line.name, ZERO)):
            if isinstance(node, Name) and (node.name in unknown or is_noise(node.name)):
                raise EquationError(f"{node.name} is not known to a channel", place_of(node))


def _depending_on(reading: Reading, names: Set[str]) -> set[str]:
    """The subexpressions that use any of these names, or one that does."""
    found: set[str] = set()
    for name in reading.subexpressions:
        if names_in(reading.expressions[name]) & (names | found):
            found.add(name)
    return found


def _filled(reading: Reading, expression: Expression, names: Set[str]) -> Expression:
    """The expression with these subexpressions filled in."""
    for name in reversed(reading.subexpressions):
        if name in names:
            expression = substituted(expression, {name: reading.expressions[name]})
    return expression


def _rate(reading: Reading, line: Equation, of_gates: Set[str]) -> Expression:
    """The gate's rate of change, which is linear in the gate and has no other gate in it."""
    rate = _filled(reading, reading.expressions[line.name], of_gates)
    for node in walk(rate):
        if isinstance(node, Name) and node.name in reading.variables and node.name != line.name:
            problem = f"d{line.name}/dt depends on {node.name}: gates do not see each other"
            raise EquationError(problem, place_of(node))
    _, slope = linear_in(rate, {line.name}, f"d{line.name}/dt is not linear in {line.name} here")
    if slope is None:
        raise EquationError(f"d{line.name}/dt does not depend on {line.name}", line.at)
    return rate


def _current(reading: Reading, name: str) -> Expression:
    known = reading.subexpressions
    if name not in known:
        raise ValueError(f"currents: {name!r} is none of the subexpressions {', '.join(known)}.")
    line = reading.lines[name]
    if line.dimension != DENSITY:
        problem = f"the current {name} has {line.dimension}, not that of amp/meter**2"
        raise EquationError(problem, line.at)
    return reading.expressions[name]


def _flux(ion: str | None, density: Expression) -> Flux:
    try:
        offset, slope = linear_in(density, {V}, "")
    except EquationError:
        return Flux(ion, density)
    return Flux(ion, density, offset, slope or ZERO)
