"""Energies: what it costs activities to differ from their prediction."""

import abc
from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import as_parameter, is_known, positive


class Energy(eqx.Module):
    """The energy of activities under their prediction, summed over units and samples.

    A subclass owes `__call__(activities, prediction)`. Its parameters are held while weights learn,
    unless it has `learned = True`.
    """

    @abc.abstractmethod
    def __call__(
        self, activities: Float[Array, "..."], prediction: Float[Array, "..."]
    ) -> Float[Array, ""]: ...

    def mean(self, prediction: Any) -> Float[Array, "..."]:
        """The activities that a prediction expects."""
        return prediction

    @property
    def learned(self) -> bool:
        """Whether its parameters are learned with the weights."""
        return False

    @property
    def takes(self) -> tuple[str, ...]:
        """The parts of a prediction, each of the activities' shape; one alone is no tuple."""
        return ("mean",)

    @property
    def has_minimum(self) -> bool:
        """Whether it has one in the activities: what is linear in them is for clamped units."""
        return True


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
        error = activities - prediction
        return 0.5 * jnp.sum(jnp.broadcast_to(self.precision, error.shape) * error**2)


@final
class LearnedGaussian(Energy):
    """`½ Σ [exp(λ) (z − μ)² − λ]` with λ, the logarithm of the precision, learned: a scalar, or one
    for each unit (the activities' shape of one sample).

    The second term, from the density's normalisation, keeps the precision from shrinking to zero;
    at the optimum it is the inverse of the mean squared error.
    Source: Friston 2005, Phil. Trans. R. Soc. B 360, eq. 3.12; Bogacz 2017, J. Math. Psychol. 76,
    sec. 2.4.
    """

    log_precision: Array = eqx.field(converter=as_parameter, default=0.0)

    @property
    def learned(self) -> bool:
        return True

    def __call__(
        self, activities: Float[Array, "..."], prediction: Float[Array, "..."]
    ) -> Float[Array, ""]:
        return _normal(activities, prediction, self.log_precision)


@final
class StateDependentGaussian(Energy):
    """`½ Σ [exp(λ) (z − μ)² − λ]` where both μ and λ, the logarithm of the precision, are
    predicted: the edges' modules return the pair (μ, λ), each of the activities' shape.

    Source: Feldman & Friston 2010, Front. Hum. Neurosci. 4, 215 (state-dependent precision).
    """

    def __call__(
        self,
        activities: Float[Array, "..."],
        prediction: tuple[Float[Array, "..."], Float[Array, "..."]],
    ) -> Float[Array, ""]:
        return _normal(activities, *prediction)

    def mean(self, prediction: Any) -> Float[Array, "..."]:
        return prediction[0]

    @property
    def takes(self) -> tuple[str, ...]:
        return ("mean", "log precision")


def _normal(activities: Array, mean: Array, log_precision: Array) -> Float[Array, ""]:
    error = activities - mean
    log_precision = jnp.broadcast_to(log_precision, error.shape)
    return 0.5 * jnp.sum(jnp.exp(log_precision) * error**2 - log_precision)


@final
class CorrelatedGaussian(Energy):
    """`½ Σ eᵀ Π e` with errors e = z − μ and a precision matrix Π [units, units], for nodes of one
    axis: the inverse of a covariance.

    Raises `ValueError` for a matrix that is not square, symmetric and positive definite.
    """

    precision: Array = eqx.field(converter=as_parameter)

    def __check_init__(self) -> None:
        matrix = self.precision
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            raise ValueError(
                f"CorrelatedGaussian: precision must be a square matrix, has shape {matrix.shape}."
            )
        if not is_known(matrix):
            return
        if not bool(jnp.allclose(matrix, matrix.T)) or float(jnp.linalg.eigvalsh(matrix)[0]) <= 0:
            raise ValueError(
                f"CorrelatedGaussian: precision must be symmetric positive definite, got {matrix}."
            )

    def __call__(
        self, activities: Float[Array, "..."], prediction: Float[Array, "..."]
    ) -> Float[Array, ""]:
        error = activities - prediction
        return 0.5 * jnp.sum((error @ self.precision) * error)


@final
class Categorical(Energy):
    """`−Σ z · log softmax(μ)`: the cross-entropy of class probabilities z under logits μ.

    Source: Pinchetti et al. 2022, Predictive coding beyond Gaussian distributions, sec. 3.
    """

    def __call__(
        self, activities: Float[Array, "..."], prediction: Float[Array, "..."]
    ) -> Float[Array, ""]:
        return -jnp.sum(activities * jax.nn.log_softmax(prediction))

    def mean(self, prediction: Any) -> Float[Array, "..."]:
        return jax.nn.softmax(prediction)

    @property
    def has_minimum(self) -> bool:
        return False


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

    def mean(self, prediction: Any) -> Float[Array, "..."]:
        return jax.nn.sigmoid(prediction)

    @property
    def has_minimum(self) -> bool:
        return False


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


@final
class Weighted(Energy):
    """`weight` times another energy; the weight may be negative."""

    energy: Energy
    weight: Array = eqx.field(converter=as_parameter)

    def __call__(self, activities: Float[Array, "..."], prediction: Any) -> Float[Array, ""]:
        return self.weight * self.energy(activities, prediction)

    def mean(self, prediction: Any) -> Float[Array, "..."]:
        return self.energy.mean(prediction)

    @property
    def learned(self) -> bool:
        return self.energy.learned

    @property
    def takes(self) -> tuple[str, ...]:
        return self.energy.takes

    @property
    def has_minimum(self) -> bool:
        return self.energy.has_minimum


@final
class OwnEnergy(Energy):
    """Any function of activities and prediction that sums over units and samples."""

    function: Callable

    def __call__(self, activities: Float[Array, "..."], prediction: Any) -> Float[Array, ""]:
        return self.function(activities, prediction)


def as_energy(energy: Callable) -> Energy:
    """An energy, or a function made one."""
    return energy if isinstance(energy, Energy) else OwnEnergy(energy)
