"""Names and dimensions of expressions, checked once, when they are read."""

import math
from collections.abc import Iterable, Mapping
from fractions import Fraction

from ._dimension import NONE, TIME, Dimension, Unknowns
from ._expression import (
    COMPARISONS,
    LOGIC,
    Binary,
    Call,
    Expression,
    Name,
    Number,
    Unary,
    UnitName,
    constant,
    rewritten,
)
from ._functions import FUNCTIONS
from ._model import is_noise
from ._source import EquationError, Place, Source, suggestion
from .units import lookup

CONSTANTS = {"pi": math.pi, "e": math.e, "inf": math.inf}
SPECIAL = {"t": TIME, "dt": TIME, "lastspike": TIME}
CONDITIONS = ("not_refractory",)
NOISE = TIME ** Fraction(-1, 2)


def resolved(expression: Expression, known: Iterable[str]) -> Expression:
    """The expression with the names of constants and units replaced by their values; `known` names
    come first. Raises `EquationError` for one that is none of these."""
    known = {*known, *SPECIAL, *CONDITIONS}

    def rule(node: Expression) -> Expression | None:
        if not isinstance(node, Name) or node.name in known or is_noise(node.name):
            return None
        if node.name in CONSTANTS:
            return Number(CONSTANTS[node.name], at=node.at)
        unit = lookup(node.name)
        if unit is not None:
            return UnitName(node.name, unit.value, at=node.at)
        near = suggestion(node.name, {*known, *FUNCTIONS})
        raise EquationError(f"unknown name {node.name!r}{near}", place_of(node))

    return rewritten(expression, rule)


def place_of(node: Expression) -> Place:
    """Where a node stands in its text."""
    return node.at or Place(Source("", "expression"), 0, 0)


class Dimensions:
    """The dimensions of names, and of expressions in them. Those not given are found from how they
    are used, as far as they can be."""

    def __init__(self, given: Mapping[str, Dimension | None]) -> None:
        self._unknowns = Unknowns()
        self._names = SPECIAL | {
            name: self._unknowns.new() if dimension is None else dimension
            for name, dimension in given.items()
        }

    def of_name(self, name: str) -> Dimension:
        """By all that was checked so far."""
        return self._unknowns.known(self._names[name])

    def expect(self, expression: Expression, due: Dimension, what: str) -> None:
        """Refuse an expression of another dimension; `what` it is for."""
        own = self.number(expression)
        if not self._unknowns.equal(own, due):
            due, own = self._unknowns.known(due), self._unknowns.known(own)
            hint = ""
            if own * TIME**-1 == due:
                hint = "; divide by a time, such as a time constant or 1*ms"
            raise EquationError(
                f"dimensions do not match: {what} has {due}, this has {own}{hint}",
                place_of(expression),
            )

    def number(self, node: Expression) -> Dimension:
        """The dimension of an expression that has a number for its value."""
        match node:
            case Number():
                # Zero and infinity are the same in all units.
                return self._unknowns.new() if node.value in (0, math.inf) else NONE
            case UnitName():
                unit = lookup(node.name)
                return NONE if unit is None else unit.dimension
            case Name(name=name) if is_noise(name):
                return NOISE
            case Name(name=name) if name in self._names:
                return self._unknowns.known(self._names[name])
            case Unary("-", operand):
                return self.number(operand)
            case Binary("**", base, exponent):
                return self._power(base, exponent)
            case Binary("*", left, right):
                return self.number(left) * self.number(right)
            case Binary("/", left, right):
                return self.number(left) / self.number(right)
            case Binary("//", left, right):
                self._alike(node, left, right)
                return NONE
            case Binary("+" | "-" | "%", left, right):
                return self._alike(node, left, right)
            case Call(name, arguments):
                return self._call(node, name, arguments)
        hint = "int(...) makes 0 or 1 of it"
        raise EquationError(f"this is a condition where a number is due; {hint}", place_of(node))

    def condition(self, node: Expression) -> None:
        """Check an expression that is true or false."""
        match node:
            case Binary(operator, left, right) if operator in COMPARISONS:
                self._alike(node, left, right)
            case Binary(operator, left, right) if operator in LOGIC:
                self.condition(left)
                self.condition(right)
            case Unary("not", operand):
                self.condition(operand)
            case Name(name=name) if name in CONDITIONS:
                pass
            case _:
                raise EquationError(
                    "this is a number where a condition is due, such as v > 1", place_of(node)
                )

    def _alike(self, node: Expression, *parts: Expression) -> Dimension:
        """The one dimension of several parts."""
        first, *others = parts
        dimension = self.number(first)
        for other in others:
            own = self.number(other)
            if not self._unknowns.equal(dimension, own):
                left, right = self._unknowns.known(dimension), self._unknowns.known(own)
                raise EquationError(
                    f"dimensions do not match: {_shown(first)} has {left}, "
                    f"{_shown(other)} has {right}",
                    place_of(node),
                )
        return self._unknowns.known(dimension)

    def _power(self, base: Expression, exponent: Expression) -> Dimension:
        fixed = constant(exponent)
        if fixed is not None:
            return self.number(base) ** Fraction(fixed).limit_denominator(100)
        self.expect(exponent, NONE, "an exponent")
        self.expect(base, NONE, "the base of a power that is no fixed number")
        return NONE

    def _call(self, node: Expression, name: str, arguments: tuple[Expression, ...]) -> Dimension:
        kind = FUNCTIONS[name].kind if name in FUNCTIONS else "random"
        if kind == "random":
            raise EquationError(f"{name} has no meaning in equations", place_of(node))
        if kind == "same":
            return self._alike(node, *arguments)
        if kind == "root":
            return self.number(arguments[0]) ** Fraction(1, 2)
        if kind == "truth" and is_condition(arguments[0]):
            self.condition(arguments[0])
        elif kind == "sign":
            self.number(arguments[0])
        else:
            self.expect(arguments[0], NONE, f"the argument of {name}")
        return NONE


def is_condition(node: Expression) -> bool:
    """Whether an expression is true or false, rather than a number."""
    match node:
        case Binary(operator, _, _):
            return operator in COMPARISONS or operator in LOGIC
        case Unary(operator, _):
            return operator == "not"
        case Name(name=name):
            return name in CONDITIONS
    return False


def _shown(node: Expression) -> str:
    text = place_of(node).text
    return text if len(text) <= 40 else f"{text[:37]}..."
