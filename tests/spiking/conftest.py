"""What the tests of gradients share."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree


@pytest.fixture
def differences() -> Callable[..., np.ndarray]:
    """`differences(f, point, h)`: central differences of a scalar along every number in `point`."""

    def along_all(f: Callable[[Any], jax.Array], point: Any, h: float) -> np.ndarray:
        flat, unravel = ravel_pytree(point)
        steps = h * jnp.eye(flat.size)
        at = jax.jit(jax.vmap(lambda step: f(unravel(flat + step))))
        return np.asarray((at(steps) - at(-steps)) / (2 * h))

    return along_all
