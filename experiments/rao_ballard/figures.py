"""Receptive fields, and responses to bars of growing length."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments.rao_ballard import LENGTHS, Config
from experiments.rao_ballard.patches import SIDE
from experiments.runner import Run, figures

COLORS = {"responses": "#0072B2", "responses without": "#D55E00"}
LABELS = {"responses": "second level at work", "responses without": "second level cut off"}


def draw_all(config: Config, run: Run, results: list[dict[str, Any]]) -> None:
    draw_fields(run, np.array(results[0]["fields"]))
    draw_end_stopping(config, run, results)


def draw_fields(run: Run, fields: np.ndarray) -> None:
    """What each unit of the middle patch predicts of it, [pixel, unit]; the first seed's."""
    columns = 8
    rows = -(-fields.shape[1] // columns)
    figure = Figure(figsize=(columns * 0.9, rows * 0.9 + 0.3), layout="constrained")
    figure.suptitle("First-level receptive fields", fontsize="medium", color="0.3")
    for ax in figure.subplots(rows, columns, squeeze=False).ravel():
        ax.axis("off")
    for ax, field in zip(figure.axes, fields.T, strict=False):
        most = np.abs(field).max()
        ax.imshow(field.reshape(SIDE, SIDE), cmap="gray", vmin=-most, vmax=most)
    run.figure("receptive_fields", figure)


def draw_end_stopping(config: Config, run: Run, results: list[dict[str, Any]]) -> None:
    """The mean unit's response by the bar's length, and how much each unit's falls."""
    title = f"Bars: mean and standard deviation of {config.seeds} seeds"
    figure, (responses, falls) = figures.panels(2, title)
    for name, color in COLORS.items():
        curves = [np.mean(result[name], axis=0) for result in results]
        figures.band(responses, LENGTHS, curves, color, LABELS[name])
        which = name.replace("responses", "end-stopping")
        each = np.sort(np.concatenate([result[which] for result in results]))
        falls.plot(100 * each, np.linspace(100, 0, len(each)), color=color)
    responses.axvline(SIDE, color="0.7", linestyle=":")
    responses.annotate("patch", (SIDE, 0.02), (3, 0), textcoords="offset points", color="0.5")
    responses.set(xlabel="length of the bar (pixels)", ylim=(0, None))
    responses.set_ylabel("error unit's response (of its peak)")
    responses.legend(frameon=False, fontsize=8)
    falls.set(xlabel="fall from the peak to the longest bar (%)", ylabel="units that fall more (%)")
    run.figure("end_stopping", figure)
