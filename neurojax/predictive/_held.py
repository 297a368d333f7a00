"""What a module holds and does not learn."""

from typing import Any, final

import equinox as eqx
import jax
from jaxtyping import Array, PyTree


@final
class Held(eqx.Module):
    """What a module needs and does not learn, such as running statistics; calling it gives it."""

    value: PyTree

    def __call__(self) -> PyTree:
        arrays, rest = eqx.partition(self.value, eqx.is_array)
        return eqx.combine(jax.lax.stop_gradient(arrays), rest)


def learns(module: PyTree) -> PyTree[bool]:
    """Which leaves of a module learn: its inexact arrays but those that are held."""

    def of(part: Any) -> PyTree[bool]:
        held = isinstance(part, Held)
        return jax.tree.map(lambda leaf: not held and eqx.is_inexact_array(leaf), part)

    return jax.tree.map(of, module, is_leaf=lambda x: isinstance(x, Held))


def learning_leaves(module: PyTree) -> list[Array]:
    """The arrays of a module that learn."""
    return jax.tree.leaves(eqx.filter(module, learns(module)))
