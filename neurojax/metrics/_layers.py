"""The connections of layers of Equinox and flax networks."""

import math
from typing import Any, cast

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array

from ..core import name_of
from ._operations import Connection, Padding, convolution, dense_connection

CONNECTIONS = (eqx.nn.Linear, eqx.nn.Conv, nnx.Linear, nnx.Conv)
"""Layers whose operations can be counted."""


def weights_of(layer: Any) -> Array:
    """The weights of one of `CONNECTIONS`, as it has them."""
    equinox = isinstance(layer, eqx.nn.Linear | eqx.nn.Conv)
    return layer.weight if equinox else layer.kernel[...]


def connection_of(layer: Any, shape: tuple[int, ...]) -> Connection:
    """The connection of an Equinox or nnx Linear or Conv whose inputs are of this shape.

    Raises `TypeError` for another layer, `ValueError` for a convolution that pads with anything but
    zeros, dilates its inputs or masks its weights.
    """
    if isinstance(layer, eqx.nn.Linear):
        return _dense(layer.weight, shape)
    if isinstance(layer, nnx.Linear):
        return _dense(weights_of(layer).T, shape)
    if isinstance(layer, eqx.nn.Conv):
        return _channels_first(layer, shape)
    if isinstance(layer, nnx.Conv):
        return _channels_last(layer, shape)
    raise TypeError(f"connection_of: layer must be a Linear or Conv, got {name_of(layer)}.")


def _dense(weight: Array, shape: tuple[int, ...]) -> Connection:
    """Of a layer that meets the last axis of its inputs (none of a scalar), in all places of the
    others."""
    once = dense_connection(weight)
    fan_out = jnp.broadcast_to(once.fan_out.reshape(shape[-1:]), shape)
    return Connection(fan_out, once.dense * math.prod(shape[:-1]))


def _channels_first(layer: eqx.nn.Conv, shape: tuple[int, ...]) -> Connection:
    if layer.padding_mode != "ZEROS":
        raise _uncountable(layer, "padding_mode", layer.padding_mode)
    return convolution(
        layer.weight,
        shape,
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
        groups=layer.groups,
    )


def _channels_last(layer: nnx.Conv, shape: tuple[int, ...]) -> Connection:
    if layer.mask is not None or np.any(np.asarray(layer.input_dilation or 1) != 1):
        raise _uncountable(layer, "mask or input_dilation", layer.input_dilation)
    found = convolution(
        jnp.moveaxis(weights_of(layer), (-1, -2), (0, 1)),
        (shape[-1], *shape[:-1]),
        stride=cast(Any, layer.strides) or 1,
        padding=_padding(layer),
        dilation=cast(Any, layer.kernel_dilation) or 1,
        groups=layer.feature_group_count,
    )
    return Connection(jnp.moveaxis(found.fan_out, 0, -1), found.dense)


def _padding(layer: nnx.Conv) -> Padding:
    padding = layer.padding
    if padding == "CAUSAL":
        span = int(np.max(layer.kernel_dilation or 1)) * (layer.kernel_size[0] - 1)
        return [(span, 0)]
    if isinstance(padding, str):
        if padding not in ("SAME", "VALID"):
            raise _uncountable(layer, "padding", padding)
        return padding
    pads = (padding,) * len(layer.kernel_size) if isinstance(padding, int) else padding
    return [(pad, pad) if isinstance(pad, int) else (pad[0], pad[1]) for pad in pads]


def _uncountable(layer: Any, name: str, value: Any) -> ValueError:
    return ValueError(
        f"connection_of: the taps of a {name_of(layer)} with {name}={value} cannot be counted."
    )
