"""Linear and Conv layers of Equinox and nnx with other weights."""

from functools import partial
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from flax import nnx
from jaxtyping import Array, Float

from ...metrics import weights_of

CONVOLUTIONS = {1: eqx.nn.Conv1d, 2: eqx.nn.Conv2d, 3: eqx.nn.Conv3d}


def is_equinox(layer: Any) -> bool:
    """Whether it is a Linear or Conv of Equinox."""
    return isinstance(layer, eqx.nn.Linear | eqx.nn.Conv)


def bias_of(layer: Any) -> Float[Array, " out"]:
    """Zeros where it has none."""
    weights = weights_of(layer)
    if layer.bias is None:
        return jnp.zeros(weights.shape[0 if is_equinox(layer) else -1], weights.dtype)
    return layer.bias.reshape(-1) if is_equinox(layer) else layer.bias[...]


def with_parameters(layer: Any, weights: Array, bias: Float[Array, " out"]) -> Any:
    """A layer of its kind with these weights and this bias."""
    if is_equinox(layer):
        layer = _biased(layer)
        return eqx.tree_at(
            lambda x: (x.weight, x.bias), layer, (weights, bias.reshape(layer.bias.shape))
        )
    layer = nnx.clone(layer)
    layer.kernel, layer.bias, layer.use_bias = nnx.Param(weights), nnx.Param(bias), True
    return layer


def then_affine(layer: Any, gain: Float[Array, " out"], shift: Float[Array, " out"]) -> Any:
    """A layer that gives what this one does, times `gain`, plus `shift`."""
    weights = weights_of(layer)
    others = (1,) * (weights.ndim - 1)
    # Outputs come first in Equinox, last in flax.
    by_output = gain.reshape(-1, *others) if is_equinox(layer) else gain.reshape(*others, -1)
    return with_parameters(layer, weights * by_output, bias_of(layer) * gain + shift)


def _biased(layer: Any) -> Any:
    """The layer, with a bias."""
    if layer.use_bias:
        return layer
    key, dtype = jr.key(0), layer.weight.dtype
    if isinstance(layer, eqx.nn.Linear):
        return eqx.nn.Linear(layer.in_features, layer.out_features, dtype=dtype, key=key)
    dims = layer.num_spatial_dims
    return CONVOLUTIONS.get(dims, partial(eqx.nn.Conv, dims))(
        layer.in_channels,
        layer.out_channels,
        layer.kernel_size,
        layer.stride,
        layer.padding,
        layer.dilation,
        layer.groups,
        padding_mode=layer.padding_mode,
        dtype=dtype,
        key=key,
    )
