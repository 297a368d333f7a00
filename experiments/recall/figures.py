"""Errors against corruption, and images as shown and as recalled."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments.recall import HIDDEN, MEMORIES, NOISE, RECALLED, Config
from experiments.runner import Run, figures

COLORS = {"pc": "#0072B2", "hopfield": "#D55E00"}
LABELS = {"hidden": "part of the image hidden", "noise": "standard deviation of noise"}


def draw_all(config: Config, run: Run, results: list[dict[str, Any]]) -> None:
    draw_errors(config, run, results)
    draw_examples(run, results[0])


def draw_errors(config: Config, run: Run, results: list[dict[str, Any]]) -> None:
    title = f"{config.images} {config.data}: mean and standard deviation of {config.seeds} seeds"
    figure, axes = figures.panels(2, title)
    for ax, (kind, amounts) in zip(axes, (("hidden", HIDDEN), ("noise", NOISE)), strict=True):
        for name, label in MEMORIES.items():
            errors = [np.maximum(result[kind][name]["error"], 1e-8) for result in results]
            figures.band(ax, amounts, errors, COLORS[name], label)
        ax.axhline(RECALLED, color="0.6", linestyle=":")
        ax.set(xlabel=LABELS[kind], yscale="log")
    axes[0].set_ylabel("mean squared error of a pixel")
    axes[0].legend(frameon=False)
    run.figure("errors", figure)


def draw_examples(run: Run, result: dict[str, Any]) -> None:
    """The first seed's first image: a row each for what was shown and what each memory gave."""
    rows = ("shown", *MEMORIES)
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots(len(rows), len(HIDDEN) + len(NOISE), squeeze=False)
    side = round(len(result["images"][0]) ** 0.5)
    column = 0
    for kind, amounts in (("hidden", HIDDEN), ("noise", NOISE)):
        for n, amount in enumerate(amounts):
            images = [
                result[kind]["shown"][n][0],
                *(result[kind][name]["examples"][n][0] for name in MEMORIES),
            ]
            for ax, image in zip(axes[:, column], images, strict=True):
                ax.imshow(np.reshape(image, (side, side)), cmap="gray", vmin=0, vmax=1)
                ax.set(xticks=[], yticks=[])
            axes[0, column].set_title(f"{kind} {amount:g}", fontsize=9)
            column += 1
    for ax, name in zip(axes[:, 0], rows, strict=True):
        ax.set_ylabel(MEMORIES.get(name, name), fontsize=8)
    run.figure("examples", figure)
