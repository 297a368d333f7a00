"""Accuracy against energy, and where the energy goes."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.ticker import LogLocator

from experiments.event_pc import DATA_NOTES, MODES, Config
from experiments.runner import Run, figures

COLORS = {"graded": "#0072B2", "ternary": "#009E73", "twin": "#D55E00", "pc": "#7F7F7F"}
LAYERS = ("#56B4E9", "#E69F00", "#CC79A7")


def draw_all(config: Config, run: Run, results: list[dict[str, Any]]) -> None:
    seeds = f"mean and standard deviation over {config.seeds} seeds"
    title = f"{DATA_NOTES[config.data]}: {seeds if config.seeds > 1 else 'one seed'}"
    figure, (ax, bars) = figures.panels(2, title, width=5.0)
    draw_curve(ax, results)
    draw_layers(bars, results)
    figure.set_size_inches(10, 4.6)
    for panel in (ax, bars):
        panel.legend(
            frameon=False,
            fontsize="small",
            loc="upper center",
            bbox_to_anchor=(0.5, -0.18),
            ncols=2,
        )
    run.figure("energy", figure)


def draw_curve(ax: Any, results: list[dict[str, Any]]) -> None:
    """On validation images, at each threshold; the twin and what is asked for beside them."""
    for mode, label in MODES.items():
        curves = [result["validation"][mode] for result in results]
        energy, accuracy = values(curves, "energy"), 100 * values(curves, "accuracy")
        ax.errorbar(
            energy.mean(0),
            accuracy.mean(0),
            xerr=deviation(energy),
            yerr=deviation(accuracy),
            fmt="o-",
            markersize=4,
            linewidth=1.2,
            elinewidth=0.7,
            color=COLORS[mode],
            label=label,
        )
    for rule, label in (("twin", "CNN twin"), ("pc", "PC network, one pass")):
        whole = [[result["validation"][rule]] for result in results]
        accuracy = 100 * values(whole, "accuracy")
        how = {"color": COLORS[rule], "yerr": deviation(accuracy), "elinewidth": 0.7}
        energy = values(whole, "energy").mean()
        ax.errorbar(energy, accuracy.mean(), fmt="s", label=f"{label}, zeros skipped", **how)
        if rule == "twin":
            dense = values(whole, "dense energy").mean()
            ax.errorbar(
                dense, accuracy.mean(), fmt="s", mfc="white", label=f"{label}, all pairs", **how
            )
            goal = {"color": "0.9", "zorder": 0, "label": "within 0.5 points"}
            ax.axhspan(accuracy.mean() - 0.5, accuracy.mean(), **goal)
            goal = {"color": "0.5", "linestyle": ":", "label": "30 % below the twin"}
            ax.axvline(0.7 * energy, linewidth=1, **goal)
            best = accuracy.mean()
    ax.set(xscale="log", xlabel="energy of classifying an image (nJ)", ylabel="accuracy (%)")
    # A decade's labels alone would be too few, the default ones overlap.
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter("")
    ax.set(ylim=(best - 8, best + 1), title="validation images, as the threshold varies")


def draw_layers(ax: Any, results: list[dict[str, Any]]) -> None:
    """Synaptic operations by layer, in the mean over seeds."""
    rows = {
        "CNN twin": [result["test"]["twin"] for result in results],
        "PC, one pass": [result["test"]["pc"] for result in results],
        "PC, graded": [result["test"]["graded"] for result in results],
        "PC, ternary": [result["test"]["ternary"] for result in results],
    }
    layers = list(rows["CNN twin"][0]["operations"])
    left = np.zeros(len(rows))
    for number, layer in enumerate(layers):
        counts = [np.mean([x["operations"][layer] for x in row]) / 1000 for row in rows.values()]
        ax.barh(range(len(rows)), counts, left=left, color=LAYERS[number], label=layer)
        left += counts
    for place, row in enumerate(rows.values()):
        kind = "MAC" if row[0]["macs"] else "AC"
        energy = np.mean([x["energy"] for x in row])
        ax.text(left[place], place, f"  {kind}, {energy:.3g} nJ", va="center", fontsize="small")
    ax.set(yticks=range(len(rows)), yticklabels=list(rows), xlim=(0, 1.4 * left.max()))
    ax.set(
        xlabel="operations for an image (thousands)", title="test images, at the chosen threshold"
    )
    ax.invert_yaxis()
    ax.grid(visible=False)


def values(rows: list[list[dict[str, Any]]], what: str) -> np.ndarray:
    """[seed, threshold]"""
    return np.array([[point[what] for point in row] for row in rows])


def deviation(x: np.ndarray) -> np.ndarray | None:
    return x.std(axis=0, ddof=1) if len(x) > 1 else None
