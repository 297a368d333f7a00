"""Where updates come from: by backpropagation of a loss."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

Metrics = dict[str, Float[Array, ""]]
Loss = Callable[[Any, PyTree, PRNGKeyArray], tuple[Float[Array, ""], Metrics]]


class by_backprop(eqx.Module):
    """The gradient of `loss(model, batch, key) -> (mean loss, metrics)`."""

    loss: Loss

    def __call__(self, model: Any, batch: PyTree, key: PRNGKeyArray) -> tuple[PyTree, Metrics]:
        value_and_grad = eqx.filter_value_and_grad(self.loss, has_aux=True)
        (loss, metrics), gradient = value_and_grad(model, batch, key)
        return gradient, {"loss": loss, **metrics}
