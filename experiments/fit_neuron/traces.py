"""A recording as one trace on the simulation's time grid, and what is asked of each spike in it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from experiments.runner import ExperimentError

if TYPE_CHECKING:
    from neurojax.interop import Recording

# Before a recorded spike the neuron is kept from resetting by itself, so that one that comes early
# waits for it; a spike earlier still is one that the recording does not have.
PATIENCE = 40.0  # ms
OWN, HELD, SPIKE = -1.0, 0.0, 1.0
AWAY = (2.0, 1.0)  # ms before a spike, and after its refractory period: no voltage is compared


class Targets(NamedTuple):
    """What the fit is held to, for jit. Windows: those in training sweeps, spikes' first."""

    current: Any
    """[step], nA."""
    voltage: Any
    """[step], mV."""
    compared: Any
    """[step]: 1 where the voltage counts."""
    forced: Any
    """[step]: OWN where the neuron's own spikes reset it, HELD where none does, SPIKE where a
    recorded one does."""
    begin: Any
    """[window]: the step after a spike's refractory period, or in which the current changes."""
    end: Any
    """[window]: the step of the next spike, or where none comes before it, of the next change."""
    spikes: Any
    """[window]: True where it ends with a spike."""
    burst: Any
    """[window, window]: 1 for each spike and those before it under the same current."""


class Trace(NamedTuple):
    """The recording on the grid, sweep after sweep, gaps between them filled."""

    dt: float
    voltage: np.ndarray
    current: np.ndarray
    spikes: np.ndarray
    """Spike times (ms)."""
    starts: np.ndarray
    """[sweep]: the first step of each."""
    length: int
    """Steps of a sweep."""
    refractory: float

    @property
    def duration(self) -> float:
        """Of a sweep (ms)."""
        return self.length * self.dt

    def sweeps(self, role: str) -> list[int]:
        """The sweeps of a role: "train", "validation" or "held out"."""
        return [k for k in range(len(self.starts)) if role_of(k) == role]

    def of(self, sweep: int) -> slice:
        return slice(self.starts[sweep], self.starts[sweep] + self.length)

    def by_sweep(self, times: np.ndarray) -> list[np.ndarray]:
        """Times (ms) that fall into each sweep, from its start."""
        begin = self.starts * self.dt
        since = [np.asarray(times) - start for start in begin]
        return [t[(t >= 0) & (t < self.duration)] for t in since]

    def spikes_by_sweep(self) -> list[np.ndarray]:
        return self.by_sweep(self.spikes)

    def trains(self, sweep: int) -> list[np.ndarray]:
        """The spikes of a sweep (ms from its start), those under one current together."""
        changes = (np.flatnonzero(np.diff(self.current[self.of(sweep)])) + 1) * self.dt
        spikes = self.spikes_by_sweep()[sweep]
        parts = np.split(spikes, np.searchsorted(spikes, changes))
        return [part for part in parts if len(part)]


def role_of(sweep: int) -> str:
    """Every fourth sweep is held out, every fourth validates: both lie between training sweeps."""
    return {2: "held out", 0: "validation" if sweep else "train"}.get(sweep % 4, "train")


def read(path: str) -> Recording:
    from neurojax.interop import read_recording

    try:
        return read_recording(Path(path))
    except ValueError as error:
        raise ExperimentError(f"--recording: {error}") from error


def trace_of(recording: Recording, *, dt: float, v_peak: float, refractory: float) -> Trace:
    """The recording every `dt` ms: voltage sampled, current averaged over the step."""
    every = round(dt / recording.dt)
    if every < 1 or abs(every * recording.dt - dt) > 1e-6 * dt:
        raise ExperimentError(
            f"--dt must be a multiple of the recording's {recording.dt:g} ms, got {dt:g}"
        )
    sweeps, samples = recording.voltage.shape
    if sweeps < 5:
        raise ExperimentError(
            f"--recording has {sweeps} sweeps: to train, validate and hold out, 5 are the least"
        )
    length = samples // every
    starts = np.round((recording.starts - recording.starts[0]) / dt).astype(int)
    if (np.diff(starts) < length).any():
        raise ExperimentError("--recording: a sweep begins before the one before it has ended")
    voltage, current = np.full((2, starts[-1] + length), np.nan)
    spikes = []
    for start, v, i in zip(starts, recording.voltage, recording.current, strict=True):
        voltage[start : start + length] = v[: length * every : every]
        current[start : start + length] = i[: length * every].reshape(length, every).mean(axis=1)
        rises = np.flatnonzero((v[1:] >= v_peak) & (v[:-1] < v_peak)) + 1
        spikes.append(start * dt + rises * recording.dt)
    gap = np.isnan(current)  # the current that a sweep ends with is held until the next
    current = current[np.maximum.accumulate(np.where(gap, 0, np.arange(len(current))))]
    trace = Trace(
        dt, voltage, current, np.concatenate(spikes), starts, length, refractory
    )  # fmt: skip
    if not all(len(trace.spikes_by_sweep()[k]) for k in trace.sweeps("held out")):
        raise ExperimentError(f"--recording: a held-out sweep has no spike above {v_peak:g} mV")
    return trace


def targets(trace: Trace) -> Targets:
    """What is asked in training sweeps; in the others the neuron runs by itself."""
    steps, dt = len(trace.voltage), trace.dt
    training = np.zeros(steps, bool)
    for sweep in trace.sweeps("train"):
        training[trace.of(sweep)] = True
    due = np.floor(trace.spikes / dt + 1e-6).astype(int)
    due = due[training[due]]
    frozen = int(trace.refractory / dt + 1e-3)
    forced = np.full(steps, OWN)
    compared = training & np.isfinite(trace.voltage)
    for step in due:
        waiting = slice(max(0, step - round(PATIENCE / dt)), step)
        forced[waiting] = np.where(training[waiting], HELD, OWN)
        first, last = step - round(AWAY[0] / dt), step + frozen + round(AWAY[1] / dt)
        compared[max(0, first) : last] = False
    forced[due] = SPIKE
    edges = np.concatenate([trace.starts, np.flatnonzero(np.diff(trace.current)) + 1, [steps]])
    edges = np.unique(edges)
    epoch = edges[np.searchsorted(edges, due, side="right") - 1]
    before = np.concatenate([[-1], due[:-1]])
    begin = np.minimum(np.maximum(before + frozen + 1, epoch), due)
    silent = silences(edges, due, training, frozen)
    windows = len(due) + len(silent)
    burst = np.zeros((windows, windows), np.float32)
    burst[: len(due), : len(due)] = np.equal.outer(epoch, epoch) & np.tri(len(due), dtype=bool)
    return Targets(
        current=trace.current.astype(np.float32),
        voltage=np.nan_to_num(trace.voltage).astype(np.float32),
        compared=compared.astype(np.float32),
        forced=forced.astype(np.float32),
        begin=np.concatenate([begin, silent[:, 0]]).astype(np.int32),
        end=np.concatenate([due, silent[:, 1]]).astype(np.int32),
        spikes=np.arange(windows) < len(due),
        burst=burst,
    )


def silences(edges: np.ndarray, due: np.ndarray, training: np.ndarray, frozen: int) -> np.ndarray:
    """First and last step, [silence, 2], of what follows the last spike under each current."""
    found = []
    for first, stop in pairwise(edges):
        spikes = due[(due >= first) & (due < stop)]
        begin = max(first, spikes[-1] + frozen + 1) if len(spikes) else first
        if training[first] and begin < stop - 1:
            found.append((begin, stop - 1))
    return np.array(found, int).reshape(-1, 2)


def passive(trace: Trace) -> tuple[float, float, float]:
    """Capacitance (nF), conductance (µS) and potential (mV) of the membrane that moves as the
    recording does away from spikes, on average: `C dv/dt = −g (v − E) + I` by least squares, over
    steps of 2 ms in training sweeps."""
    every = max(1, round(2.0 / trace.dt))
    wanted = targets(trace).compared > 0
    steps = len(wanted) // every * every
    whole = wanted[:steps].reshape(-1, every).all(axis=1)
    v = np.nan_to_num(trace.voltage[:steps]).reshape(-1, every).mean(axis=1)
    i = trace.current[:steps].reshape(-1, every).mean(axis=1)
    both = np.flatnonzero(whole[1:] & whole[:-1])
    middle = [(x[both] + x[both + 1]) / 2 for x in (v, i)]
    rate = (v[both + 1] - v[both]) / (every * trace.dt)
    factors = np.column_stack([*middle, np.ones(len(both))])
    slope, per_current, constant = np.linalg.lstsq(factors, rate, rcond=None)[0]
    if not (per_current > 0 and slope < 0):
        raise ExperimentError(
            "--recording: the voltage does not follow the current as a membrane's"
        )
    capacitance = 1 / per_current
    return float(capacitance), float(-slope * capacitance), float(-constant / slope)
