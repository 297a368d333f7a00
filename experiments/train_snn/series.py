"""The series of Mackey and Glass, of a delay differential equation in its chaotic regime."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64, Real


def mackey_glass(
    times: Real[np.ndarray, " points"],
    *,
    tau: float = 17.0,
    start: float = 0.7206597,
    beta: float = 0.2,
    gamma: float = 0.1,
    n: float = 10.0,
    steps_per_delay: int = 400,
) -> Float64[np.ndarray, " points"]:
    """x at `times`, ascending from 0 on, of

    `dx/dt = beta x(t − tau) / (1 + x(t − tau)^n) − gamma x`, `x = start` up to t = 0.

    By the classical Runge-Kutta method in steps of `tau / steps_per_delay`; between them, for
    delayed values and for `times`, by cubic Hermite interpolation, so that the error falls as the
    fourth power of the step. Nearby solutions part exponentially in the chaotic regime: two steps
    or machines agree for some Lyapunov times only.

    Raises `ValueError` for a number that is not positive, and times that do not ascend from 0.
    Source: Mackey & Glass 1977, Science 197, 287, eq. 4b; defaults are those of Yik et al. 2025
    (NeuroBench) for tau = 17.
    """
    given = dict(tau=tau, start=start, beta=beta, gamma=gamma, n=n, steps_per_delay=steps_per_delay)
    for name, value in given.items():
        if not (value > 0 and math.isfinite(value)):
            raise ValueError(f"mackey_glass: {name} must be positive and finite, got {value}.")
    if not len(times) or not np.all(np.isfinite(times)):
        raise ValueError(f"mackey_glass: times must be finite and at least one, got {times}.")
    if times[0] < 0 or np.any(np.diff(times) < 0):
        raise ValueError("mackey_glass: times must ascend from 0 on.")
    step = tau / steps_per_delay
    x, slope = _solved(
        math.ceil(times[-1] / step) + 1, step, steps_per_delay, start, beta, gamma, n
    )
    place = np.minimum((times / step).astype(int), len(x) - 2)
    s = times / step - place
    return (
        (1 + 2 * s) * (1 - s) ** 2 * x[place]
        + s * (1 - s) ** 2 * step * slope[place]
        + s**2 * (3 - 2 * s) * x[place + 1]
        + s**2 * (s - 1) * step * slope[place + 1]
    )


def _solved(
    steps: int, step: float, lag: int, start: float, beta: float, gamma: float, n: float
) -> tuple[Float64[np.ndarray, " _"], Float64[np.ndarray, " _"]]:
    """x and its slope at each step, from 0 on."""

    def made(delayed: float) -> float:
        return beta * delayed / (1 + delayed**n)

    # The first is `lag` steps before 0, where the slope leaps from 0 to what it is from then on.
    x = [start] * (lag + 1)
    makes = [made(start)] * (lag + 1)
    slope = [0.0] * lag + [made(start) - gamma * start]
    for k in range(steps):
        right = slope[k + 1] if k + 1 != lag else 0.0
        middle = made((x[k] + x[k + 1]) / 2 + step * (slope[k] - right) / 8)
        now, end = x[-1], makes[k + 1]
        k1 = makes[k] - gamma * now
        k2 = middle - gamma * (now + step / 2 * k1)
        k3 = middle - gamma * (now + step / 2 * k2)
        k4 = end - gamma * (now + step * k3)
        x.append(now + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
        makes.append(made(x[-1]))
        slope.append(end - gamma * x[-1])
    return np.array(x[lag:]), np.array(slope[lag:])
