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


@final
class Bernoulli(Energy):
    """`−Σ [z log σ(μ) + (1 − z) log(1 − σ(μ))]`: the cross-entropy of independent probabilities z,
    in [0, 1], under logits μ. Linear in z: for units that are clamped.

    Source: Bishop 2006, Pattern Recognition and Machine Learning, eq. 4.90.
    """

    def __call__(
        self, activities: Float[Array, "..."], prediction: Float[Array, "..."]
    ) -> Float[Array, ""]:
        return jnp.sum(jax.nn.softplus(prediction) - activities * prediction)


@final
class Laplace(Energy):
    """`Σ |z − μ| / scale`: the negative log density of Laplace's distribution, without a constant.

    Its slope has one size everywhere and jumps at 0, where the gradient is taken to be 0: Euler
    steps come within step_size / scale of the prediction, and no nearer.
    """

    scale: Array = eqx.field(converter=as_parameter, default=1.0)

    def __check_init__(self) -> None:
        positive("Laplace", scale=self.scale)

    def __call__(
        self, activities: Float[Array, "..."], prediction: Float[Array, "..."]
    ) -> Float[Array, ""]:
        error = activities - prediction
        return jnp.sum(error * jnp.sign(error) / self.scale)  # JAX's slope of |x| at 0 is 1


@final
class Huber(Energy):
    """`Σ e²/2` where an error e = z − μ is at most δ, the threshold, and beyond `δ (|e| − δ/2)`:
    Gaussian near the prediction, with the tails of Laplace's.

    Source: Huber 1964, Ann. Math. Statist. 35, 73–101, sec. 4.
    """

    threshold: Array = eqx.field(converter=as_parameter, default=1.0)

    def __check_init__(self) -> None:
        positive("Huber", threshold=self.threshold)

    def __call__(
        self, activities: Float[Array, "..."], prediction: Float[Array, "..."]
    ) -> Float[Array, ""]:
        size = jnp.abs(activities - prediction)
        near = jnp.minimum(size, self.threshold)
        return jnp.sum(near * (size - near / 2))
