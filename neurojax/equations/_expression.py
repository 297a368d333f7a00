"""Expressions: what is read of a model's text, frozen and hashable, and their evaluation."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import jax
import jax.numpy as jnp

from ._functions import FUNCTIONS
from ._source import Place


@dataclass(frozen=True)
class Expression:
    """A node. `at` is its place in the text, and no part of what it is."""

    at: Place | None = field(default=None, compare=False, repr=False, kw_only=True)

    @property
    def parts(self) -> tuple["Expression", ...]:
        """The expressions that it is made of."""
        return ()


@dataclass(frozen=True)
class Number(Expression):
    """A number as written."""

    value: float


@dataclass(frozen=True)
class UnitName(Expression):
    """A unit, by its value in the coherent system."""

    name: str
    value: float


@dataclass(frozen=True)
class Name(Expression):
    """A variable, a parameter, or what else has a name."""

    name: str


@dataclass(frozen=True)
class Unary(Expression):
    """`-` or `not`."""

    operator: str
    operand: Expression

    @property
    def parts(self) -> tuple[Expression, ...]:
        return (self.operand,)


@dataclass(frozen=True)
class Binary(Expression):
    """`+ - * / // % **`, `< <= > >= == !=`, `and`, `or`."""

    operator: str
    left: Expression
    right: Expression

    @property
    def parts(self) -> tuple[Expression, ...]:
        return (self.left, self.right)


@dataclass(frozen=True)
class Call(Expression):
    """A function of its arguments."""

    function: str
    arguments: tuple[Expression, ...]

    @property
    def parts(self) -> tuple[Expression, ...]:
        return self.arguments


ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
}
COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}
LOGIC: dict[str, Callable[[Any, Any], Any]] = {"and": jnp.logical_and, "or": jnp.logical_or}


def walk(expression: Expression) -> Iterator[Expression]:
    """The expression and all within it, from the left."""
    yield expression
    for part in expression.parts:
        yield from walk(part)


def names_in(expression: Expression) -> set[str]:
    """The names that it uses (of functions and units not)."""
    return {node.name for node in walk(expression) if isinstance(node, Name)}


def rewritten(
    expression: Expression, rule: Callable[[Expression], Expression | None]
) -> Expression:
    """The expression with each node for which `rule` gives another replaced, from the leaves up."""
    changes: dict[str, Any] = {}
    for part in fields(expression):
        value = getattr(expression, part.name)
        if isinstance(value, Expression):
            changes[part.name] = rewritten(value, rule)
        elif part.name == "arguments":
            changes[part.name] = tuple(rewritten(a, rule) for a in value)
    rebuilt = replace(expression, **changes) if changes else expression
    new = rule(rebuilt)
    return rebuilt if new is None else new


def substituted(expression: Expression, by: Mapping[str, Expression]) -> Expression:
    """The expression with names replaced by expressions."""
    return rewritten(expression, lambda node: by.get(node.name) if isinstance(node, Name) else None)


def constant(expression: Expression) -> float | None:
    """The value of an expression of numbers alone, in Python's floats; None for any other.

    Raises `ArithmeticError` where it is no finite real number.
    """
    if isinstance(expression, Number):
        return expression.value
    if isinstance(expression, Unary) and expression.operator == "-":
        value = constant(expression.operand)
        return None if value is None else -value
    if isinstance(expression, Binary) and expression.operator in (*ARITHMETIC, "**"):
        left, right = constant(expression.left), constant(expression.right)
        if left is None or right is None:
            return None
        value = (ARITHMETIC | {"**": pow})[expression.operator](left, right)
        if isinstance(value, complex) or not math.isfinite(value):
            raise ArithmeticError(f"{value} is no finite real number")
        return value
    return None


def evaluate(
    expression: Expression,
    values: Mapping[str, Any],
    functions: Mapping[str, Callable[..., Any]] | None = None,
) -> Any:
    """The value of an expression, with those of its names, in the coherent system.

    Values are arrays or floats; `functions` adds to (or replaces) the usual ones.
    """

    def value(node: Expression) -> Any:
        match node:
            case Number() | UnitName():
                return node.value
            case Name():
                return values[node.name]
            case Unary("-", operand):
                return -value(operand)
            case Unary("not", operand):
                return jnp.logical_not(value(operand))
            case Binary("**", base, exponent):
                return _power(value(base), _exponent(exponent, value))
            case Binary(operator, left, right):
                return (ARITHMETIC | COMPARISONS | LOGIC)[operator](value(left), value(right))
            case Call(name, arguments):
                given = None if functions is None else functions.get(name)
                return (given or FUNCTIONS[name].apply)(*map(value, arguments))
        raise TypeError(f"no expression: {node!r}")

    return value(expression)


def _exponent(node: Expression, value: Callable[[Expression], Any]) -> Any:
    fixed = constant(node)
    return value(node) if fixed is None else fixed


def _power(base: Any, exponent: Any) -> Any:
    """`base ** exponent`: by multiplication where the exponent is a whole number."""
    if isinstance(base, float) and isinstance(exponent, float):
        return base**exponent
    if isinstance(exponent, float) and exponent.is_integer() and abs(exponent) <= 64:
        return jax.lax.integer_pow(jnp.asarray(base), int(exponent))
    if isinstance(exponent, float) and exponent == 0.5:
        return jnp.sqrt(base)
    return jnp.power(base, exponent)
