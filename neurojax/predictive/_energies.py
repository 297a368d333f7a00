"""Energies: what it costs a layer's activities to differ from their prediction."""

import abc
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import as_parameter, positive


class Energy(eqx.Module):
    """The energy of activities under their prediction, summed over units and samples."""

    @abc.abstractmethod
    def __call__(
        self, activities: Float[Array, "..."], prediction: Float[Array, "..."]
    ) -> Float[Array, ""]: ...


@final
class Gaussian(Energy):
    """`precision/2 · Σ (z − μ)²`: the negative log density of a normal, but for its constant.

    Source: Rao & Ballard 1999, Nature Neuroscience 2, eq. 3; Whittington & Bogacz 2017, Neural
    Computation 29(5), eq. 2.7.
    """

    precision: Array = eqx.field(converter=as_parameter, default=1.0)

    def __check_init__(self) -> None:
        positive("Gaussian", precision=self.precision)

    def __call__(
        self, activities: Float[Array, "..."], prediction: Float[Array, "..."]
    ) -> Float[Array, ""]:
        return 0.5 * jnp.sum(self.precision * (activities - prediction) ** 2)


@final
class Categorical(Energy):
    """`−Σ z · log softmax(μ)`: the cross-entropy of class probabilities z under logits μ.

    Source: Pinchetti et al. 2022, Predictive coding beyond Gaussian distributions, sec. 3.
    """

    def __call__(
        self, activities: Float[Array, "..."], prediction: Float[Array, "..."]
    ) -> Float[Array, ""]:
        return -jnp.sum(activities * jax.nn.log_softmax(prediction))
