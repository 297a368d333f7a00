"""A solution as a figure."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ._solution import ClockSpikes, EventSpikes, Solution

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINES_SHOWN = 10


def plot(solution: Solution, names: tuple[str, ...]) -> Any:
    """A panel for each recording over time, and one for spikes."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError(
            "Solution.plot needs matplotlib, which is not installed: pip install matplotlib."
        ) from None
    shown = names or tuple(n for n, x in solution.recordings.items() if _is_trace(solution, x))
    spikes = solution.recorded_spikes if not names or "spikes" in names else None
    panels = [n for n in shown if n != "spikes"]
    rows = len(panels) + (spikes is not None)
    if rows == 0:
        raise ValueError("nothing to plot: no recording over time and no spikes.")
    figure = Figure(figsize=(8, 0.6 + 1.9 * rows), layout="constrained")
    axes = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
    for name, axis in zip(panels, axes, strict=False):
        _traces(axis, np.asarray(solution.ts), np.asarray(solution[name]), name)
    if spikes is not None:
        _raster(axes[-1], spikes)
    axes[-1].set_xlabel("time (ms)")
    return figure


def _is_trace(solution: Solution, value: Any) -> bool:
    return getattr(value, "ndim", 0) >= 1 and value.shape[0] == solution.ts.shape[0] > 0


def _traces(axis: "Axes", ts: np.ndarray, values: np.ndarray, name: str) -> None:
    flat = values.reshape(len(ts), -1)
    picked = np.unique(np.linspace(0, flat.shape[1] - 1, LINES_SHOWN).astype(int))
    axis.plot(ts, flat[:, picked], linewidth=1)
    of = "" if len(picked) == flat.shape[1] else f"\n({len(picked)} of {flat.shape[1]})"
    axis.set_ylabel(name + of)


def _raster(axis: "Axes", spikes: ClockSpikes | EventSpikes) -> None:
    size = int(np.prod(np.asarray(spikes.counts()).shape, dtype=int))
    rows = [spikes.of(i) for i in range(size)]
    axis.eventplot(rows, colors="black", linelengths=0.9, linewidths=0.8)
    axis.set_ylabel("neuron")
    axis.set_ylim(-0.5, size - 0.5)
