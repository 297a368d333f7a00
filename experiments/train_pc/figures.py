"""Rules beside each other: learning curves, accuracies, and how they settle."""

from __future__ import annotations

from typing import Any

import numpy as np

from experiments.runner import Run, figures
from experiments.train_pc import Config
from experiments.train_pc.recipes import RULES

COLORS = dict(
    zip(
        RULES,
        ("#0072B2", "#56B4E9", "#009E73", "#E69F00", "#CC79A7", "#8B5A2B", "#7F7F7F", "#D55E00"),
        strict=True,
    )
)


def draw_all(
    config: Config, run: Run, rules: tuple[str, ...], results: list[dict[str, Any]]
) -> None:
    draw_accuracies(config, run, rules, results)
    draw_settling(config, run, rules, results)


def caption(config: Config) -> str:
    return f"{config.task}: mean and standard deviation of {config.seeds} seeds"


def draw_accuracies(
    config: Config, run: Run, rules: tuple[str, ...], results: list[dict[str, Any]]
) -> None:
    """Validation accuracy after each epoch, and the last one's on the images measured."""
    figure, (curves, bars) = figures.panels(2, caption(config), width=5.0)
    measured = []
    for place, rule in enumerate(rules):
        runs = 100 * np.array([result[rule]["curve"] for result in results])
        epochs = np.arange(1, runs.shape[1] + 1)
        figures.band(curves, epochs, runs, COLORS[rule], RULES[rule])
        values = [100 * result[rule]["accuracy"] for result in results]
        figures.bar(bars, place, values, COLORS[rule], None, width=0.7)
        measured += values
    curves.set(xlabel="epoch", ylabel="validation accuracy (%)")
    low, high = min(measured), max(measured)
    margin = high - low + 0.1
    bars.set(ylabel=f"{config.on} accuracy (%)", ylim=(max(0, low - margin), high + margin / 2))
    bars.set_xticks(range(len(rules)), [RULES[rule] for rule in rules], rotation=30, ha="right")
    run.figure("accuracy", figure)


def draw_settling(
    config: Config, run: Run, rules: tuple[str, ...], results: list[dict[str, Any]]
) -> None:
    """Relaxation in training, cosines to backprop by edge, and energies by node at the end."""
    figure, (relaxed, cosines, energies) = figures.panels(3, caption(config))
    for rule in rules:
        found = [result[rule] for result in results]
        runs = np.array([each["relaxation in training"] for each in found], float)
        if not np.isnan(runs).all():
            epochs = np.arange(1, runs.shape[1] + 1)
            figures.band(relaxed, epochs, runs, COLORS[rule], RULES[rule])
        cosine = np.array([each["cosine"] for each in found])
        figures.band(cosines, np.arange(cosine.shape[1]), cosine, COLORS[rule], RULES[rule])
        energy = np.array([each["energy"][-1] for each in found])
        figures.band(energies, np.arange(energy.shape[1]), energy, COLORS[rule], RULES[rule])
    relaxed.set(xlabel="epoch", ylabel="relaxation in training (%)")
    first = results[0][rules[0]]
    _name(cosines, first["edges"])
    cosines.set(ylabel="cosine to backprop's update", ylim=(None, 1.02))
    _name(energies, first["names"])
    energies.set(ylabel="settled energy of an image (nats)", yscale="log")
    lines = energies.get_lines()
    figure.legend(handles=lines, loc="outside right upper", frameon=False, fontsize=8)
    run.figure("settling", figure)


def _name(ax: Any, names: list[str]) -> None:
    shown = np.arange(len(names))[:: max(1, len(names) // 8)]
    ax.set_xticks(shown, [names[n] for n in shown], rotation=30, ha="right", fontsize=7)
