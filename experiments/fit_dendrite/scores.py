"""What was found beside the truth, and what a soma can tell of it at all."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.fit_dendrite.problem import START, Problem, soma_voltage, with_conductances
from neurojax.metrics import coincidence_factor

CHANNELS = ("sodium", "potassium", "leak")
THIRDS = ("near", "between", "far")
WINDOW = 2.0  # ms
NOISE = 0.1  # mV, of each sample
KNOWN = 0.25  # a log conductance with this standard deviation is known


def scores(problem: Problem, log_g: Any, dt: float) -> dict[str, Any]:
    """On currents that were not fitted, with no pull; and conductance by conductance."""
    log_g = np.asarray(log_g)
    found = new_voltage(problem, log_g, dt)
    error = np.abs(np.expm1(log_g - problem.truth))
    parts = thirds(problem)
    return {
        "voltage error": float(np.sqrt(np.mean((found - problem.new_voltage) ** 2))),
        "coincidence": mean_coincidence(problem.new_voltage, found, dt),
        "error": float(np.median(error)),
        "error by distance": {n: float(np.median(error[:, p])) for n, p in parts.items()},
        "error of means": {
            channel: {n: error_of_mean(problem, log_g, k, p) for n, p in parts.items()}
            for k, channel in enumerate(CHANNELS)
        },
        "correlation": {
            channel: correlation(log_g[k], problem.truth[k]) for k, channel in enumerate(CHANNELS)
        },
    }


def new_voltage(problem: Problem, log_g: np.ndarray, dt: float) -> np.ndarray:
    cell = with_conductances(problem.cell, jnp.asarray(log_g, jnp.float32))
    return np.asarray(soma_voltage(cell, problem.new_current, dt))


def mean_coincidence(recorded: np.ndarray, simulated: np.ndarray, dt: float) -> float:
    """Γ over currents under which either cell spikes."""
    duration = recorded.shape[1] * dt
    pairs = [(crossings(a, dt), crossings(b, dt)) for a, b in zip(recorded, simulated, strict=True)]
    gammas = [
        coincidence_factor(a, b, duration=duration, window=WINDOW)
        for a, b in pairs
        if len(a) + len(b)
    ]
    return float(np.mean(gammas)) if gammas else 0.0


def crossings(voltage: np.ndarray, dt: float, threshold: float = 0.0) -> np.ndarray:
    """When (ms) it has risen through the threshold (mV)."""
    above = voltage > threshold
    return (np.flatnonzero(above[1:] & ~above[:-1]) + 1) * dt


def thirds(problem: Problem) -> dict[str, np.ndarray]:
    """The compartments nearest the soma, those between, and the farthest."""
    order = np.argsort(problem.compartments.distance)
    return dict(zip(THIRDS, np.array_split(order, 3), strict=True))


def error_of_mean(problem: Problem, log_g: np.ndarray, channel: int, part: np.ndarray) -> float:
    """Of the conductance of all the membrane in some compartments."""
    area = problem.compartments.area[part]
    found, truth = (area @ np.exp(x[channel, part]) for x in (log_g, problem.truth))
    return float(abs(found / truth - 1))


def correlation(found: np.ndarray, truth: np.ndarray) -> float:
    """0 where all that was found is the same."""
    a, b = found - found.mean(), truth - truth.mean()
    size = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / size) if np.ptp(found) > 1e-6 else 0.0


def knowable(problem: Problem, dt: float) -> dict[str, Any]:
    """How many directions of log conductance the training currents determine, and how many single
    ones if all others are known beforehand to `START` only; from the slope of the free voltage at
    the truth (Fisher information of independent noise in each sample)."""

    def voltage(log_g: Any) -> Any:
        cell = with_conductances(problem.cell, log_g.reshape(3, -1))
        return soma_voltage(cell, jnp.asarray(problem.current), dt)

    # Jitted by `simulate` alone: inside one jit with the rest, XLA (jaxlib 0.10.1, CPU) fails to
    # compile it for some shapes.
    at = jnp.asarray(problem.truth.ravel(), jnp.float32)
    directions = jnp.eye(len(at), dtype=at.dtype)
    slope = jax.vmap(lambda along: jax.jvp(voltage, (at,), (along,))[1])(directions)
    slope = np.asarray(slope, np.float64).reshape(len(at), -1)
    information = slope @ slope.T / NOISE**2
    known = int((np.linalg.eigvalsh(information) > 1 / KNOWN**2).sum())
    covariance = np.linalg.inv(information + np.eye(len(at)) / START**2)
    deviation = np.sqrt(np.diag(covariance)).reshape(3, -1)
    single = {n: int((deviation[:, p] < KNOWN).sum()) for n, p in thirds(problem).items()}
    return {"directions": known, **single, "deviation": deviation.tolist()}
