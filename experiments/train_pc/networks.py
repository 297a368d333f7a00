"""The hierarchies that are trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from neurojax.predictive import Categorical, Hierarchy, chain, identity, mlp, mupc, residual_mlp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jaxtyping import Array, Float, PRNGKeyArray


class Block(eqx.Module):
    """How one node predicts the next: activation and average pooling of what is below, then the
    weights. Of a flat node into a flat one, or of an image [channel, height, width] into either."""

    weights: eqx.nn.Conv2d | eqx.nn.Linear
    activation: Callable = eqx.field(static=True)
    pool: int = eqx.field(static=True)

    def __call__(self, below: Float[Array, ...]) -> Float[Array, ...]:
        z = self.activation(below)
        if self.pool > 1:
            channels, height, width = z.shape
            z = z.reshape(channels, height // self.pool, self.pool, width // self.pool, self.pool)
            z = z.mean((2, 4))
        return self.weights(z.ravel() if isinstance(self.weights, eqx.nn.Linear) else z)


def convolutional(
    image: tuple[int, int, int], layers: Sequence[tuple[int, int]], classes: int, key: PRNGKeyArray
) -> Hierarchy:
    """3x3 convolutions, then a dense layer; of `layers` (channels, pool), the pool is of what the
    layer gives. Weights of normal distributions, those of rectifiers by He et al. 2015."""
    blocks: list[Block] = []
    channels, size, pool = image[0], image[1], 1
    for number, (width, pooled) in enumerate(layers):
        keys = jr.split(jr.fold_in(key, number))
        convolution = eqx.nn.Conv2d(channels, width, 3, padding=1, key=keys[0])
        activation = jax.nn.relu if number else identity
        blocks.append(Block(_drawn(convolution, keys[1]), activation, pool))
        channels, size, pool = width, size // pool, pooled
    keys = jr.split(jr.fold_in(key, len(layers)))
    size //= pool
    dense = eqx.nn.Linear(channels * size * size, classes, key=keys[0])
    blocks.append(Block(_drawn(dense, keys[1]), jax.nn.relu, pool))
    return chain(blocks, image, output=Categorical())


def _drawn(layer: eqx.nn.Conv2d | eqx.nn.Linear, key: PRNGKeyArray):
    fan_in = layer.weight[0].size
    weight = (2 / fan_in) ** 0.5 * jr.normal(key, layer.weight.shape)
    layer = eqx.tree_at(lambda m: m.weight, layer, weight)
    return eqx.tree_at(lambda m: m.bias, layer, replace_fn=jnp.zeros_like)


def dense(widths: Sequence[int], key: PRNGKeyArray) -> Hierarchy:
    """Rectified layers under logits."""
    return mlp(widths, key, output=Categorical())


def deep(in_size: int, width: int, classes: int, depth: int, key: PRNGKeyArray) -> Hierarchy:
    """`depth` residual layers under a Gaussian output, scaled by μPC. Its errors relax as much when
    they are small; those of logits cease to as these grow sure, and leave backprop's gradient."""
    fresh, scaled = jr.split(key)
    return mupc(residual_mlp(in_size, width, classes, depth, fresh), scaled)
