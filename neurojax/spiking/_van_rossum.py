"""The van Rossum distance."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import positive


def van_rossum_distance(
    spikes: Float[Array, "time samples *neurons"],
    targets: Float[Array, "time samples *neurons"],
    *,
    tau: float | int | Float[Array, ""],
    dt: float | int = 1.0,
) -> Float[Array, ""]:
    """The squared distance D² of spike trains, summed over neurons, the mean over samples:
    `∫ (f − g)² dt / tau`, where f and g are the trains filtered by `exp(−t / tau)`.

    Spikes are at the starts of steps of `dt`; `tau` and `dt` in ms. The integral is exact and goes
    on after the last step. A spike more makes 1/2, a spike shifted by δ makes `1 − exp(−|δ|/tau)`;
    a large `tau` compares counts, a small one coincidences. Differentiable.

    Raises `ValueError` for trains of different shapes or empty ones, or a `tau` or `dt` that is
    not positive.
    Source: van Rossum 2001, Neural Computation 13(4).
    """
    if spikes.shape != targets.shape or spikes.ndim < 2 or 0 in spikes.shape:
        raise ValueError(
            "van_rossum_distance: spikes and targets must both be [time, samples, *neurons], not "
            f"empty, got shapes {spikes.shape} and {targets.shape}."
        )
    positive("van_rossum_distance", tau=tau, dt=dt)
    decay = jnp.exp(jnp.asarray(-dt / tau, spikes.dtype))

    def step(trace: Array, difference: Array) -> tuple[Array, Array]:
        trace = decay * trace + difference
        return trace, trace

    _, traces = jax.lax.scan(step, jnp.zeros_like(spikes[0]), spikes - targets)
    # Within a step the trace decays freely, and after the last one for ever.
    squares = (1 - decay**2) * jnp.sum(traces[:-1] ** 2, 0) + traces[-1] ** 2
    return jnp.sum(squares.reshape(len(squares), -1), -1).mean() / 2
