"""Traces and spikes as a figure."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINES_SHOWN = 10


def plot_run(
    ts: np.ndarray, traces: dict[str, np.ndarray], spikes: list[np.ndarray] | None
) -> "Figure":
    """A panel for each of `traces` [time, ...] over `ts` (ms), and one for the spike times of each
    neuron."""
    try:
        from matplotlib import pyplot as plt
    except ImportError:
        raise ImportError(
            "Solution.plot needs matplotlib, which is not installed: pip install matplotlib."
        ) from None
    rows = len(traces) + (spikes is not None)
    if rows == 0:
        raise ValueError("nothing to plot: no recording over time and no spikes.")
    size = (8, 0.6 + 1.9 * rows)
    figure, grid = plt.subplots(
        rows, 1, figsize=size, sharex=True, squeeze=False, layout="constrained"
    )
    axes = grid[:, 0]
    for axis, (name, values) in zip(axes, traces.items(), strict=False):
        _traces(axis, ts, values, name)
    if spikes is not None:
        _raster(axes[-1], spikes)
    axes[-1].set_xlabel("time (ms)")
    if "inline" in plt.get_backend():  # a notebook shows what a cell returns: not twice
        plt.close(figure)
    return figure


def _traces(axis: "Axes", ts: np.ndarray, values: np.ndarray, name: str) -> None:
    flat = values.reshape(len(ts), -1)
    picked = np.unique(np.linspace(0, flat.shape[1] - 1, LINES_SHOWN).astype(int))
    axis.plot(ts, flat[:, picked], linewidth=1)
    of = "" if len(picked) == flat.shape[1] else f"\n({len(picked)} of {flat.shape[1]})"
    axis.set_ylabel(name + of)


def _raster(axis: "Axes", spikes: list[np.ndarray]) -> None:
    from matplotlib.ticker import MaxNLocator

    rows = range(len(spikes))
    axis.eventplot(spikes, lineoffsets=rows, colors="black", linelengths=0.9, linewidths=0.8)
    axis.set_ylabel("neuron")
    axis.yaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set_ylim(-0.5, len(spikes) - 0.5)
