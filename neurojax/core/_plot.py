"""Traces and spikes as a figure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINES_SHOWN = 10
STROKES = 200
"""Up to so many neurons spikes are strokes, of more points."""
COLORS = ("black", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")


class Train(NamedTuple):
    """The spikes of a population: when (ms), and of which of its neurons."""

    name: str
    times: np.ndarray
    indices: np.ndarray
    neurons: int


def plot_run(ts: np.ndarray, traces: dict[str, np.ndarray], spikes: Sequence[Train]) -> "Figure":
    """A panel for each of `traces` [time, ...] over `ts` (ms), and one for all spikes."""
    try:
        from matplotlib import pyplot as plt
    except ImportError:
        raise ImportError(
            "Solution.plot needs matplotlib, which is not installed: pip install matplotlib."
        ) from None
    rows = len(traces) + bool(spikes)
    if rows == 0:
        raise ValueError("nothing to plot: no recording over time and no spikes.")
    size = (8, 0.6 + 1.9 * rows)
    figure, grid = plt.subplots(
        rows, 1, figsize=size, sharex=True, squeeze=False, layout="constrained"
    )
    axes = grid[:, 0]
    for axis, (name, values) in zip(axes, traces.items(), strict=False):
        _traces(axis, ts, values, name)
    if spikes:
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


def _raster(axis: "Axes", spikes: Sequence[Train]) -> None:
    from matplotlib.ticker import MaxNLocator

    neurons, first = sum(train.neurons for train in spikes), 0
    for train, color in zip(spikes, COLORS * len(spikes), strict=False):
        rows = first + train.indices
        if neurons <= STROKES:
            axis.vlines(train.times, rows - 0.45, rows + 0.45, colors=color, linewidth=0.8)
        else:
            axis.plot(train.times, rows, ".", color=color, markersize=1.5, markeredgewidth=0)
        if train.name:
            middle = first + train.neurons / 2
            axis.annotate(
                train.name, (1.01, middle), xycoords=("axes fraction", "data"), color=color
            )
        first += train.neurons
    axis.set_ylabel("neuron")
    axis.yaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set_ylim(-0.5, neurons - 0.5)
