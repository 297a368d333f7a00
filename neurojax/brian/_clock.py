"""The clock of a script: one step for all of it."""

from typing import Any

from ._quantity import TIME, DimensionMismatchError, coherent, quantity


class DefaultClock:
    """The step of all simulations that follow, `defaultclock.dt`; 0.1 ms unless set."""

    def __init__(self) -> None:
        self.step, self.step_ms = 0, 0.1

    @property
    def dt(self) -> Any:
        """The time step."""
        return quantity(self.step_ms, "ms")

    @dt.setter
    def dt(self, dt: Any) -> None:
        self.step_ms = as_ms("defaultclock.dt", dt)
        if not self.step_ms > 0:
            raise ValueError(f"defaultclock.dt must be above zero, got {dt}.")

    @property
    def t(self) -> Any:
        """The time that the last run reached."""
        return quantity(self.step * self.step_ms, "ms")


defaultclock = DefaultClock()


def as_ms(argument: str, time: Any) -> float:
    """A time as a number of ms."""
    value, dim = coherent(time)
    if dim != TIME or value.ndim:
        raise DimensionMismatchError(f"{argument} must be a time, such as 10*ms, got {time}.")
    return float(value)


def same_clock(owner: str, dt: Any, clock: Any = None) -> None:
    """Refuse a clock of an object's own."""
    own = as_ms(f"{owner}: dt", dt) if dt is not None else defaultclock.step_ms
    if (clock is not None and clock is not defaultclock) or own != defaultclock.step_ms:
        raise NotImplementedError(
            f"{owner}: a clock of its own (dt, clock) is not supported; set defaultclock.dt."
        )
