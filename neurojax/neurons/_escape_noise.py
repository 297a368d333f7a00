"""Escape noise: a spike may come before the threshold is reached, or after."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from ..core import as_parameter, non_negative, positive


class EscapeNoise(eqx.Module):
    """Spikes at random, with the hazard `rate · exp(distance / width)`.

    `rate` (Hz) is the hazard at threshold, `width` how soft that is, in the threshold's unit;
    scalars or one for each neuron. In a step of dt a neuron spikes with probability
    `1 − exp(−hazard · dt)`, the hazard taken at the step's end. The derivative of a spike is that
    of its probability: exact for the expected number of spikes in the step; what follows from a
    spike is differentiated as if it were graded.

    Raises `ValueError` for a negative rate or a width that is not positive.
    Source: Gerstner et al. 2014, Neuronal Dynamics, sec. 9.1; Plesser & Gerstner 2000, Neural
    Computation 12.
    """

    rate: Array = eqx.field(converter=as_parameter, default=1000.0)
    width: Array = eqx.field(converter=as_parameter, default=1.0)

    def __check_init__(self) -> None:
        non_negative("EscapeNoise", rate=self.rate)
        positive("EscapeNoise", width=self.width)

    def expected(self, distance: Float[Array, "*shape"], dt: float) -> Float[Array, "*shape"]:
        """The hazard times dt (ms) at this distance past threshold; 1e13 times `rate · dt` at the
        most, where a spike is certain."""
        return self.rate * (dt / 1000) * jnp.exp(jnp.minimum(distance / self.width, 30))


def drawn(expected: Float[Array, "*shape"], key: PRNGKeyArray) -> Float[Array, "*shape"]:
    """1 with probability `1 − exp(−expected)`, else 0, with the derivative of the probability."""
    probability = -jnp.expm1(-expected)
    uniform = jr.uniform(key, probability.shape, probability.dtype)
    spikes = (uniform < probability).astype(probability.dtype)
    return spikes + (probability - jax.lax.stop_gradient(probability))
