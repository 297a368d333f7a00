"""The unit that a line declares."""

from fractions import Fraction

from ._dimension import NONE, Dimension
from ._expression import Binary, Expression, Name, Number, constant
from ._parse import expression_at
from ._source import EquationError, Place, Source, suggestion
from .units import COMMON, lookup

# Types, not units: a whole number has no dimension.
TYPES = {"integer": NONE}


def unit_at(source: Source, text: str, place: Place) -> Dimension:
    """The dimension of a unit such as `volt`, `siemens/meter**2`, `Hz` or `1`."""
    return _dimension(expression_at(source, text, place.start, place.stop), place)


def _dimension(node: Expression, whole: Place) -> Dimension:
    match node:
        case Number(value=1.0):
            return NONE
        case Name(name=name):
            return _named(name, node.at or whole)
        case Binary("*", left, right):
            return _dimension(left, whole) * _dimension(right, whole)
        case Binary("/", left, right):
            return _dimension(left, whole) / _dimension(right, whole)
        case Binary("**", base, exponent):
            power = constant(exponent)
            if power is not None:
                return _dimension(base, whole) ** Fraction(power).limit_denominator(100)
    raise EquationError("this is no unit, such as volt, siemens/meter**2 or 1", node.at or whole)


def _named(name: str, at: Place) -> Dimension:
    unit = lookup(name)
    if unit is not None:
        return unit.dimension
    if name in TYPES:
        return TYPES[name]
    if name == "boolean":
        raise EquationError("conditions cannot be declared; declare a number, `: 1`", at)
    raise EquationError(f"there is no unit {name!r}{suggestion(name, COMMON)}", at)
