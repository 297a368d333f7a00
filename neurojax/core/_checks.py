"""Checks of what a user hands in: each failure names the argument, the value and what was due."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree


def is_known(x: Any) -> bool:
    """Whether the value of `x` can be looked at now (it is no tracer)."""
    return not isinstance(x, jax.core.Tracer)


def as_parameter(x: Any) -> Array:
    """A parameter as an array: a Python float would be recompiled for each value and never trained.

    Integers become the default float; arrays of floats keep their dtype.
    """
    if isinstance(x, jax.Array | np.ndarray) and jnp.issubdtype(x.dtype, jnp.inexact):
        return jnp.asarray(x)
    return jnp.asarray(x, dtype=jnp.result_type(float))


def positive(owner: str, **values: Any) -> None:
    """Refuse values that must be above zero and are not."""
    for name, value in values.items():
        _refuse(owner, name, value, lambda x: x > 0, "must be positive")


def non_negative(owner: str, **values: Any) -> None:
    """Refuse values that must be at least zero and are not."""
    for name, value in values.items():
        _refuse(owner, name, value, lambda x: x >= 0, "must not be negative")


def _refuse(
    owner: str, name: str, value: Any, holds: Callable[[np.ndarray], np.ndarray], what: str
) -> None:
    if is_known(value) and not bool(np.all(holds(np.asarray(value)))):
        raise ValueError(f"{owner}: {name} {what}, got {_shown(value)}.")


def refuse_nan(tree: PyTree, argument: str) -> None:
    """Refuse a NaN in any array of `tree`, naming its place."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        if not is_known(leaf) or not (isinstance(leaf, float) or eqx.is_inexact_array(leaf)):
            continue
        if bool(np.isnan(np.asarray(leaf, np.float64)).any()):
            place = f"{argument}{jax.tree_util.keystr(path)}"
            raise ValueError(f"{place} holds NaN, got {_shown(leaf)}.")


def _shown(value: Any) -> str:
    array = np.asarray(value)
    return (
        str(array.item()) if array.ndim == 0 else np.array2string(array, threshold=6, edgeitems=2)
    )
