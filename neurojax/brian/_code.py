"""Text of a script's equations and statements: names looked up, dimensions checked."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pint

from ..equations import (
    FUNCTIONS,
    Binary,
    Call,
    Dimension,
    Dimensions,
    EquationError,
    Expression,
    Name,
    is_condition,
    names_in,
    parse_expression,
    parse_statements,
    resolved,
    rewritten,
)
from ..equations.units import lookup
from ._quantity import NONE, DimensionMismatchError, coherent
from ._timed_array import TimedArray

DRAWS = ("rand", "randn")
SPECIAL = ("t", "dt", "lastspike", "not_refractory")
CONSTANTS = ("pi", "e", "inf")


class Assignment(NamedTuple):
    """`target operator expression`; the operator is "=", "+=", "*=", ..."""

    target: str
    operator: str
    expression: Expression


def called(text: str) -> set[str]:
    """What may be a function's name in a text: a name before a bracket."""
    return {n for n in re.findall(r"([^\W\d]\w*)\s*\(", text) if n not in FUNCTIONS}


def is_internal(name: str) -> bool:
    """Whether a name has its meaning from units and constants."""
    return name in CONSTANTS or name in SPECIAL or lookup(name) is not None


class Names:
    """What names mean to one object of a script: its `variables` (with their dimensions), and the
    rest from a namespace: numbers, quantities and TimedArrays, as far as they are used."""

    def __init__(
        self, owner: str, variables: Mapping[str, Dimension], namespace: Mapping[str, Any]
    ) -> None:
        self.owner, self.namespace = owner, namespace
        self.dimensions: dict[str, Dimension] = dict(variables)
        self.constants: dict[str, np.ndarray] = {}
        self.functions: dict[str, TimedArray] = {}

    def expression(
        self, text: str | Expression, due: Dimension | None, what: str, draws: bool = False
    ) -> Expression:
        """An expression of the dimension `due` (None: a condition), names looked up; `draws` where
        rand() and randn() may stand."""
        found = parse_expression(text, what, called(text)) if isinstance(text, str) else text
        self._look_up(found, draws)
        found = resolved(found, self.dimensions)
        plain = rewritten(found, _as_name)
        dimensions = Dimensions(self._with_calls(found))
        try:
            if due is None and not is_condition(plain):
                raise TypeError(f"{self.owner}: {what} is no condition: {text}")
            if due is None:
                dimensions.condition(plain)
            else:
                dimensions.expect(plain, due, what)
        except EquationError as error:
            raise _as_mismatch(error) from None
        return found

    def dimension(self, text: str, what: str) -> Dimension | None:
        """The dimension that an expression has; None for a condition."""
        found = parse_expression(text, what, called(text))
        self._look_up(found, False)
        found = resolved(found, self.dimensions)
        if is_condition(found):
            return None
        return Dimensions(self._with_calls(found)).number(rewritten(found, _as_name))

    def statements(self, text: str, what: str) -> tuple[Assignment, ...]:
        """Assignments, each to a variable and of its dimension."""
        assignments = []
        for statement in parse_statements(text, what, called(text)):
            target, operator = statement.target, statement.operator
            if target not in self.dimensions or target in self.constants:
                known = ", ".join(sorted(self.dimensions))
                raise KeyError(f"{self.owner}: {what} sets {target!r}; its variables are {known}.")
            due = NONE if operator in ("*=", "/=") else self.dimensions[target]
            expression = self.expression(statement.expression, due, target, draws=True)
            assignments.append(Assignment(target, operator, expression))
        return tuple(assignments)

    def _look_up(self, expression: Expression, draws: bool) -> None:
        for name in names_in(expression):
            if name in self.dimensions or is_internal(name) or name.split("_")[0] == "xi":
                continue
            if name not in self.namespace:
                raise KeyError(f"{self.owner}: the name {name!r} is not known here.")
            self.constants[name], self.dimensions[name] = self._constant(name)
        for call in calls_in(expression):
            self._look_up_function(call.function, draws)

    def _look_up_function(self, name: str, draws: bool) -> None:
        if name in DRAWS:
            if not draws:
                raise NotImplementedError(
                    f"{self.owner}: {name}() is drawn in statements, thresholds and initial "
                    "values, and not in equations; noise is xi."
                )
            return
        function = self.namespace.get(name)
        if not isinstance(function, TimedArray):
            raise NotImplementedError(
                f"{self.owner}: {name}(...) is a function of its own, which is not supported; "
                "write it out as an expression, or give a TimedArray."
            )
        self.functions[name] = function

    def _constant(self, name: str) -> tuple[np.ndarray, Dimension]:
        value = self.namespace[name]
        if not isinstance(value, int | float | np.ndarray | np.generic | pint.Quantity):
            raise TypeError(f"{self.owner}: {name} must be a number or a quantity, got {value!r}.")
        plain, dim = coherent(value)
        if plain.size != 1:
            raise TypeError(
                f"{self.owner}: {name} is an array; declare it (`{name} : unit`) and set it, or "
                "make it a TimedArray."
            )
        return plain.reshape(()), dim

    def _with_calls(self, expression: Expression) -> dict[str, Dimension | None]:
        found: dict[str, Dimension | None] = {**self.dimensions}
        for call in calls_in(expression):
            drawn = call.function in DRAWS
            found[_as_name(call).name] = NONE if drawn else self.functions[call.function].dim  # pyright: ignore[reportOptionalMemberAccess]
        return found


def calls_in(expression: Expression) -> list[Call]:
    """The calls of functions that are not the usual ones."""
    own = isinstance(expression, Call) and expression.function not in FUNCTIONS
    found = [expression] if own and isinstance(expression, Call) else []
    return found + [call for part in expression.parts for call in calls_in(part)]


def depends_on(expression: Expression, names: Iterable[str]) -> bool:
    """Whether it uses one of these names, other than as the argument of a TimedArray."""
    return not names_in(rewritten(expression, _as_name)).isdisjoint(names)


def applied(operator: str, old: Expression, new: Expression) -> Expression:
    """What `old operator new` leaves."""
    return new if operator == "=" else Binary(operator[:-1], old, new)


def _as_name(node: Expression) -> Name | None:
    if isinstance(node, Call) and node.function not in FUNCTIONS:
        return Name(f"{node.function}(...)", at=node.at)
    return None


def _as_mismatch(error: EquationError) -> Exception:
    is_mismatch = "dimensions do not match" in error.problem
    return DimensionMismatchError(str(error)) if is_mismatch else error
