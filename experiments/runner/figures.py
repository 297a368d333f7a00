"""The look of every figure: Okabe and Ito's colours, which colour-blind readers tell apart."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

LAYERS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")


def panels(count: int, title: str, width: float = 4.2) -> tuple[Figure, list[Axes]]:
    """A figure with `count` panels in a row, each `width` inches wide."""
    figure = Figure(figsize=(width * count, 3.6), layout="constrained")
    figure.suptitle(title, fontsize="medium", color="0.3")
    axes = list(figure.subplots(1, count, squeeze=False)[0])
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(axis="y", color="0.9", linewidth=0.8)
        ax.set_axisbelow(True)
    return figure, axes


def band(ax: Axes, x, runs, color: str, label: str) -> None:
    """The mean of `runs` [run, x] as a line, one standard deviation to both sides as a band."""
    runs = np.asarray(runs)
    mean = runs.mean(axis=0)
    ax.plot(x, mean, color=color, label=label)
    if len(runs) > 1:
        sd = runs.std(axis=0, ddof=1)
        ax.fill_between(x, mean - sd, mean + sd, color=color, alpha=0.2, linewidth=0)


def bar(ax: Axes, position: float, values: Sequence[float], color: str, label, width: float):
    """Mean of `values` as a bar, one standard deviation as its error bar, each value as a dot."""
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    ax.bar(
        position, np.mean(values), width, yerr=sd, capsize=4, color=color, alpha=0.6, label=label
    )
    across = position + width * np.linspace(-0.25, 0.25, len(values) + 2)[1:-1]
    ax.scatter(across, values, s=14, color=color, edgecolor="white", linewidth=0.6, zorder=3)
