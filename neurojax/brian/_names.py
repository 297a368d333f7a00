"""The names beside its own that the package gives: units, and pylab's or numpy's."""

import importlib
from typing import Any

import numpy as np

from ..equations import units as pint_units
from ..equations.units import lookup
from ._quantity import DimensionMismatchError, Quantity, coherent, from_coherent
from ._unsupported import Refused

_PREFIXES = ("", "f", "p", "n", "u", "m", "c", "k", "M", "G")
_SPELLED = (
    *("second", "volt", "amp", "ampere", "siemens", "farad", "ohm", "hertz", "metre", "meter"),
    *("mole", "molar", "kelvin", "coulomb", "joule", "watt", "newton", "pascal", "gram", "liter"),
)
_SHORT = (
    *("ms", "us", "ns", "mV", "uV", "mA", "uA", "nA", "pA", "mS", "uS", "nS", "pS"),
    *("mF", "uF", "nF", "pF", "Hz", "kHz", "MHz", "mM", "uM", "nM"),
    *("cm", "cm2", "cm3", "mm", "mm2", "mm3", "um", "um2", "um3", "nm"),
)
# Of matplotlib: what a script calls says what it lacks.
_PLOTTING = (
    *("plot", "figure", "subplot", "subplots", "xlabel", "ylabel", "title", "legend", "show"),
    *("hist", "scatter", "axvline", "axhline", "xlim", "ylim", "imshow", "colorbar", "savefig"),
    *("bar", "errorbar", "fill_between", "gca", "gcf", "tight_layout", "semilogx", "semilogy"),
)


def unit_names() -> dict[str, Any]:
    """The units: SI's names with prefixes, and the usual short ones."""
    spelled = [prefix + name for name in _SPELLED for prefix in _PREFIXES]
    found = {}
    for name in (*spelled, *_SHORT, "kilogram"):
        if lookup(name) is not None:
            found[name] = Quantity(1.0, getattr(pint_units, name))
    return found


def array_names() -> dict[str, Any]:
    """What pylab gives; of numpy alone where matplotlib is not installed."""
    try:
        names = dict(vars(importlib.import_module("matplotlib.pylab")))
    except ImportError:
        names = {name: Refused(name, "install matplotlib") for name in _PLOTTING}
        for module in (np, np.fft, np.linalg, np.random):
            names |= {name: getattr(module, name) for name in module.__all__}
        names |= {"np": np, "numpy": np}
    return {k: v for k, v in names.items() if not k.startswith("_")} | {"arange": arange}


def arange(*limits: Any, **options: Any) -> Any:
    """numpy's arange, of quantities too."""
    plain = [coherent(limit) for limit in limits]
    dims = {dim for value, dim in plain if np.any(value != 0)}
    if len(dims) > 1:
        raise DimensionMismatchError(f"arange: the units of {limits} do not match.")
    numbers: list[Any] = [value[()] for value, _ in plain]
    values = np.arange(*numbers, **options)
    return from_coherent(values, dims.pop()) if dims else values
