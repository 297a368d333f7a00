"""What of a module learns, and what it only holds."""

from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, PyTree

from ..core import Held


def learns(module: PyTree) -> PyTree[bool]:
    """Which leaves of a module learn: its inexact arrays but those that are held."""

    def of(part: Any) -> PyTree[bool]:
        held = isinstance(part, Held)
        return jax.tree.map(lambda leaf: not held and eqx.is_inexact_array(leaf), part)

    return jax.tree.map(of, module, is_leaf=lambda x: isinstance(x, Held))


def learning_leaves(module: PyTree) -> list[Array]:
    """The arrays of a module that learn."""
    return jax.tree.leaves(eqx.filter(module, learns(module)))
