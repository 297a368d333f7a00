"""Parameters that training keeps above zero."""

from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from ._checks import positive
from ._reparametrised import Reparametrised


@final
class Positive(Reparametrised):
    """A parameter above zero, held as its logarithm: that is what training moves."""

    log: Array

    @property
    def value(self) -> Array:
        return jnp.exp(self.log)


def kept_positive(model: Any, where: Callable[[Any], Any]) -> Any:
    """The model with the parameters that `where(model)` picks (one or several, as in
    `equinox.tree_at`) held by their logarithms, so that no step of training takes them to zero.

    `simulate` and `spiking.run` take it as it is; `plain(model)` has arrays in their places.
    Raises `ValueError` for a parameter that is not above zero.
    """

    def held(parameter: Array) -> Positive:
        positive(f"kept_positive of {type(model).__name__}", parameter=parameter)
        return Positive(jnp.log(parameter))

    return eqx.tree_at(where, model, replace_fn=held)
