"""Random streams by name: one more draw in an experiment leaves the others as they were."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import jax


def generator(seed: int, name: str) -> np.random.Generator:
    """NumPy's generator for the stream `name` of `seed`."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def key(seed: int, name: str) -> jax.Array:
    """JAX's key for the stream `name` of `seed`."""
    import jax

    return jax.random.fold_in(jax.random.key(seed), zlib.crc32(name.encode()))


def seeds_of(config: Any) -> range:
    """The seeds that a Config's `seed`, the first, and `seeds`, their number, ask for."""
    return range(config.seed, config.seed + config.seeds)
