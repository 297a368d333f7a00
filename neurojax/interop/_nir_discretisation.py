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

    def steps(self, name: str, delay: Any) -> int:
        """A delay read, in seconds, in steps.

        Raises `ValueError` where these are no whole steps, or not the same for all elements.
        """
        delays = np.unique(np.asarray(delay, np.float64)) * SECOND
        unit = self.euler_dt or self.step()
        steps = np.round(delays / unit)
        apart = np.max(np.abs(steps - delays / unit))
        if len(set(steps)) != 1 or steps[0] < 0 or apart > 1e-3:
            raise ValueError(
                f"from_nir: node {name!r}, Delay: delay must be the same for all elements, a whole "
                f"number of steps of {unit:g} ms, got {delays} ms."
            )
        return int(steps[0])

    def delay(self, steps: int) -> float:
        """The delay to write, in seconds."""
        return steps * (self.euler_dt or self.step()) / SECOND
