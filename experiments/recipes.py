"""What recipes of image classifiers share: how images are shifted, and how weights are updated.

Functions come as one object for equal arguments, so that all seeds share one compiled epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import jax.random as jr
import optax

if TYPE_CHECKING:
    from jaxtyping import Array, PRNGKeyArray


@cache
def adam(rate: float, decay: float, updates: int) -> optax.GradientTransformation:
    """AdamW whose rate rises over a twentieth of the updates and falls to zero by a cosine."""
    schedule = optax.warmup_cosine_decay_schedule(0.0, rate, updates // 20 + 1, updates)
    return optax.adamw(schedule, weight_decay=decay, mask=weights)


def weights(model: Any) -> Any:
    """Decay is of weights, not of biases."""
    return jax.tree.map(lambda x: x.ndim > 1, model)


@cache
def augmentation(image: tuple[int, int, int], shift: int, mirrored: bool) -> Callable | None:
    """Of a batch of images, flat or channels first, and labels, as `learning.fit` takes it."""
    if not shift:
        return None

    def augment(batch: tuple[Array, Array], key: PRNGKeyArray) -> tuple[Array, Array]:
        x, y = batch
        images = x.reshape(len(x), *image)
        return shifted(shift, mirrored, images, key).reshape(x.shape), y

    return augment


def shifted(most: int, mirrored: bool, images: Array, key: PRNGKeyArray) -> Array:
    """Each image [channel, height, width] moved by up to `most` pixels, and mirrored or not."""
    size = images.shape[-2:]
    padded = jnp.pad(images, ((0, 0), (0, 0), (most, most), (most, most)))
    keys = jr.split(key)
    by = jr.randint(keys[0], (len(images), 2), 0, 2 * most + 1)

    def crop(image: Array, by: Array) -> Array:
        return jax.lax.dynamic_slice(image, (0, by[0], by[1]), (image.shape[0], *size))

    moved = jax.vmap(crop)(padded, by)
    if not mirrored:
        return moved
    turn = jr.bernoulli(keys[1], 0.5, (len(images), 1, 1, 1))
    return jnp.where(turn, moved[..., ::-1], moved)


@cache
def distortion(
    image: tuple[int, int], turn: float, scale: float, shift: float, background: float
) -> Callable:
    """As `augmentation`, of flat images [height, width]: each is turned by up to `turn` radians,
    scaled by up to the share `scale` and moved by up to `shift` pixels; beyond its borders it is
    `background`."""

    def augment(batch: tuple[Array, Array], key: PRNGKeyArray) -> tuple[Array, Array]:
        x, y = batch
        images = x.reshape(len(x), *image) - background
        draws = jr.uniform(key, (len(x), 4), minval=-1.0, maxval=1.0)
        by = draws * jnp.asarray([[turn, scale, shift, shift]])
        return jax.vmap(distorted)(images, by).reshape(x.shape) + background, y

    return augment


def distorted(image: Array, by: Array) -> Array:
    """An image [height, width] turned about its centre by `by[0]` radians, scaled by 1 + `by[1]`
    and moved by `by[2:]` pixels; bilinear, zero beyond its borders."""
    height, width = image.shape
    centre = jnp.asarray([(height - 1) / 2, (width - 1) / 2])[:, None, None]
    rows, columns = jnp.meshgrid(jnp.arange(1.0 * height), jnp.arange(1.0 * width), indexing="ij")
    places = jnp.stack([rows, columns]) - centre
    cos, sin = jnp.cos(by[0]), jnp.sin(by[0])
    turned = jnp.stack([cos * places[0] - sin * places[1], sin * places[0] + cos * places[1]])
    taken = (turned / (1 + by[1])) + centre - by[2:, None, None]
    return jax.scipy.ndimage.map_coordinates(image, list(taken), order=1, mode="constant")
