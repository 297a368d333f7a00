"""Accuracy against parameters and against noise, to look at."""

from __future__ import annotations

from typing import Any

import numpy as np

from experiments.dendritic_layer import DATA_NOTES, KINDS, Config
from experiments.runner import Run, figures

COLORS = {"dense": "#7F7F7F", "random": "#E69F00", "local": "#0072B2"}  # Okabe and Ito


def draw(config: Config, run: Run, results: list[dict[str, Any]]) -> None:
    title = f"{DATA_NOTES[config.data]}: mean and standard deviation over {config.seeds} seeds"
    figure, (size, noise) = figures.panels(2, title)
    for kind, label in KINDS.items():
        # [seed, size, noise]
        accuracy = 100 * np.array([result[kind]["accuracy"] for result in results])
        parameters = results[0][kind]["parameters"]
        figures.band(size, parameters, accuracy[:, :, 0], COLORS[kind], label)
        figures.band(noise, config.noise, accuracy[:, -1], COLORS[kind], label)
    size.set(xscale="log", xlabel="parameters", ylabel="test accuracy (%)", title="without noise")
    size.set_xticks(config.parameters, [f"{each:g}" for each in config.parameters])
    size.minorticks_off()
    size.legend(frameon=False, loc="lower right")
    noise.set(
        xlabel="standard deviation of pixel noise",
        title=f"with noise, {config.parameters[-1]} parameters",
    )
    run.figure("accuracy", figure)
