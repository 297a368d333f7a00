"""The cell beside its models, and what a branch does with its synapses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.runner import figures
from experiments.two_layer import ALONE, CELLS, MODELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS = {"two-layer": "#0072B2", "linear": "#E69F00", "total": "#7F7F7F"}  # Okabe and Ito
CELL_COLORS = {"active": "#009E73", "passive": "#CC79A7"}


def draw(results: dict[str, list[dict[str, Any]]], curves: dict[str, np.ndarray]) -> Figure:
    figure, (rates, explained, subunit, branch) = figures.panels(
        4, "rates and variance: placements not learnt from"
    )
    draw_rates(rates, results["active"][0])
    draw_explained(explained, results)
    draw_subunits(subunit, results)
    draw_branches(branch, curves)
    return figure


def draw_rates(ax: Axes, result: dict[str, Any]) -> None:
    """The active cell's rate against what two models predict, of the first seed."""
    for kind in ("linear", "two-layer"):
        ax.plot(
            result[kind]["predicted"],
            result["rate"],
            ".",
            color=COLORS[kind],
            alpha=0.7,
            label=MODELS[kind],
        )
    top = max(result["rate"])
    ax.plot([0, top], [0, top], color="0.6", linewidth=0.8, zorder=0)
    ax.set(title="active cell, first seed", xlabel="predicted rate (Hz)", ylabel="rate (Hz)")
    ax.set_ylim(0, 1.35 * top)  # room for the legend
    ax.legend(frameon=False, loc="upper left")


def draw_explained(ax: Axes, results: dict[str, list[dict[str, Any]]]) -> None:
    for place, each in enumerate(results.values()):
        for k, kind in enumerate(MODELS):
            values = [100 * result[kind]["explained"] for result in each]
            label = MODELS[kind] if place == 0 else None
            figures.bar(ax, place + 0.27 * (k - 1), values, COLORS[kind], label, 0.25)
        shared = 100 * np.mean([result["predictable"] for result in each])
        label = "what trials share" if place == 0 else None
        ax.plot([place - 0.42, place + 0.42], 2 * [shared], "k--", linewidth=1, label=label)
    ax.set(title="variance explained (%)", xticks=range(len(results)), ylim=(0, 130))
    ax.set_xticklabels([CELLS[name] for name in results])
    ax.legend(frameon=False, fontsize="small", ncols=2, loc="upper center")


def draw_subunits(ax: Axes, results: dict[str, list[dict[str, Any]]]) -> None:
    """The fitted sigmoids, a line for each seed, as shares of their highest value here."""
    for name, each in results.items():
        for number, result in enumerate(each):
            curve = np.asarray(result["two-layer"]["subunit"])
            label = CELLS[name] if number == 0 else None
            ax.plot(ALONE, curve / curve[-1], color=CELL_COLORS[name], label=label)
    ax.set(title="fitted subunit", xlabel="synapses on a branch", ylabel="s(n) / s(30)")
    ax.legend(frameon=False, loc="lower right")


def draw_branches(ax: Axes, curves: dict[str, np.ndarray]) -> None:
    """Of each branch alone, as a share of its highest value here; the mean is thick."""
    for name, each in curves.items():
        shares = each / each.max(axis=1, keepdims=True)
        ax.plot(ALONE, shares.T, color=CELL_COLORS[name], linewidth=0.5, alpha=0.4)
        ax.plot(ALONE, shares.mean(axis=0), color=CELL_COLORS[name], linewidth=2, label=CELLS[name])
    ax.set(
        title="synapses on one branch alone",
        xlabel="synapses on the branch",
        ylabel="depolarisation of the soma, share",
    )
    ax.legend(frameon=False, loc="lower right")
