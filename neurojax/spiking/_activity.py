"""Penalties of too little or too much activity, to be added to a loss.

Spikes are [time, samples, *neurons], of one layer; a penalty is the mean over samples and neurons.
All are differentiable.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import non_negative


def low_activity_penalty(
    spikes: Float[Array, "time samples *neurons"],
    least: float | int,
    *,
    population: bool = False,
) -> Float[Array, ""]:
    """`max(0, least − count)²` of each neuron's spike count, or with `population` of the mean count
    of a sample's neurons.

    Raises `ValueError` for a bound that is negative or spikes that do not fit.
    Source: Zenke & Vogels 2021, Neural Computation 33(4).
    """
    non_negative("low_activity_penalty", least=least)
    missing = least - _counts("low_activity_penalty", spikes, population)
    return jnp.mean(jnp.maximum(0, missing) ** 2)


def high_activity_penalty(
    spikes: Float[Array, "time samples *neurons"],
    most: float | int,
    *,
    population: bool = False,
) -> Float[Array, ""]:
    """`max(0, count − most)²` of each neuron's spike count, or with `population` of the mean count
    of a sample's neurons.

    Raises `ValueError` for a bound that is negative or spikes that do not fit.
    Source: Zenke & Vogels 2021, Neural Computation 33(4).
    """
    non_negative("high_activity_penalty", most=most)
    surplus = _counts("high_activity_penalty", spikes, population) - most
    return jnp.mean(jnp.maximum(0, surplus) ** 2)


def l1_rate_penalty(spikes: Float[Array, "time samples *neurons"]) -> Float[Array, ""]:
    """The rates (spikes per step), none of which is negative.

    Raises `ValueError` for spikes that do not fit.
    """
    return jnp.mean(_counts("l1_rate_penalty", spikes, False) / len(spikes))


def l2_rate_penalty(spikes: Float[Array, "time samples *neurons"]) -> Float[Array, ""]:
    """The squared rates (spikes per step).

    Raises `ValueError` for spikes that do not fit.
    """
    return jnp.mean((_counts("l2_rate_penalty", spikes, False) / len(spikes)) ** 2)


def _counts(owner: str, spikes: Array, population: bool) -> Array:
    """Spike counts [samples, neurons], or their means over neurons [samples]."""
    if spikes.ndim < 2 or 0 in spikes.shape:
        raise ValueError(
            f"{owner}: spikes must be [time, samples, *neurons], and not empty, got shape "
            f"{spikes.shape}."
        )
    counts = spikes.sum(0).reshape(spikes.shape[1], -1)
    return counts.mean(-1) if population else counts
