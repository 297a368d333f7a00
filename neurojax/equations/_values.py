"""Values given from Python: plain numbers and arrays, or pint quantities."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import pint
from jaxtyping import Array

from ..core import as_parameter
from ._dimension import TIME, Dimension
from .units import as_unit, scale

RATE = TIME**-1


class Given(NamedTuple):
    """A value in NeuroJAX's unit of its dimension; `dimension` is None where it is not said."""

    value: Array
    dimension: Dimension | None


def as_given(argument: str, name: str, value: Any) -> Given:
    """A number, an array or a quantity as an array. Raises `TypeError` for anything else."""
    if isinstance(value, pint.Unit):
        value = 1 * value
    try:
        if isinstance(value, str):
            raise TypeError("text")
        if not isinstance(value, pint.Quantity):
            return Given(as_parameter(value), None)
        unit = as_unit(value.units)
        factor = unit.value / scale(unit.dimension)
        return Given(as_parameter(as_parameter(value.magnitude) * factor), unit.dimension)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{argument}[{name!r}] must be a number, an array or a quantity, got {value!r}."
        ) from error


def check_dimension(argument: str, name: str, given: Given, due: Dimension, unit: str) -> None:
    """Refuse a value of another dimension than that which its name has.

    A plain rate could be per ms, as times are in ms, or in Hz: it is taken for Hz where it is
    declared as one, and refused elsewhere.
    """
    if given.dimension is None:
        if due == RATE and unit not in ("Hz", "hertz", "1/second", "second**-1"):
            raise ValueError(
                f"{argument}[{name!r}] is a rate, and a plain number could be per ms or in Hz: "
                f"give it its unit, as in {name}=0.1/ms, with neurojax.equations.units."
            )
    elif given.dimension != due:
        raise ValueError(
            f"{argument}[{name!r}] has dimension {given.dimension}, but {name} has {due}."
        )


def common_shape(shape: tuple[int, ...], values: Mapping[str, Array]) -> tuple[int, ...]:
    """The shape that the population and all arrays agree on. Raises `ValueError` naming the first
    that does not fit."""
    for name, value in values.items():
        if np.shape(value) == ():
            continue
        shape = np.shape(value) if shape == () else shape
        if np.shape(value) != shape:
            raise ValueError(f"{name} has shape {np.shape(value)}, the population {shape}.")
    return shape


def zero() -> Array:
    """Where a variable starts unless told otherwise."""
    return jnp.zeros((), jnp.result_type(float))
