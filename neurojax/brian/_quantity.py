"""Quantities that behave as Brian2's: a number of no dimension is a plain one, and each is shown in
the unit that suits it."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pint

from ..equations import Dimension
from ..equations.units import as_unit, lookup, registry

COHERENT = {
    "voltage": "mV",
    "current": "nA",
    "time": "ms",
    "length": "um",
    "substance": "attomole",
    "temperature": "kelvin",
    "luminosity": "candela",
}
NONE = Dimension()


def dimension(unit: str) -> Dimension:
    """The dimension of a unit by name."""
    found = lookup(unit)
    assert found is not None, unit
    return found.dimension


TIME = dimension("ms")


class DimensionMismatchError(Exception):
    """Two values were put together whose dimensions are not the same."""


class Quantity(registry.Quantity):
    """A value with a unit. `float(q)` and numpy's `asarray(q)` give it in SI base units."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.to_base_units().magnitude, dtype)

    def __float__(self) -> float:
        return float(np.asarray(self))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return checked(
            lambda: super(Quantity, self).__array_ufunc__(ufunc, method, *inputs, **kwargs)
        )

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return checked(lambda: super(Quantity, self).__array_function__(func, types, args, kwargs))

    def __repr__(self) -> str:
        return _shown(self, " * ", repr)

    def __str__(self) -> str:
        return _shown(self, " ", str)

    def __format__(self, spec: str) -> str:
        return str(self) if not spec else format(float(self), spec)

    __hash__ = registry.Quantity.__hash__

    @property
    def dim(self) -> Dimension:
        """Its physical dimension."""
        return dimension_of(self)

    def in_unit(self, unit: "Quantity", precision: int | None = None) -> str:
        """Its value in this unit, as text."""
        ratio = checked(lambda: self / unit)
        if isinstance(ratio, pint.Quantity):
            raise DimensionMismatchError(f"the units of {self} and {unit} do not match.")
        value = np.asarray(ratio)
        text = (
            _number(value, str)
            if precision is None
            else np.array2string(value, precision=precision)
        )
        return f"{text} {unit.units:~}".translate(_MICRO)


def collapsed(value: Any) -> Any:
    """The value, as a plain number or array where it has no dimension."""
    if isinstance(value, tuple | list) and any(isinstance(x, pint.Quantity) for x in value):
        return type(value)(map(collapsed, value))
    if not isinstance(value, pint.Quantity):
        return value
    if value.dimensionless:
        plain = value.to_base_units().magnitude
        return plain.item() if isinstance(plain, np.generic) else plain
    return value if isinstance(value, Quantity) else Quantity(value.magnitude, value.units)


def checked(compute: Callable[[], Any]) -> Any:
    """What is computed, collapsed; pint's complaint as Brian2's."""
    try:
        return collapsed(compute())
    except pint.DimensionalityError as error:
        raise DimensionMismatchError(f"the units do not match: {error}") from None


def _operator(name: str) -> None:
    plain = getattr(registry.Quantity, name)

    def operator(self: Quantity, *others: Any) -> Any:
        if any(getattr(x, "is_view", False) for x in others):
            return NotImplemented  # a group's variable knows its own value
        others = tuple(np.asarray(x) if isinstance(x, list | tuple) else x for x in others)
        return checked(lambda: plain(self, *others))

    setattr(Quantity, name, operator)


for _name in (
    *("add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "floordiv", "mod"),
    *("rfloordiv", "rmod", "pow", "lt", "le", "gt", "ge"),
):
    _operator(f"__{_name}__")


def quantity(value: Any, unit: str | Any) -> Any:
    """A value in a unit; plain where it has no dimension."""
    return collapsed(Quantity(np.asarray(value, float) if np.ndim(value) else float(value), unit))


def dimension_of(value: Any) -> Dimension:
    """The dimension of a value from Python."""
    return as_unit(value.units).dimension if isinstance(value, pint.Quantity) else NONE


def get_dimensions(value: Any) -> Dimension:
    """The dimension of a value."""
    return dimension_of(value)


def have_same_dimensions(a: Any, b: Any) -> bool:
    """Whether two values have one dimension."""
    return dimension_of(a) == dimension_of(b)


def is_dimensionless(value: Any) -> bool:
    """Whether a value has no dimension."""
    return dimension_of(value) == NONE


def coherent(value: Any) -> tuple[np.ndarray, Dimension]:
    """A value as an array in the coherent system of ms, mV, nA, µm; and its dimension."""
    if not isinstance(value, pint.Quantity):
        return np.asarray(value), NONE
    unit = as_unit(value.units)
    return np.asarray(np.asarray(value.magnitude) * unit.value), unit.dimension


def from_coherent(value: Any, dim: Dimension) -> Any:
    """The quantity (plain where it has no dimension) of a value in the coherent system."""
    if dim == NONE:
        return value.item() if isinstance(value, np.generic) else value
    unit = registry.Unit("")
    for name, power in dim.powers:
        unit = unit * registry.Unit(COHERENT[name]) ** float(power)
    return quantity(value, unit)


def si(value: Any, dim: Dimension) -> np.ndarray:
    """A value of the coherent system, in SI base units without them."""
    return np.asarray(from_coherent(value, dim))


# A unit by its dimension: what is shown, and whether it takes prefixes.
_SHOWN = {
    dimension(long): short
    for long, short in {
        **{"second": "s", "volt": "V", "amp": "A", "siemens": "S", "farad": "F", "ohm": "ohm"},
        **{"hertz": "Hz", "metre": "m", "coulomb": "C", "mole": "mol", "molar": "M"},
        **{"kelvin": "K", "joule": "J", "watt": "W", "newton": "N"},
    }.items()
}
_PREFIXES = {-15: "f", -12: "p", -9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G"}
_LONG = {"s": "second", "V": "volt", "A": "amp", "S": "siemens", "F": "farad", "Hz": "hertz"}
_LONG |= {"m": "metre", "C": "coulomb", "mol": "mole", "M": "molar", "K": "kelvin"}


def _shown(q: Quantity, between: str, as_text: Callable[[Any], str]) -> str:
    """`10. ms` or `10. * msecond`: in the unit that suits the values."""
    dim, long = dimension_of(q), between != " "
    si_value = np.asarray(q)
    for power in (1, 2, 3):
        base = _SHOWN.get(dim ** Fraction(1, power))
        if base is not None and not (power > 1 and base not in ("m", "s", "V", "A")):
            factor = 1e3 if base == "M" else 1.0  # molar is mol/litre
            si_value = np.asarray(si_value / factor)
            exponent = _exponent(si_value, power)
            name = _PREFIXES[exponent] + (_LONG.get(base, base) if long else base)
            name += "" if power == 1 else f"{power}" if long else f"^{power}"
            scaled = np.asarray(si_value / 10.0 ** (exponent * power))
            return _number(scaled, as_text) + between + name
    unit = f"{q.to_base_units().units:~C}".replace("**", "^").replace("*", " ")
    return f"{_number(si_value, as_text)}{between}{unit}"


# The micro sign, and from pint 0.26 on the Greek letter; Brian2 writes u.
_MICRO = {0xB5: "u", 0x3BC: "u"}


def _exponent(si_value: np.ndarray, power: int) -> int:
    """Of the prefix in which the values are, in their geometric mean, the closest to 10."""
    size = np.abs(si_value[np.isfinite(si_value) & (si_value != 0)])
    if size.size == 0:
        return 0
    mean = float(np.mean(np.log10(size)))
    return min(_PREFIXES, key=lambda exponent: abs(mean - power * exponent - 1))


def _number(value: np.ndarray, as_text: Callable[[Any], str]) -> str:
    rounded = np.array([float(f"{x:.14g}") for x in value.ravel()]).reshape(value.shape)
    text = as_text(rounded)
    if value.ndim == 0:
        text = str(np.array2string(rounded)) if as_text is str else np.array2string(rounded)
    return text
