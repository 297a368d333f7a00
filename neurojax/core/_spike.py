"""The spike as a function: a step forward in value, a surrogate in its derivative."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

Surrogate = Callable[[Float[Array, "*shape"]], Float[Array, "*shape"]]


def superspike(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Derivative of a fast sigmoid, `1 / (1 + 10 |x|)²`.

    `x` is the distance to threshold in units of the spike condition.
    Source: Zenke & Ganguli 2018, SuperSpike, Neural Computation 30(6), eq. 3, with their β = 10
    and the peak scaled to 1.
    """
    return (1 + 10 * jnp.abs(x)) ** -2


def spike(condition: Float[Array, "*shape"], surrogate: Surrogate) -> Float[Array, "*shape"]:
    """1 where `condition > 0`, else 0; its derivative in training is `surrogate(condition)`."""
    return spiked(condition, condition > 0, surrogate)


@partial(jax.custom_jvp, nondiff_argnums=(2,))
def spiked(
    condition: Float[Array, "*shape"], fired: Bool[Array, "*shape"], surrogate: Surrogate
) -> Float[Array, "*shape"]:
    """`spike` where it is known already who `fired`."""
    return fired.astype(condition.dtype)


@spiked.defjvp
def _spike_jvp(surrogate: Surrogate, primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    (condition, fired), (tangent, _) = primals, tangents
    return spiked(condition, fired, surrogate), surrogate(condition) * tangent


@jax.custom_jvp
def where_spiked(
    spikes: Float[Array, "*shape"], after: Array, before: Float[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """`after` where a neuron spiked, `before` elsewhere: exact in value, and differentiable in
    `spikes` as `spikes·after + (1 − spikes)·before` is."""
    return jnp.where(spikes > 0, after, before)


@where_spiked.defjvp
def _where_spiked_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    (spikes, after, before), (ds, da, db) = primals, tangents
    slope = jnp.where(spikes > 0, da, db) + ds * (after - before)
    return where_spiked(spikes, after, before), slope
