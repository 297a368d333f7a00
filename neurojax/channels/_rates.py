"""Pieces of the rates at which gates open and close."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

Gate = tuple[Float[Array, "*shape"], Float[Array, "*shape"]]
"""Opening and closing rate (1/ms) of one gate."""

Rates = tuple[Float[Array, "gates *shape"], Float[Array, "gates *shape"]]
"""Opening and closing rates (1/ms) of several gates, stacked in one order."""


def x_over_expm1(
    x: Float[Array, "*shape"], exp_x: Float[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """`x / (exp(x) − 1)`, safe at 0 in value and derivative: its series for |x| < 0.1."""
    small = jnp.abs(x) < 0.1
    x2 = x * x
    series = 1 - x / 2 + x2 * (1 / 12 - x2 * (1 / 720 - x2 / 30240))
    return jnp.where(small, series, x / jnp.where(small, 1, exp_x - 1))


def exp_for_powers(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """`exp(x)`, of which powers are taken: behind a barrier, for XLA would make new exponentials
    of the powers."""
    return jax.lax.optimization_barrier(jnp.exp(x))


def opening_and_closing(
    steady: Float[Array, "*shape"], tau: Float[Array, "*shape"]
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    """Rates (1/ms) of a gate that tends to `steady` with time constant tau (ms)."""
    return steady / tau, (1 - steady) / tau


def stacked(gates: Sequence[Gate], speed: Float[ArrayLike, "..."] | None = None) -> Rates:
    """The rates of all gates, each times `speed` (a temperature's factor) where there is one."""
    opening, closing = zip(*gates, strict=True)
    if speed is not None:
        opening, closing = [speed * a for a in opening], [speed * b for b in closing]
    return jnp.stack(opening), jnp.stack(closing)
