"""NIR's continuous equations, and the steps in which they are run."""

from typing import Any, NamedTuple

import numpy as np

SECOND = 1000.0  # ms


class Discretisation(NamedTuple):
    """How time constants in ms, of a network run in exact steps of `dt` ms, become those in a file,
    in seconds, and back.

    Without `euler_dt` they are the same: the equations are. With it those in the file are such that
    a forward Euler step of `euler_dt` ms is the network's own step: `euler_dt / tau_file =
    1 − exp(−dt / tau)`.
    """

    dt: float | None
    euler_dt: float | None

    def decay(self, tau: Any) -> np.ndarray:
        """`1 − exp(−dt / tau)`: of the distance to its goal, what a variable moves in a step."""
        return np.asarray(-np.expm1(-self.step() / np.asarray(tau, np.float64)))

    def seconds(self, tau: Any) -> np.ndarray:
        """The time constant to write, of one in ms, in its precision."""
        as_euler = tau if self.euler_dt is None else self.euler_dt / self.decay(tau)
        return np.asarray(as_euler / SECOND, np.asarray(tau).dtype)

    def milliseconds(self, name: str, parameter: str, tau: Any) -> np.ndarray:
        """The time constant in ms, of one read.

        Raises `ValueError` where it is not positive, or no more than `euler_dt`.
        """
        tau = np.asarray(np.asarray(tau, np.float64) * SECOND)
        if not np.all(tau > 0):
            raise ValueError(f"from_nir: node {name!r}: {parameter} must be positive, got {tau}.")
        if self.euler_dt is None:
            return tau
        if not np.all(tau > self.euler_dt):
            raise ValueError(
                f"from_nir: node {name!r}: {parameter} must be above euler_dt, {self.euler_dt:g} "
                f"ms, got {tau.min():g} ms."
            )
        return np.asarray(-self.step() / np.log1p(-self.euler_dt / tau))

    def stretch(self) -> float:
        """How much longer the network's step is than the one that the file is for."""
        return 1.0 if self.euler_dt is None else self.step() / self.euler_dt

    def step(self) -> float:
        """dt, where it is needed."""
        if self.dt is None:
            raise ValueError("from_nir: dt must be given: the file has none, and it needs one.")
        return self.dt

    def steps(self, name: str, delay: Any) -> np.ndarray:
        """Delays read, in seconds, in steps.

        Raises `ValueError` where these are no whole steps.
        """
        unit = self.euler_dt or self.step()
        delays = np.asarray(delay, np.float64) * SECOND / unit
        steps = np.round(delays)
        if np.any(steps < 0) or np.max(np.abs(steps - delays)) > 1e-3:
            raise ValueError(
                f"from_nir: node {name!r}, Delay: delay must be whole numbers of steps of {unit:g} "
                f"ms, got {delays.ravel() * unit} ms."
            )
        return np.asarray(steps, np.int32)

    def delay(self, steps: Any) -> np.ndarray:
        """The delays to write, in seconds, of these steps."""
        return np.asarray(np.asarray(steps) * (self.euler_dt or self.step()) / SECOND, np.float32)
