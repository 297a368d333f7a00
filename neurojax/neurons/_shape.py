"""The shape of a population."""

import dataclasses
from typing import Any

import numpy as np


def common_shape(neuron: Any) -> tuple[int, ...]:
    """The shape that a neuron's `shape` and its array parameters agree on.

    A parameter whose field is marked "stacked" has an axis of its own before it.
    Raises `ValueError` naming the first parameter that does not fit.
    """
    shape = tuple(neuron.shape)
    for field in dataclasses.fields(neuron):
        own = np.shape(getattr(neuron, field.name))
        if field.metadata.get("stacked", False):
            own = own[1:]
        if field.metadata.get("static", False) or own == ():
            continue
        if shape == ():
            shape = own
        if own != shape:
            raise ValueError(
                f"{type(neuron).__name__}: {field.name} has shape {own}, the population {shape}."
            )
    return shape
