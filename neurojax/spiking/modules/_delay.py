"""Fixed delays."""

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, Shaped

from ...core import Clock
from ..network import OverTime


@final
class Delay(OverTime):
    """What it takes, a whole number of `steps` later; zeros before.

    `steps`: one number for all elements, or an array of a sample's shape. Its state is the last
    inputs of each element, oldest first, [*shape, longest].

    Raises `ValueError` for steps that are negative and for inputs of another shape than theirs,
    `TypeError` for those that are not whole numbers.
    """

    steps: Int[Array, "*shape"]
    longest: int = eqx.field(static=True)

    def __init__(self, steps: int | Shaped[Array | np.ndarray, "*shape"]) -> None:
        known = np.asarray(steps)
        if not np.issubdtype(known.dtype, np.integer):
            raise TypeError(f"Delay: steps must be whole numbers, got {steps}.")
        if known.size == 0 or known.min() < 0:
            raise ValueError(f"Delay: steps must not be negative, got {steps}.")
        self.steps = jnp.asarray(known, jnp.int32)
        self.longest = int(known.max())

    @property
    def shape(self) -> tuple[int, ...]:
        return self.steps.shape

    def initial_state(self, key: PRNGKeyArray | None = None) -> Float[Array, "*shape longest"]:
        return jnp.zeros((*self.shape, self.longest))

    def over_time(
        self,
        state: Float[Array, "samples *shape longest"],
        x: Float[Array, "time samples *taken"],
        key: PRNGKeyArray | None,
    ) -> tuple[Float[Array, "samples *taken longest"], Float[Array, "time samples *taken"]]:
        if self.shape and x.shape[2:] != self.shape:
            raise ValueError(f"Delay: steps are of shape {self.shape}, its input of {x.shape[2:]}.")
        values = jnp.concatenate([jnp.moveaxis(state, -1, 0), x])
        state = jnp.moveaxis(values[len(x) :], 0, -1)
        if not self.shape:
            return state, values[: len(x)]
        return state, self._each(values, len(x))

    def jump(
        self,
        clock: Clock,
        state: Float[Array, "*shape longest"],
        incoming: Float[Array, "*shape"],
        key: PRNGKeyArray | None,
    ) -> tuple[Float[Array, "*shape longest"], Float[Array, "*shape"]]:
        values = jnp.concatenate([state, incoming[..., None]], -1)
        place = jax.lax.broadcasted_iota(jnp.int32, values.shape, values.ndim - 1)
        due = place == self.longest - self.steps[..., None]
        return values[..., 1:], jnp.sum(values, -1, where=due)

    def _each(self, values: Array, time: int) -> Array:
        """The window of each element, all of it at once."""
        # As rows: taken one number at a time, the gradient is many times slower.
        rows = jnp.moveaxis(values.reshape(*values.shape[:2], -1), -1, 0)

        def window(row: Array, steps: Any) -> Array:
            return jax.lax.dynamic_slice_in_dim(row, self.longest - steps, time)

        taken = jax.vmap(window)(rows, self.steps.reshape(-1))
        return jnp.moveaxis(taken, 0, -1).reshape(time, *values.shape[1:])
