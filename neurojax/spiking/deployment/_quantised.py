"""Weights of few bits, in training."""

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ...core import Reparametrised
from ..modules import LearnableDelays

# Below this share of the mean size of the weights, a ternary one is 0 (Li et al. 2016).
TERNARY_SHARE = 0.7

WEIGHTED = eqx.nn.Linear | eqx.nn.Conv | eqx.nn.ConvTranspose | LearnableDelays


@final
class Quantised(Reparametrised):
    """A weight held unrounded, and computed with as `scale * levels`, of few bits.

    The levels are whole numbers from −(2^(bits−1) − 1) to 2^(bits−1) − 1. The gradient passes to
    the weight that is held as if it was not rounded. `scale` is of one number, or [out, 1, ...].
    """

    weight: Float[Array, "out *rest"]
    bits: int = eqx.field(static=True)
    per_channel: bool = eqx.field(static=True)

    @property
    def value(self) -> Float[Array, "out *rest"]:
        return _straight_through(self.weight, self.scale * self.levels)

    @property
    def scale(self) -> Float[Array, "..."]:
        size = jnp.abs(self.weight)
        if self.bits > 2:
            largest = jnp.max(size, self._axes, keepdims=True) / (2 ** (self.bits - 1) - 1)
            return jnp.where(largest > 0, largest, 1)
        large = size > self._threshold()
        count = jnp.maximum(jnp.sum(large, self._axes, keepdims=True), 1)
        return jnp.sum(size, self._axes, keepdims=True, where=large) / count.astype(size.dtype)

    @property
    def levels(self) -> Float[Array, "out *rest"]:
        if self.bits > 2:
            return jnp.round(self.weight / self.scale)
        return jnp.where(jnp.abs(self.weight) > self._threshold(), jnp.sign(self.weight), 0)

    @property
    def _axes(self) -> tuple[int, ...]:
        """Over which weights share a scale."""
        return tuple(range(1 if self.per_channel else 0, self.weight.ndim))

    def _threshold(self) -> Float[Array, "..."]:
        return TERNARY_SHARE * jnp.mean(jnp.abs(self.weight), self._axes, keepdims=True)


def quantised(model: Any, bits: int, *, per_channel: bool = False) -> Any:
    """The model with the weights of its linear layers, convolutions and learnable delays
    quantised: seen with `bits` bits by what is computed, held as they are for training.

    Uniform and symmetric, the largest weight of a layer (of an output channel with `per_channel`)
    being the largest level; 2 bits are ternary weights, which are −scale, 0 and scale.
    `spiking.run` takes the model as it is; `core.plain(model)` has arrays in place of the weights,
    and each `Quantised` weight its `scale` and `levels` for hardware. Biases are left alone.

    Raises `ValueError` for bits outside of 2...16 and for a model without such layers.
    Source: Jacob et al. 2018, CVPR (uniform); Li, Zhang & Liu 2016, arXiv:1605.04711 (ternary);
    Bengio, Léonard & Courville 2013, arXiv:1308.3432 (straight-through gradient).
    """
    if not 2 <= bits <= 16:
        raise ValueError(f"quantised: bits must be between 2 and 16, got {bits}.")

    def weights(model: Any) -> list[Any]:
        modules = jax.tree.leaves(model, is_leaf=_is_weighted)
        return [module.weight for module in modules if _is_weighted(module)]

    if not weights(model):
        raise ValueError(f"quantised: {type(model).__name__} has no layer with weights.")

    def of(weight: Any) -> Quantised:
        held = weight.weight if isinstance(weight, Quantised) else weight
        return Quantised(held, bits, per_channel)

    return eqx.tree_at(weights, model, replace_fn=of)


@jax.custom_jvp
def _straight_through(weight: Array, rounded: Array) -> Array:
    return rounded


@_straight_through.defjvp
def _straight_through_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    return _straight_through(*primals), tangents[0]


def _is_weighted(module: Any) -> bool:
    return isinstance(module, WEIGHTED)
