"""A model as it is read: names looked up, dimensions checked, expressions put in order."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ._algebra import is_linear_and_coupled
from ._check import Dimensions, is_condition, place_of, resolved
from ._dimension import NONE, TIME, Dimension
from ._expression import Binary, Expression, Name, names_in, substituted, walk
from ._model import (
    DIFFERENTIAL,
    PARAMETER,
    SUBEXPRESSION,
    Equation,
    Equations,
    Statement,
    is_free,
    parse_equations,
    parse_statements,
)
from ._parse import parse_expression
from ._rewrite import by_reciprocals, noise_of, noises_in, sign_of
from ._source import EquationError, Place, suggestion
from ._system import FROZEN, Flowing, Model, Shown
from ._values import Given
from .units import scale, unit_name

# The parameter that a refractory period becomes which is given as a value.
REFRACTORY = "refractory"


class Reading:
    """Reads a model in the order: equations, threshold, reset, refractoriness; then `model`."""

    def __init__(self, model: str | Equations, values: Mapping[str, Given]) -> None:
        equations = parse_equations(model) if isinstance(model, str) else model
        self.equations, self.values = equations, values
        self.lines = {line.name: line for line in equations.lines}
        self.variables = [line.name for line in equations.of(DIFFERENTIAL)]
        self.jumping: list[str] = []
        self.parts: dict[str, Any] = {}
        self.shown: dict[str, Any] = {}
        self._refuse_misplaced()
        given = {name: line.dimension for name, line in self.lines.items()}
        unsaid = {n: g.dimension for n, g in values.items() if n not in given}
        self.dimensions = Dimensions(given | unsaid)
        self.known = {*given, *unsaid}
        self.expressions = {
            line.name: self._checked(line) for line in equations.lines if line.expression
        }
        self.subexpressions = self._in_order()

    def read_spike(self, threshold: str | None, reset: str | None, refractory: str | None) -> None:
        """Threshold, reset and refractoriness, in which subexpressions are filled in."""
        if reset is not None:
            statements = [self._assignment(s) for s in parse_statements(reset)]
            self.parts["reset"] = tuple((s.target, self._after(s)) for s in statements)
            text = "; ".join(line.strip() for line in reset.split("\n") if line.strip())
            self.shown |= {"reset": tuple(statements), "reset_text": text}
        if threshold is not None:
            condition = self._resolved(parse_expression(threshold, "threshold"))
            self.dimensions.condition(condition)
            self.parts["threshold"] = sign_of(self._filled(condition))
            self.shown |= {"threshold": condition, "threshold_text": threshold.strip()}
        if refractory is not None:
            expression = self._resolved(parse_expression(refractory, "refractory"))
            if is_condition(expression):
                self.dimensions.condition(expression)
                self.parts["refractory_while"] = self._filled(expression, ("t", "lastspike"))
            else:
                self.dimensions.expect(expression, TIME, "a refractory period")
                self.parts["refractory"] = self._filled(expression)
            if refractory != REFRACTORY:
                self.shown |= {"refractory": expression, "refractory_text": refractory.strip()}

    def model(self) -> Model:
        """The checked model."""
        subexpressions = {name: self.expressions[name] for name in self.subexpressions}
        noisy = {n: e for n, e in subexpressions.items() if noises_in(self._expanded(e))}
        self._refuse_common_noise()
        flowing = tuple(self._flowing(line, noisy) for line in self.equations.of(DIFFERENTIAL))
        looking_back = [e for e in self._all() if "lastspike" in names_in(e)]
        if looking_back and "threshold" not in self.parts:
            raise EquationError("lastspike needs a threshold", place_of(looking_back[0]))
        constants = self._constants()
        kept = tuple(
            (n, by_reciprocals(e, constants)) for n, e in subexpressions.items() if n not in noisy
        )
        valued = sorted(self.known - subexpressions.keys())
        scales = {name: scale(self.dimension(name)) for name in valued}
        lines = tuple(
            replace(line, expression=self.expressions.get(line.name))
            for line in self.equations.lines
        )
        units = tuple((name, unit_name(self.dimension(name))) for name in valued)
        return Model(
            flowing=flowing,
            subexpressions=kept,
            inputs=self.inputs,
            scales=tuple((name, by) for name, by in scales.items() if by != 1),
            linear=self._is_linear(flowing, kept),
            shown=Shown(lines, units, **self.shown),
            looks_back=bool(looking_back),
            **self.parts,
        )

    @property
    def inputs(self) -> tuple[str, ...]:
        """The declared parameters that have no value."""
        return tuple(
            line.name
            for line in self.equations.of(PARAMETER)
            if line.name not in self.values and line.name not in self.jumping
        )

    def dimension(self, name: str) -> Dimension:
        """By all that was checked."""
        return self.dimensions.of_name(name)

    def check_shared(self, values: Mapping[str, Any]) -> None:
        """Refuse an array for what all neurons share, and a shared rate of what they do not."""
        for line in self.equations.lines:
            if "shared" not in line.flags:
                continue
            if np.shape(values.get(line.name, 0.0)) != ():
                raise ValueError(f"{line.name} is shared: give a number, not an array.")
            used = set() if line.expression is None else names_in(self.expressions[line.name])
            for name in sorted(used & self.lines.keys()):
                if "shared" not in self.lines[name].flags:
                    raise EquationError(f"{line.name} is shared, but {name} is not", line.at)

    def _all(self) -> list[Expression]:
        """The expressions that may look back to the last spike."""
        ending = self.parts.get("refractory_while")
        return [*self.expressions.values(), *([] if ending is None else [ending])]

    def _is_linear(
        self, flowing: tuple[Flowing, ...], subexpressions: tuple[tuple[str, Expression], ...]
    ) -> bool:
        """Whether the exact propagator is for it."""
        if any(variable.noise is not None or variable.shared for variable in flowing):
            return False
        rates = {variable.name: variable.rate for variable in flowing}
        return is_linear_and_coupled(rates, subexpressions, self._constants())

    def _constants(self) -> set[str]:
        """Names, of subexpressions too, whose values are the same at all times."""
        constants = self.values.keys() - set(self.jumping)
        for name in self.subexpressions:
            if names_in(self.expressions[name]) <= constants:
                constants |= {name}
        return constants

    def _refuse_misplaced(self) -> None:
        for name in self.values.keys() - self.lines.keys():
            if name == FROZEN or not is_free(name):
                raise ValueError(f"parameters[{name!r}]: no parameter can have this name.")
        for line in self.equations.lines:
            for flag in ("event-driven", "clock-driven", "constant over dt"):
                if flag in line.flags:
                    raise EquationError(f"{flag!r} has no meaning in from_equations", line.at)
            if line.name == FROZEN:
                raise EquationError(f"{FROZEN} is the name of a part of the state", line.at)
            if line.kind != PARAMETER and line.name in self.values:
                where = "initial" if line.kind == DIFFERENTIAL else "nothing else"
                raise ValueError(
                    f"parameters[{line.name!r}]: {line.name} is given by an equation "
                    f"(its start goes to `{where}`)."
                )

    def _resolved(self, expression: Expression) -> Expression:
        return resolved(expression, self.known)

    def _checked(self, line: Equation) -> Expression:
        expression = self._resolved(line.expression)  # pyright: ignore[reportArgumentType]
        self._refuse_unavailable(expression, ("dt",))
        if line.kind == DIFFERENTIAL:
            self.dimensions.expect(expression, line.dimension / TIME, f"d{line.name}/dt")
        else:
            self.dimensions.expect(expression, line.dimension, line.name)
        return expression

    def _in_order(self) -> list[str]:
        """The subexpressions, each after those it uses."""
        pending = {line.name: line for line in self.equations.of(SUBEXPRESSION)}
        order: list[str] = []
        while pending:
            ready = [n for n in pending if not names_in(self.expressions[n]) & pending.keys()]
            if not ready:
                names = ", ".join(pending)
                raise EquationError(
                    f"{names} depend on each other", next(iter(pending.values())).at
                )
            order += ready
            for name in ready:
                del pending[name]
        return order

    def _expanded(self, expression: Expression) -> Expression:
        """The expression with all subexpressions filled in."""
        for name in reversed(self.subexpressions):
            expression = substituted(expression, {name: self.expressions[name]})
        return expression

    def _filled(self, expression: Expression, may_use: tuple[str, ...] = ()) -> Expression:
        """The expression expanded, for a place where neither time nor the drive is known."""
        expanded = self._expanded(expression)
        unavailable = {"t", "dt", "lastspike", *self.inputs, *noises_in(expanded)} - set(may_use)
        self._refuse_unavailable(expanded, unavailable, place_of(expression))
        return expanded

    def _refuse_unavailable(
        self, expression: Expression, names: Any, place: Place | None = None
    ) -> None:
        for node in walk(expression):
            if isinstance(node, Name) and node.name in names:
                at = place_of(node)
                what = "an input, and not known" if node.name in self.inputs else "not known"
                raise EquationError(f"{node.name} is {what} here", at)

    def _assignment(self, statement: Statement) -> Statement:
        """The statement checked; what it sets, and no equation moves, is a variable that jumps."""
        target, at = statement.target, statement.at
        line = self.lines.get(target)
        if line is None or line.kind == SUBEXPRESSION:
            near = suggestion(target, self.variables)
            raise EquationError(f"{target} is no variable that can be set{near}", at)
        if "shared" in line.flags or "constant" in line.flags:
            raise EquationError(f"{target} is {line.flags[0]} and cannot be set", at)
        if target not in self.variables:
            self.variables.append(target)
            self.jumping.append(target)
        expression = self._resolved(statement.expression)
        if statement.operator in ("*=", "/="):
            self.dimensions.expect(expression, NONE, "a factor")
        else:
            self.dimensions.expect(expression, line.dimension, target)
        return replace(statement, expression=expression)

    def _after(self, statement: Statement) -> Expression:
        """The target's value after the statement."""
        value = self._filled(statement.expression)
        operator = statement.operator[:-1]
        return Binary(operator, Name(statement.target), value) if operator else value

    def _flowing(self, line: Equation, noisy: Mapping[str, Expression]) -> Flowing:
        rate = self.expressions[line.name]
        for name in reversed(list(noisy)):
            rate = substituted(rate, {name: noisy[name]})
        if len(noises_in(rate)) > 1:
            raise EquationError(
                "one equation takes one noise: sqrt(a**2 + b**2)*xi is that of a*xi_1 + b*xi_2",
                line.at,
            )
        constants = self._constants()
        drift, noise = noise_of(rate)
        return Flowing(
            name=line.name,
            rate=by_reciprocals(drift, constants),
            noise=None if noise is None else by_reciprocals(noise, constants),
            freezes="unless refractory" in line.flags,
            shared="shared" in line.flags,
        )

    def _refuse_common_noise(self) -> None:
        owners: dict[str, str] = {}
        for line in self.equations.of(DIFFERENTIAL):
            for noise in noises_in(self._expanded(self.expressions[line.name])):
                if noise in owners:
                    raise EquationError(
                        f"{noise} is in {owners[noise]} and {line.name}: noise that two equations "
                        "share is not supported; give each its own, xi_1 and xi_2",
                        line.at,
                    )
                owners[noise] = line.name
