"""What a script records: variables over time, spikes, and the rate of a population."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from ._clock import as_ms, defaultclock
from ._group import BrianObject, Group
from ._neurons import SpikingGroup
from ._parts import AT_SPIKE
from ._quantity import from_coherent, quantity
from ._unsupported import refuse


class Monitor(BrianObject):
    """An object that records `source`; it may be added to a simulation that goes on."""

    is_essential = False

    def __init__(self, source: Group, name: str | None, order: int, clock: Any) -> None:
        super().__init__(name, order)
        self.source, self.steps = source, np.zeros(0, int)
        if clock is not None and clock is not defaultclock:
            refuse(f"{self.name}: a clock of its own", "give dt, or set defaultclock.dt")

    @property
    def needs(self) -> tuple[BrianObject, ...]:
        return (self.source.root,)

    def snapshot(self) -> Any:
        kept = {k: v for k, v in vars(self).items() if isinstance(v, np.ndarray | dict)}
        return {k: v.copy() for k, v in kept.items()}

    def restore(self, kept: Any) -> None:
        vars(self).update({k: v.copy() for k, v in kept.items()})

    @property
    def t(self) -> Any:
        """The times of what was recorded."""
        return quantity(self.steps * defaultclock.step_ms, "ms")

    @property
    def t_(self) -> np.ndarray:
        """The same in seconds."""
        return np.asarray(self.t)


class StateMonitor(Monitor):
    """Records `variables` of the neurons (or synapses) `record` at the start of each step.

    `M.v` is [recorded, times]; `M[i].v` that of neuron i.
    """

    kind = "statemonitor"

    def __init__(
        self,
        source: Group,
        variables: Any,
        record: Any = False,
        dt: Any = None,
        clock: Any = None,
        when: str = "start",
        order: int = 0,
        name: str | None = None,
        codeobj_class: Any = None,
    ) -> None:
        super().__init__(source, name, order, clock)
        if when != "start":
            refuse(f"StateMonitor(when={when!r})", "it records at the start of each step")
        every = as_ms("StateMonitor: dt", dt) if dt is not None else defaultclock.step_ms
        self.every = round(every / defaultclock.step_ms)
        if self.every < 1 or abs(self.every * defaultclock.step_ms - every) > 1e-6 * every:
            raise NotImplementedError(
                f"{self.name}: dt must be a whole number of steps of {defaultclock.dt}, got {dt}."
            )
        names = [variables] if isinstance(variables, str) else variables
        self.variables = [n for n in source.variables if n not in ("i", "j", "N")]
        if names is not True:
            self.variables = list(names)
        for variable in self.variables:
            source.variable(variable)
        if record is False:
            refuse("StateMonitor(record=False)", "give the indices to record, or True for all")
        if record is True:
            self.record = np.arange(source.N)
        else:
            self.record = np.atleast_1d(source.indices(record, dict))
        self.recorded: dict[str, np.ndarray] = {}

    def observed(self) -> dict[str, tuple[str, Any]]:
        """What is recorded: by name, a variable of the source's part, and its elements."""
        indices = jnp.asarray(self.record + self.source.start)
        return {f"{self.name}.{v}": (v, indices) for v in self.variables}

    def absorb(self, solution: Any, first: int, steps: int) -> None:
        """Take up the samples of a run from step `first`."""
        taken = np.flatnonzero((first + np.arange(steps)) % self.every == 0)
        for variable in self.variables:
            new = np.asarray(solution[f"{self.name}.{variable}"])[taken].T
            old = self.recorded.get(variable, new[:, :0])
            self.recorded[variable] = np.concatenate([old, new], axis=1)
        self.steps = np.concatenate([self.steps, first + taken])

    def values_of(self, name: str, rows: Any) -> Any:
        """What was recorded of a variable, of these rows."""
        si_values = name.endswith("_") and name[:-1] in self.variables
        name = name[:-1] if si_values else name
        if name not in self.variables:
            raise AttributeError(f"{self.name} records {', '.join(self.variables)}, not {name!r}.")
        shape = (len(self.record), 0)
        plain = self.recorded.get(name, np.zeros(shape))[rows]
        value = from_coherent(plain.astype(float), self.source.variable(name).dim)
        return np.asarray(value) if si_values else value

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or "variables" not in self.__dict__:
            raise AttributeError(name)
        return self.values_of(name, slice(None))

    def __getitem__(self, item: Any) -> "MonitoredElement":
        if not isinstance(item, int | np.integer):
            return MonitoredElement(self, np.flatnonzero(np.isin(self.record, item)))
        rows = np.flatnonzero(self.record == item)
        if rows.size == 0:
            raise IndexError(f"{self.name} does not record element {item}.")
        return MonitoredElement(self, int(rows[0]))


class MonitoredElement:
    """What a StateMonitor recorded of some elements."""

    def __init__(self, monitor: StateMonitor, rows: Any) -> None:
        self._monitor, self._rows = monitor, rows

    @property
    def t(self) -> Any:
        """The times."""
        return self._monitor.t

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._monitor.values_of(name, self._rows)


class SpikeMonitor(Monitor):
    """Records the spikes of `source` (and its `variables` at them): `i`, `t`, `count`."""

    kind = "spikemonitor"

    def __init__(
        self,
        source: Group,
        variables: Any = None,
        record: bool = True,
        when: str | None = None,
        order: int | None = None,
        name: str | None = None,
        codeobj_class: Any = None,
    ) -> None:
        super().__init__(source, name, order or 0, None)
        refuse_silent(source, "SpikeMonitor")
        self.keeps = bool(record)
        self.variables = [variables] if isinstance(variables, str) else list(variables or ())
        for variable in self.variables:
            source.variable(variable)
            source.root.at_spikes.add(variable)  # pyright: ignore[reportAttributeAccessIssue]
        self.indices, self.counts = np.zeros(0, int), np.zeros(source.N, int)
        self.recorded: dict[str, np.ndarray] = {}

    def observed(self) -> dict[str, tuple[str, Any]]:
        """The state that keeps the variables at each step's spikes."""
        indices = jnp.arange(self.source.N) + self.source.start
        return {f"{self.name}.{v}": (AT_SPIKE + v, indices) for v in self.variables}

    def absorb(self, solution: Any, first: int, steps: int, raster: np.ndarray) -> None:
        """Take up the spikes of a run from step `first`; the raster is that of the source."""
        self.counts = self.counts + raster.sum(0)
        if not self.keeps:
            return
        at, who = np.nonzero(raster)
        for variable in self.variables:
            # What is kept of a step's spikes is in the state at the start of the next step.
            samples = np.asarray(solution[f"{self.name}.{variable}"])
            state = solution.final.state[self.source.root.name][AT_SPIKE + variable]
            last = np.asarray(state)[self.source.start :][: self.source.N]
            new = np.concatenate([samples[1:], last[None]])[at, who]
            old = self.recorded.get(variable, new[:0])
            self.recorded[variable] = np.concatenate([old, new])
        self.steps = np.concatenate([self.steps, first + at])
        self.indices = np.concatenate([self.indices, who])

    @property
    def i(self) -> np.ndarray:
        """The neuron of each spike."""
        return self.indices

    @property
    def it(self) -> tuple[np.ndarray, Any]:
        """Neurons and times."""
        return self.i, self.t

    @property
    def count(self) -> np.ndarray:
        """The number of spikes of each neuron."""
        return self.counts

    @property
    def num_spikes(self) -> int:
        """The number of all spikes."""
        return int(self.counts.sum())

    @property
    def N(self) -> int:
        """The number of recorded spikes."""
        return len(self.indices)

    def spike_trains(self) -> dict[int, Any]:
        """The spike times of each neuron."""
        return self.values("t")

    def values(self, var: str) -> dict[int, Any]:
        """What was recorded of a variable (or t) at the spikes of each neuron."""
        whole = getattr(self, var)
        order = np.argsort(self.indices, kind="stable")
        ends = np.cumsum(np.bincount(self.indices, minlength=self.source.N))
        return {
            n: whole[order[start:end]]
            for n, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True))
        }

    def __getattr__(self, name: str) -> Any:
        if name in self.__dict__.get("variables", ()):
            plain = self.recorded.get(name, np.zeros(0))
            return from_coherent(plain.astype(float), self.source.variable(name).dim)
        raise AttributeError(f"SpikeMonitor has no {name!r}; it has i, t, count, num_spikes.")


class PopulationRateMonitor(Monitor):
    """Records the mean rate of `source` in each step: `t`, `rate`."""

    kind = "ratemonitor"

    def __init__(
        self, source: Group, name: str | None = None, codeobj_class: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(source, name, 0, None)
        refuse_silent(source, "PopulationRateMonitor")
        self.spikes = np.zeros(0, int)

    def absorb(self, solution: Any, first: int, steps: int, raster: np.ndarray) -> None:
        """Take up the spikes of a run from step `first`; the raster is that of the source."""
        self.steps = np.concatenate([self.steps, first + np.arange(steps)])
        self.spikes = np.concatenate([self.spikes, raster.sum(1)])

    @property
    def rate(self) -> Any:
        """The rate in each step."""
        return quantity(self.spikes / (self.source.N * defaultclock.step_ms * 1e-3), "hertz")

    @property
    def rate_(self) -> np.ndarray:
        """The same in Hz, as plain numbers."""
        return np.asarray(self.rate)

    def smooth_rate(self, window: Any = "gaussian", width: Any = None) -> Any:
        """The rate, smoothed by a "gaussian" of standard deviation `width`, a "flat" window of that
        width, or an array of an odd number of weights."""
        if isinstance(window, str):
            if width is None:
                raise TypeError("smooth_rate: a window by name needs a width.")
            steps = as_ms("width", width) / defaultclock.step_ms
            if window == "gaussian":
                reach = round(2 * steps)
                weights = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * steps**2))
            elif window == "flat":
                weights = np.ones(int(steps / 2) * 2 + 1)
            else:
                raise NotImplementedError(
                    f"smooth_rate: windows are 'gaussian' and 'flat', got {window!r}."
                )
        else:
            weights = np.asarray(window, float)
            if width is not None or weights.ndim != 1 or weights.size % 2 == 0:
                raise TypeError("smooth_rate: a window of one's own has an odd number of weights.")
        smooth = np.convolve(self.rate_, weights / weights.sum(), mode="same")
        return quantity(smooth, "hertz")


def refuse_silent(source: Any, what: str) -> None:
    """Refuse to record the spikes of what has none."""
    root = source.root if isinstance(source, Group) else source
    if not isinstance(root, SpikingGroup) or not root.has_threshold:
        raise TypeError(f"{what} needs a group that spikes (with a threshold), got {root!r}.")
