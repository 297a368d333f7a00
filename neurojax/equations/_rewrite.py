"""Expressions taken apart: a threshold's sign, and the noise in a rate."""

from collections.abc import Set

from ._check import place_of
from ._expression import Binary, Call, Expression, Name, Number, Unary, names_in, rewritten
from ._model import is_noise
from ._source import EquationError

# Added to the sign of `a >= b`, it leaves every number but zero as it is: the smallest normal one.
TINY = 1.1754943508222875e-38
ZERO, ONE = Number(0.0), Number(1.0)


def sign_of(condition: Expression) -> Expression:
    """A number that is above zero where the condition holds, and rises through it where it begins
    to: `a > b` by a − b, `and` by the minimum, `or` by the maximum, `not` by the opposite.

    Raises `EquationError` for a condition without one, such as `a == b`.
    """
    match condition:
        case Binary(">", left, right):
            return Binary("-", left, right, at=condition.at)
        case Binary("<", left, right):
            return Binary("-", right, left, at=condition.at)
        case Binary(">=", left, right):
            return Binary("+", Binary("-", left, right), Number(TINY), at=condition.at)
        case Binary("<=", left, right):
            return sign_of(Binary(">=", right, left, at=condition.at))
        case Binary("and", left, right):
            return Call("minimum", (sign_of(left), sign_of(right)), at=condition.at)
        case Binary("or", left, right):
            return Call("maximum", (sign_of(left), sign_of(right)), at=condition.at)
        case Unary("not", operand):
            return sign_of(_opposite(operand))
    raise EquationError(
        "a threshold needs comparisons by > or <, that a value can cross", place_of(condition)
    )


def _opposite(condition: Expression) -> Expression:
    other = {">": "<=", "<": ">=", ">=": "<", "<=": ">"}
    match condition:
        case Binary(operator, left, right) if operator in other:
            return Binary(other[operator], left, right, at=condition.at)
        case Binary("and" | "or" as operator, left, right):
            swapped = "or" if operator == "and" else "and"
            return Binary(swapped, _opposite(left), _opposite(right), at=condition.at)
        case Unary("not", operand):
            return operand
    return condition


def noises_in(expression: Expression) -> set[str]:
    """The white noises that it uses."""
    return {name for name in names_in(expression) if is_noise(name)}


def noise_of(rate: Expression) -> tuple[Expression, Expression | None]:
    """A rate as (drift, amplitude): `drift + amplitude · xi`, None without noise.

    Raises `EquationError` where the rate is not linear in its noise.
    """
    problem = "white noise can only be added, or multiplied by a factor"
    return linear_in(rate, noises_in(rate), problem)


def linear_in(
    expression: Expression, names: Set[str], problem: str
) -> tuple[Expression, Expression | None]:
    """An expression as (offset, slope): `offset + slope · x`, where any of the names is x; None
    where there is none.

    Raises `EquationError` with that problem for a part that is not of this form as it is written.
    """

    def holds(node: Expression) -> bool:
        return not names.isdisjoint(names_in(node))

    def split(node: Expression) -> tuple[Expression, Expression | None]:
        if not holds(node):
            return node, None
        match node:
            case Name():
                return ZERO, ONE
            case Unary("-", operand):
                offset, slope = split(operand)
                return _sum("-", ZERO, offset), _sum("-", ZERO, slope or ZERO)
            case Binary("+" | "-" as operator, left, right):
                (a, n), (b, m) = split(left), split(right)
                return _sum(operator, a, b), _sum(operator, n or ZERO, m or ZERO)
            case Binary("*", left, right) if not (holds(left) and holds(right)):
                (a, n), (b, m) = split(left), split(right)
                return _scaled("*", a, b), _scaled("*", n or a, m or b)
            case Binary("/", left, right) if not holds(right):
                offset, slope = split(left)
                return _scaled("/", offset, right), _scaled("/", slope or ZERO, right)
        raise EquationError(problem, place_of(node))

    return split(expression)


def with_value(expression: Expression, name: str, value: float) -> Expression:
    """The expression at a value of one of its names, without the terms that vanish there."""

    def rule(node: Expression) -> Expression | None:
        match node:
            case Name() if node.name == name:
                return Number(value)
            case Unary("-", Number(value=number)):
                return Number(-number)
            case Binary("+" | "-" as operator, Number(value=a), Number(value=b)):
                return Number(a + b if operator == "+" else a - b)
            case Binary("+" | "-" as operator, left, right):
                return _sum(operator, left, right)
            case Binary("*" | "/" as operator, left, right) if right != ZERO or operator == "*":
                return _scaled(operator, left, right)
        return None

    return rewritten(expression, rule)


def by_reciprocals(expression: Expression, constants: Set[str]) -> Expression:
    """The expression with what varies multiplied by 1/c, instead of divided by a constant c: that
    is computed once, and the division not in each step."""

    def rule(node: Expression) -> Expression | None:
        match node:
            case Binary("/", left, right):
                if names_in(right) <= constants and not names_in(left) <= constants:
                    return Binary("*", left, Binary("/", Number(1.0), right), at=node.at)
        return None

    return rewritten(expression, rule)


def _sum(operator: str, a: Expression, b: Expression) -> Expression:
    """`a ± b` without zeros."""
    if b == ZERO:
        return a
    if a == ZERO:
        return b if operator == "+" else Unary("-", b)
    return Binary(operator, a, b)


def _scaled(operator: str, a: Expression, b: Expression) -> Expression:
    """`a · b` or `a / b` without zeros and ones."""
    if ZERO in (a, b):
        return ZERO
    if operator == "*" and ONE in (a, b):
        return b if a == ONE else a
    return a if b == ONE else Binary(operator, a, b)
