"""What has a closed form: its constants, and its arrivals in order."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ...core import is_known
from ...neurons import CurrentLIF
from ._layer import Layer
from ._membrane import Membrane


def closed_form(
    layer: Layer, times: Array
) -> tuple[CurrentLIF, Membrane, Float[Array, "inputs neurons"]]:
    """A layer's neurons, their constants, and the weights to them times their resistance.

    Raises `TypeError` for other neurons, and `ValueError` for input spikes that do not fit the
    layer or where the closed form does not hold.
    """
    if not isinstance(layer, Layer):
        raise TypeError(f"layer must be a Layer, got {layer!r}.")
    neuron = layer.neuron
    if not isinstance(neuron, CurrentLIF):
        raise TypeError(
            f"layer: {type(neuron).__name__} has no closed form, only CurrentLIF has: use simulate."
        )
    if times.shape[-1:] != layer.weights.shape[:1]:
        raise ValueError(
            f"times of shape {times.shape}: the last axis must be the layer's "
            f"{layer.weights.shape[0]} inputs."
        )
    if is_known(times) and not bool(np.all(np.asarray(times) >= 0)):
        raise ValueError(f"times must not be negative or NaN, got {np.min(np.asarray(times))}.")
    m = Membrane(
        tau_m=neuron.tau_m,
        tau_syn=neuron.tau_syn,
        threshold=neuron.v_threshold - neuron.v_rest,
        reset=neuron.v_reset - neuron.v_rest,
        refractory=neuron.refractory_period,
    )
    _refuse_endless("v_rest", m.threshold)
    _refuse_endless("v_reset", m.threshold - m.reset)
    return neuron, m, scaled(layer.weights, neuron.resistance)


def scaled(weights: Float[Array, "from_ neurons"], resistance: Array) -> Array:
    """Weights times the resistance [] or [neurons]."""
    return weights * jnp.broadcast_to(resistance, weights.shape[1:])[None]


def in_order(
    times: Float[Array, "*spikes inputs"], end: Array
) -> tuple[Float[Array, " k"], Int[Array, " k"]]:
    """All the times in order, and the place of each among them, the first of those at one time.

    Those at `end` or later, also infinite ones, are moved to it, where they change nothing. Times
    are not negative, so their bits have their order, and XLA's CPU backend sorts integers six times
    as fast as floats.
    """
    times = jnp.where(times < end, times, end).reshape(-1)
    bits = jax.lax.bitcast_convert_type(times, jnp.dtype(f"int{8 * times.dtype.itemsize}"))
    ordered = jnp.sort(bits)
    return jax.lax.bitcast_convert_type(ordered, times.dtype), jnp.searchsorted(ordered, bits)


def arriving(
    places: Int[Array, " k"], brought: Float[Array, "k neurons"]
) -> Float[Array, "k neurons"]:
    """What arrives at each place, summed."""
    return jnp.zeros_like(brought).at[places].add(brought)


def repeated(weights: Float[Array, "inputs neurons"], times: Array) -> Float[Array, "k neurons"]:
    """The weights of each of the spikes in `times`."""
    return jnp.tile(weights, (times.size // weights.shape[0], 1))


def offset(x: Array) -> Array:
    """Zero, with the derivative of `x`."""
    return x - jax.lax.stop_gradient(x)


def _refuse_endless(name: str, distance: Array) -> None:
    if is_known(distance) and not bool(np.all(np.asarray(distance) > 0)):
        raise ValueError(
            f"layer: {name} must be below v_threshold, got one above it by "
            f"{float(-np.min(np.asarray(distance))):g}: such neurons spike without end."
        )
