"""Units with dimensions: of numbers in equations, and of values given from Python.

`from neurojax.equations.units import ms, mV` gives pint's units (`10 * ms` is a quantity), from
pint's application registry. Names are an SI prefix and a unit, as `msiemens`, `ufarad`, `umetre`,
or the usual short forms, as `mV`, `nS`, `Mohm`, `kHz`; lengths also with their power, as `cm2`.

A plain number stands for one in NeuroJAX's units: ms, mV, nA, µm, µS, nF, MΩ, mM, mS/cm², µF/cm²,
µA/cm², Ω·cm, Hz. Inside equations all is in one coherent system of ms, mV, nA, µm and mM, of which
those per area, Ω·cm and Hz are not part: `scale` has their values in it.
"""

import functools
import math
import re
from fractions import Fraction
from typing import Any, NamedTuple

import pint

from ._dimension import (
    CAPACITANCE,
    CONDUCTANCE,
    CURRENT,
    LENGTH,
    TIME,
    VOLTAGE,
    Dimension,
    is_determined,
    product,
)

registry: Any = pint.get_application_registry()

SPELLED = (
    "second|volt|amp|ampere|siemens|farad|ohm|hertz|metre|meter|gram|mole|mol|molar|kelvin|coulomb"
    "|liter|litre|newton|joule|watt|pascal|candela"
)
PREFIXED = "([fpnumkMG]?)"
_SPELLED = re.compile(rf"{PREFIXED}({SPELLED})")
_SHORT = re.compile(r"[fpnumkMG](V|A|S|F|s|M)|[kM]?Hz|[kMG]?Ohm")
_LENGTH = re.compile(r"((?:[fpnumck]?)(?:m|metre|meter))([23]?)")
COMMON = (
    *("second", "ms", "us", "ns", "hertz", "Hz", "kHz", "volt", "mV", "uV"),
    *("amp", "uA", "nA", "pA", "siemens", "mS", "uS", "nS", "pS", "farad", "uF", "nF", "pF"),
    *("ohm", "kohm", "Mohm", "Gohm", "metre", "meter", "cm", "mm", "um", "nm", "cm2", "um2"),
    *("coulomb", "mole", "molar", "mM", "uM", "nM", "kelvin"),
)
__all__ = ["COMMON", "Unit", "lookup", "registry", "scale", *COMMON]  # pyright: ignore[reportUnsupportedDunderAll]

# The coherent unit of each SI base dimension, in SI: mass follows from mV, nA, ms and µm.
_COHERENT = {
    "[length]": 1e-6,
    "[mass]": 1e-9,
    "[time]": 1e-3,
    "[current]": 1e-9,
    "[substance]": 1e-18,
    "[temperature]": 1.0,
    "[luminosity]": 1.0,
}
_DIMENSIONS = {
    "[length]": LENGTH,
    "[mass]": VOLTAGE * CURRENT * TIME**3 / LENGTH**2,
    "[time]": TIME,
    "[current]": CURRENT,
    "[substance]": Dimension.of({"substance": 1}),
    "[temperature]": Dimension.of({"temperature": 1}),
    "[luminosity]": Dimension.of({"luminosity": 1}),
}
# NeuroJAX's units that are not the coherent ones, in them.
_SCALES = {
    CONDUCTANCE / LENGTH**2: 1e-5,  # mS/cm²
    CAPACITANCE / LENGTH**2: 1e-5,  # µF/cm²
    CURRENT / LENGTH**2: 1e-5,  # µA/cm²
    VOLTAGE / CURRENT * LENGTH: 1e-2,  # Ω·cm
    TIME**-1: 1e-3,  # Hz
}
_UNIT_NAMES = {
    TIME: "ms",
    VOLTAGE: "mV",
    CURRENT: "nA",
    LENGTH: "µm",
    CONDUCTANCE: "µS",
    CAPACITANCE: "nF",
    VOLTAGE / CURRENT: "MΩ",
    CURRENT * TIME: "pC",
    Dimension.of({"substance": 1, "length": -3}): "mM",
    CONDUCTANCE / LENGTH**2: "mS/cm²",
    CAPACITANCE / LENGTH**2: "µF/cm²",
    CURRENT / LENGTH**2: "µA/cm²",
    VOLTAGE / CURRENT * LENGTH: "Ω·cm",
    TIME**-1: "Hz",
}


class Unit(NamedTuple):
    """A unit's value in the coherent system, and its dimension."""

    value: float
    dimension: Dimension


def scale(dimension: Dimension) -> float:
    """NeuroJAX's unit of this dimension, in the coherent system."""
    return _SCALES.get(dimension, 1.0)


def unit_name(dimension: Dimension) -> str:
    """NeuroJAX's unit of this dimension as it is written behind a number; nothing if unknown."""
    if not dimension.powers or not is_determined(dimension):
        return ""
    return " " + _UNIT_NAMES.get(dimension, f"(ms, mV, nA, µm, mM; {dimension})")


@functools.cache
def lookup(name: str) -> Unit | None:
    """The unit of this name; None if there is none."""
    pint_unit = _pint_unit(name)
    return None if pint_unit is None else as_unit(pint_unit)


def as_unit(pint_unit: Any) -> Unit:
    """A pint unit, of any registry, in the coherent system."""
    factor, base = pint_unit._REGISTRY.get_base_units(pint_unit)
    powers = {name: Fraction(p).limit_denominator(100) for name, p in base.dimensionality.items()}
    unknown = set(powers) - set(_DIMENSIONS)
    if unknown:
        raise ValueError(f"the unit {pint_unit} has a dimension that no model has: {unknown}.")
    value = float(factor) / math.prod(_COHERENT[name] ** float(p) for name, p in powers.items())
    dimension = product(_DIMENSIONS[name] ** p for name, p in powers.items())
    return Unit(float(f"{value:.14g}"), dimension)  # 1e-9 · 1e9 is 1


def _pint_unit(name: str) -> Any:
    length = _LENGTH.fullmatch(name)
    if length and name != "m":
        return registry.Unit(length[1]) ** int(length[2] or 1)
    if _SPELLED.fullmatch(name) or _SHORT.fullmatch(name) or name == "kilogram":
        return registry.Unit(name.replace("Ohm", "ohm"))
    return None


def __getattr__(name: str) -> Any:
    unit = _pint_unit(name)
    if unit is None:
        raise AttributeError(f"no unit is named {name!r}")
    return unit
