"""What networks read from NIR need beside neurons and the layers of Equinox."""

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ..core import Surrogate, as_parameter, spike, superspike


def summed(*values: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The sum of what several nodes give."""
    return jax.tree.reduce(jnp.add, values)


@final
class Scale(eqx.Module):
    """Multiplies each element of its input by its own `scale`."""

    scale: Float[Array, "*shape"] = eqx.field(converter=as_parameter)

    def __call__(self, x: Array, *, key: PRNGKeyArray | None = None) -> Array:
        return x * self.scale


@final
class Threshold(eqx.Module):
    """1 where an element of its input is above its `threshold`, else 0; no state, no reset."""

    threshold: Float[Array, "*shape"] = eqx.field(converter=as_parameter)
    surrogate: Surrogate = eqx.field(static=True, default=superspike)

    def __call__(self, x: Array, *, key: PRNGKeyArray | None = None) -> Array:
        return spike(x - self.threshold, self.surrogate)


@final
class Flatten(eqx.Module):
    """Makes one axis of those from `start` to `end` (included; −1 is the last)."""

    start: int = eqx.field(static=True, default=0)
    end: int = eqx.field(static=True, default=-1)

    def __call__(self, x: Array, *, key: PRNGKeyArray | None = None) -> Array:
        end = range(x.ndim)[self.end] + 1
        start: Any = range(x.ndim)[self.start]
        return x.reshape(*x.shape[:start], -1, *x.shape[end:])
