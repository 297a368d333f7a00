"""Parameters held as something else than what a model computes with."""

import abc
from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, PyTree


class Reparametrised(eqx.Module):
    """Stands in a model in place of a parameter, and holds what training moves: its logarithm, a
    weight that is not yet rounded. `value` is the parameter."""

    @property
    @abc.abstractmethod
    def value(self) -> Array: ...


def plain(model: PyTree) -> PyTree:
    """The model with an array in place of each parameter that is `Reparametrised`."""

    def is_leaf(x: Any) -> bool:
        return isinstance(x, Reparametrised)

    return jax.tree.map(lambda x: x.value if is_leaf(x) else x, model, is_leaf=is_leaf)
