"""Learning curves and accuracies of spiking networks and their twins."""

from __future__ import annotations

from typing import Any

import numpy as np

from experiments.runner import Run, figures
from experiments.train_snn import Config

COLORS = {"spiking": "#0072B2", "conventional": "#D55E00"}


def draw_all(config: Config, run: Run, results: list[dict[str, Any]]) -> None:
    """Validation accuracy after each epoch, and the last one's on the images measured."""
    title = f"{config.task}: mean and standard deviation of {config.seeds} seeds"
    figure, (curves, bars) = figures.panels(2, title)
    measured = []
    for place, name in enumerate(config.networks):
        runs = 100 * np.array([result[name]["curve"] for result in results])
        figures.band(curves, np.arange(1, runs.shape[1] + 1), runs, COLORS[name], name)
        values = [100 * result[name]["accuracy"] for result in results]
        figures.bar(bars, place, values, COLORS[name], None, width=0.6)
        measured += values
    curves.set(xlabel="epoch", ylabel="validation accuracy (%)")
    curves.legend(frameon=False)
    low, high = min(measured), max(measured)
    margin = high - low + 0.2
    bars.set(ylabel=f"{config.on} accuracy (%)", ylim=(max(0, low - margin), high + margin / 2))
    bars.set_xticks(range(len(config.networks)), config.networks)
    run.figure("accuracy", figure)
