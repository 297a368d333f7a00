"""Values over time as functions that equations may call."""

import math
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ._quantity import TIME, coherent, dimension_of, from_coherent, quantity


class TimedValues(eqx.Module):
    """`values[k]` (of column i) while `k dt <= t < (k + 1) dt`; the ends hold outside.

    Times are rounded to `dt / parts`, a fine grid on which no step's time is between two.
    """

    values: Float[Array, "times *columns"]
    dt: float = eqx.field(static=True)
    parts: int = eqx.field(static=True)

    def __call__(self, t: Any, i: Any = None) -> Array:
        fine = jnp.round(jnp.asarray(t) / (self.dt / self.parts)).astype(jnp.int32)
        row = jnp.clip(fine // self.parts, 0, self.values.shape[0] - 1)
        if i is None:
            return self.values[row]
        return self.values[row, jnp.asarray(i).astype(jnp.int32)]


class TimedArray:
    """An array of values over time, one each `dt`: `f(t)` in equations, or `f(t, i)` where it has
    a second axis."""

    def __init__(self, values: Any, dt: Any, name: str | None = None) -> None:
        plain, self.dim = coherent(values)
        self.values = np.asarray(plain, float)
        if self.values.ndim not in (1, 2):
            raise NotImplementedError(
                f"TimedArray takes arrays of one or two axes, got {self.values.ndim}."
            )
        step, dim = coherent(dt)
        if dim != TIME or not step > 0:
            raise TypeError(f"TimedArray: dt must be a time, got {dt}.")
        self.dt, self.name = float(step), name

    def parts(self, dt: float) -> int:
        """Into how many parts one of its steps is divided for a clock of dt (ms): at least eight
        for each of the clock's steps, and a power of two."""
        return max(2 ** math.ceil(math.log2(8 * self.dt / dt)), 1)

    def on_clock(self, dt: float) -> TimedValues:
        """The function for a clock of dt (ms)."""
        values = jnp.asarray(self.values, jnp.result_type(float))
        return TimedValues(values, self.dt, self.parts(dt))

    def is_held(self, dt: float) -> bool:
        """Whether it is constant within each step of a clock of dt (ms)."""
        ratio = self.dt / dt
        return ratio >= 1 and abs(ratio - round(ratio)) < 1e-9

    def __call__(self, t: Any, i: Any = None) -> Any:
        from ._clock import defaultclock

        ms = quantity(1.0, "ms")
        if dimension_of(t) != TIME:
            raise TypeError(f"a TimedArray is a function of time, got {t}.")
        parts = self.parts(float(defaultclock.dt / ms))
        fine = np.round(np.asarray(t / ms) / (self.dt / parts)).astype(int)
        row = np.clip(fine // parts, 0, len(self.values) - 1)
        return from_coherent(self.values[row] if i is None else self.values[row, i], self.dim)
