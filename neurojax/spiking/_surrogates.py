"""Surrogates: derivatives that stand for that of a spike in training.

Each is called with the distance to threshold, in the unit of the spike condition. Two of one kind
with the same parameters are equal, so a neuron that is made again is not compiled again. The
default of neurons is `neurojax.core.superspike`, which is `fast_sigmoid(10)`.

Spikes that are drawn at random need no surrogate: with `escape=EscapeNoise(rate, width)`, of
`neurojax.neurons`, a spike has the derivative of its probability. That is 1/2 at threshold if
`rate` is `1000 log(2) / dt` Hz.
"""

import math
from dataclasses import dataclass, fields

import jax.numpy as jnp
from jaxtyping import Array, Float


@dataclass(frozen=True)
class _Parameters:
    """Positive numbers, finite unless infinity is the default."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = float(getattr(self, field.name))
            if not (0 < value < math.inf or value == field.default):
                raise ValueError(
                    f"{type(self).__name__}: {field.name} must be positive and finite, got {value}."
                )
            object.__setattr__(self, field.name, value)


@dataclass(frozen=True)
class fast_sigmoid(_Parameters):
    """`1 / (1 + slope |x|)²`, the derivative of the fast sigmoid `x / (1 + slope |x|)`.

    Raises `ValueError` for a slope that is not positive and finite.
    Source: Zenke & Ganguli 2018, Neural Computation 30(6), eq. 3, with the peak scaled to 1; the
    default slope is snnTorch's.
    """

    slope: float | int = 25.0

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return (1 + self.slope * jnp.abs(x)) ** -2


@dataclass(frozen=True)
class arctan(_Parameters):
    """`alpha/2 / (1 + (π/2 alpha x)²)`, the derivative of `arctan(π/2 alpha x) / π`.

    Raises `ValueError` for an alpha that is not positive and finite.
    Source: Fang et al. 2021, Incorporating learnable membrane time constant, ICCV.
    """

    alpha: float | int = 2.0

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return self.alpha / 2 / (1 + (math.pi / 2 * self.alpha * x) ** 2)


@dataclass(frozen=True)
class triangle(_Parameters):
    """`dampening · max(0, 1 − |x| / width)`.

    Raises `ValueError` for parameters that are not positive and finite.
    Source: Esser et al. 2016, PNAS 113(41); with a dampening factor of 0.3, Bellec et al. 2018,
    Long short-term memory and learning-to-learn in networks of spiking neurons, NeurIPS.
    """

    width: float | int = 1.0
    dampening: float | int = 1.0

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return self.dampening * jnp.maximum(0, 1 - jnp.abs(x) / self.width)


@dataclass(frozen=True)
class gaussian(_Parameters):
    """`exp(−x² / (2 sigma²)) / (sigma √(2π))`, the density of a normal distribution.

    Raises `ValueError` for a sigma that is not positive and finite.
    Source: Yin et al. 2021, Nature Machine Intelligence 3, without the negative sides of their
    multi-Gaussian.
    """

    sigma: float | int = 0.5

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return jnp.exp(-((x / self.sigma) ** 2) / 2) / (self.sigma * math.sqrt(2 * math.pi))


@dataclass(frozen=True)
class straight_through(_Parameters):
    """1 where `|x| ≤ window`, else 0; by default 1 everywhere.

    Raises `ValueError` for a window that is not positive.
    Source: Bengio et al. 2013, arXiv:1308.3432; with a window of 1, Hubara et al. 2016, Binarized
    neural networks, NeurIPS.
    """

    window: float | int = math.inf

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return (jnp.abs(x) <= self.window).astype(x.dtype)
