"""Checks for the `__post_init__` of a Config: a ValueError names the option as it is typed.

An option that is None was not given, and is whatever a recipe says.
"""

import math
from typing import Any


def option(name: str) -> str:
    """The command-line spelling of a field."""
    return "--" + name.replace("_", "-")


def at_least(config: Any, bound: float, *names: str) -> None:
    for name in names:
        _require(config, name, lambda value: value >= bound, f"at least {bound}")


def positive(config: Any, *names: str) -> None:
    for name in names:
        _require(config, name, lambda value: value > 0, "positive and finite")


def in_range(config: Any, low: float, high: float, *names: str) -> None:
    for name in names:
        _require(config, name, lambda value: low <= value <= high, f"from {low} to {high}")


def distinct(config: Any, *names: str) -> None:
    """Of tuples: no value twice."""
    for name in names:
        values = getattr(config, name)
        if len(set(values)) < len(values):
            raise ValueError(f"{option(name)} must differ, got {' '.join(map(str, values))}")


def _require(config: Any, name: str, holds, expected: str) -> None:
    """A tuple of numbers is checked number by number."""
    value = getattr(config, name)
    if value is None:
        return
    for number in value if isinstance(value, tuple) else (value,):
        if not (math.isfinite(number) and holds(number)):
            raise ValueError(f"{option(name)} must be {expected}, got {value}")
