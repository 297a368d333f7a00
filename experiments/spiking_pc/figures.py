"""Spikes before and after learning, and what was learned, to look at."""

from __future__ import annotations

from typing import Any

import numpy as np

from experiments.runner import Run, figures
from experiments.spiking_pc import DT, KINDS, LISTEN, SHOWN, Config

POPULATIONS = ("input", "hidden", "output", "errors")
COLORS = ("#7F7F7F", "#0072B2", "#009E73", "#D55E00")
GAP = 3  # rows between populations
BIN = 5  # steps


def draw_all(config: Config, run: Run, results: list[dict[str, Any]]) -> None:
    draw_activity(config, run, results)
    draw_learning(config, run, results)


def draw_activity(config: Config, run: Run, results: list[dict[str, Any]]) -> None:
    """One test image before and after learning, and how often error neurons fire."""
    figure, (before, after, errors) = figures.panels(
        3, f"a test image, its target from {config.untaught:g} ms on; seed {config.seed}"
    )
    for ax, stage, title in zip(
        (before, after), results[0]["presented"], ("before learning", "after learning"), strict=True
    ):
        draw_raster(ax, stage["raster"])
        ax.axvline(config.untaught, color="0.5", linewidth=0.8, linestyle=":")
        ax.set(title=title, xlabel="time (ms)", xlim=(0, 2 * config.untaught))
    for at, (name, color) in enumerate((("before", "#CC79A7"), ("after", "#D55E00"))):
        rates = np.array([in_bins(result["presented"][at]["error rate"]) for result in results])
        times = BIN * DT * (np.arange(rates.shape[1]) + 0.5)
        figures.band(errors, times, rates, color, f"{name} learning")
    errors.axvline(config.untaught, color="0.5", linewidth=0.8, linestyle=":")
    errors.set(title=f"error neurons of the output, {SHOWN} test images", xlabel="time (ms)")
    errors.set(ylabel="spikes per second", xlim=(0, 2 * config.untaught))
    errors.legend(frameon=False)
    run.figure("activity", figure)


def in_bins(rates: list[float]) -> np.ndarray:
    """Means over BIN steps, as many as there are whole ones."""
    whole = len(rates) // BIN
    return np.reshape(rates[: whole * BIN], (whole, BIN)).mean(axis=1)


def draw_raster(ax: Any, rows: list[list[list[int]]]) -> None:
    """Populations above each other, the input at the bottom."""
    base, ticks = 0, []
    for color, (steps, neurons) in zip(COLORS, rows, strict=True):
        count = max(neurons, default=0) + 1
        ax.plot(
            DT * np.asarray(steps, float),
            base + np.asarray(neurons, float),
            "|",
            color=color,
            markersize=3,
            markeredgewidth=0.8,
        )
        ticks.append(base + count / 2)
        base += max(count, 10) + GAP
    ax.set_yticks(ticks, POPULATIONS, rotation=90, va="center")
    ax.tick_params(axis="y", length=0)
    ax.grid(False)


def draw_learning(config: Config, run: Run, results: list[dict[str, Any]]) -> None:
    """Over epochs, wrong answers and the output's error; in time, the accuracy of the answer."""
    figure, (wrong, error, time) = figures.panels(
        3, f"mean and standard deviation of {config.seeds} seeds"
    )
    epochs = np.arange(1, config.epochs + 1)
    listened = DT * np.arange(1, round(LISTEN / DT) + 1)
    for name, kind in KINDS.items():

        def curves(what: str, name: str = name) -> np.ndarray:
            return np.array([result[name][what] for result in results], np.float64)

        figures.band(wrong, epochs, 100 * curves("wrong"), kind.color, kind.name)
        figures.band(error, epochs, curves("error"), kind.color, kind.name)
        figures.band(time, listened, 100 * curves("accuracy in time"), kind.color, kind.name)
    wrong.set(xlabel="epoch", ylabel="wrong answers (%)", ylim=(0, 20), title="validation images")
    error.set(
        xlabel="epoch", ylabel="mean squared error of the output", yscale="log", ylim=(1e-3, 1e-1)
    )
    error.set(title="settled, with targets")
    time.set(xlabel="time since the image came (ms)", ylabel="right answers (%)", ylim=(0, 100))
    time.set(title="test images, after learning")
    for ax in (wrong, error, time):
        ax.legend(frameon=False)
    run.figure("learning", figure)
