"""The spike as a function: a step forward in value, a surrogate in its derivative."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Surrogate = Callable[[Float[Array, "*shape"]], Float[Array, "*shape"]]


def superspike(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Derivative of a fast sigmoid, `1 / (1 + 10 |x|)²`.

    `x` is the distance to threshold in units of the spike condition.
    Source: Zenke & Ganguli 2018, SuperSpike, Neural Computation 30(6), eq. 3, with their β = 10
    and the peak scaled to 1.
    """
    return (1 + 10 * jnp.abs(x)) ** -2


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def spike(condition: Float[Array, "*shape"], surrogate: Surrogate) -> Float[Array, "*shape"]:
    """1 where `condition > 0`, else 0; its derivative in training is `surrogate(condition)`."""
    return (condition > 0).astype(condition.dtype)


@spike.defjvp
def _spike_jvp(surrogate: Surrogate, primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    (condition,), (tangent,) = primals, tangents
    return spike(condition, surrogate), surrogate(condition) * tangent


def where_spiked(
    spikes: Float[Array, "*shape"], after: Array, before: Float[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """`after` where a neuron spiked, `before` elsewhere: exact in value, and differentiable in
    `spikes` as `spikes·after + (1 − spikes)·before` is."""
    unchanged = spikes - jax.lax.stop_gradient(spikes)
    return jnp.where(spikes > 0, after, before) + unchanged * (after - before)
