"""Values as spikes or currents over time, time first.

Steps and shapes are fixed; all but the checks of values runs inside jit.
"""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ..core import as_parameter, is_known, non_negative, positive


def rate_code(
    x: Float[Array | np.ndarray, "*shape"], steps: int, key: PRNGKeyArray
) -> Float[Array, "steps *shape"]:
    """Spikes drawn in each step with probability `x`, independently.

    A Poisson process of `rate` (Hz), seen in steps of `dt` (ms), has `x = 1 − exp(−rate dt/1000)`.

    Raises `ValueError` for an `x` outside [0, 1] or fewer than one step.
    """
    x = _fraction("rate_code", x)
    _check_steps("rate_code", steps)
    return jr.bernoulli(key, x[None], (steps, *x.shape)).astype(x.dtype)


def latency_code(
    x: Float[Array | np.ndarray, "*shape"],
    steps: int,
    *,
    tau: float | int = 20.0,
    threshold: float | int = 0.2,
    dt: float | int = 1.0,
) -> Float[Array, "steps *shape"]:
    """One spike, the earlier the larger `x`: that of a leaky membrane which the current `x` charges
    to threshold in `tau · log(x / (x − threshold))` (ms), in the step of `dt` (ms) this falls in.
    None where `x ≤ threshold`, or where the time is after the last step.

    It is the first spike of `LIF(tau_m=tau, v_threshold=threshold)`.

    Raises `ValueError` for an `x` that is not finite, a `tau`, `threshold` or `dt` that is not
    positive, or fewer than one step.
    Source: Zenke & Vogels 2021, Neural Computation 33(4); the defaults are SpyTorch's.
    `spikegen.latency` of snnTorch has the same times, but rounds to the nearest step.
    """
    x = _values("latency_code", "x", x)
    _check_steps("latency_code", steps)
    positive("latency_code", tau=tau, threshold=threshold, dt=dt)
    above = x > threshold
    after = -tau * jnp.log1p(-threshold / jnp.where(above, x, 2 * threshold))
    return _spike_at(jnp.floor(after / dt), above, steps)


def linear_latency_code(
    x: Float[Array | np.ndarray, "*shape"], steps: int, *, threshold: float | int = 0.0
) -> Float[Array, "steps *shape"]:
    """One spike, in step `(1 − x) (steps − 1)`, rounded: 1 is in the first, 0 in the last. None
    where `x ≤ threshold`.

    Raises `ValueError` for an `x` outside [0, 1], a negative threshold, or fewer than one step.
    Source: Bohte, Kok & La Poutré 2002, Neurocomputing 48, whose threshold is 0.1;
    `spikegen.latency(linear=True, normalize=True, clip=True)` of snnTorch.
    """
    x = _fraction("linear_latency_code", x)
    _check_steps("linear_latency_code", steps)
    non_negative("linear_latency_code", threshold=threshold)
    return _spike_at(jnp.round((1 - x) * (steps - 1)), x > threshold, steps)


def delta_code(
    series: Float[Array | np.ndarray, "steps *shape"], threshold: float | int
) -> Float[Array, "steps *shape"]:
    """1 in steps where `series` is `threshold` or more above the step before (on), −1 where it is
    as much below (off), else 0, as in the first step. Slower changes are not seen.

    As `spikegen.delta(off_spike=True, padding=True)` of snnTorch.

    Raises `ValueError` for a series that is not finite or has no step, or a threshold that is not
    positive.
    """
    series = _values("delta_code", "series", series)
    if series.ndim == 0 or len(series) == 0:
        raise ValueError(
            f"delta_code: series must have at least one step, got shape {series.shape}."
        )
    positive("delta_code", threshold=threshold)
    change = jnp.diff(series, axis=0, prepend=series[:1])
    return jnp.where(jnp.abs(change) >= threshold, jnp.sign(change), 0)


def direct_code(x: Float[Array | np.ndarray, "*shape"], steps: int) -> Float[Array, "steps *shape"]:
    """The same `x` in each step: a constant current, whose spikes the first layer makes.

    Differentiable. Raises `ValueError` for an `x` that is not finite or fewer than one step.
    Source: Rueckauer et al. 2017, Frontiers in Neuroscience 11:682.
    """
    x = _values("direct_code", "x", x)
    _check_steps("direct_code", steps)
    return jnp.broadcast_to(x, (steps, *x.shape))


def population_code(
    x: Float[Array | np.ndarray, "*shape"],
    centres: Float[Array | np.ndarray, " neurons"],
    width: float | int,
) -> Float[Array, "*shape neurons"]:
    """How much each of a population of neurons with Gaussian receptive fields answers to `x`:
    `exp(−(x − centre)² / (2 width²))`, between 0 and 1.

    These are values for `rate_code`, `linear_latency_code` or `latency_code`. Differentiable.
    Bohte et al. have `n` equally spaced centres, `d` apart, and a width of `d / 1.5`.

    Raises `ValueError` for an `x` or centres that are not finite, centres of another shape than
    [neurons], or a width that is not positive.
    Source: Bohte, Kok & La Poutré 2002, Neurocomputing 48.
    """
    x = _values("population_code", "x", x)
    centres = _values("population_code", "centres", centres).astype(x.dtype)
    if centres.ndim != 1:
        raise ValueError(
            f"population_code: centres must be of shape [neurons], got {centres.shape}."
        )
    positive("population_code", width=width)
    away = x[..., None] - jnp.expand_dims(centres, tuple(range(x.ndim)))
    return jnp.exp(-((away / width) ** 2) / 2)


def _spike_at(step: Array, spikes: Array, steps: int) -> Array:
    """A spike in that step, where there is one at all; a step past the last is none."""
    index = jnp.where(spikes, step, steps).astype(jnp.int32)
    return jax.nn.one_hot(index, steps, axis=0, dtype=step.dtype)


def _fraction(owner: str, x: Array | np.ndarray) -> Array:
    return _values(owner, "x", x, 0.0, 1.0)


def _values(
    owner: str, name: str, x: Array | np.ndarray, low: float = -np.inf, high: float = np.inf
) -> Array:
    """Finite numbers from `low` to `high`, as an array."""
    x = as_parameter(x)
    if is_known(x):
        shown = np.asarray(x)
        wrong = shown[~(np.isfinite(shown) & (low <= shown) & (shown <= high))]
        if wrong.size > 0:
            due = "finite" if np.isinf(high) else f"between {low:g} and {high:g}"
            raise ValueError(f"{owner}: {name} must be {due}, got {wrong[0]}.")
    return x


def _check_steps(owner: str, steps: int) -> None:
    if steps < 1:
        raise ValueError(f"{owner}: steps must be at least 1, got {steps}.")
