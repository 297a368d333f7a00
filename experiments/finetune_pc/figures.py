"""What fine-tuning does, to look at: learning and forgetting, settling, accuracies."""

from __future__ import annotations

from typing import Any

import numpy as np

from experiments.finetune_pc import DATA_NOTES, RULES, STAGES, TASKS, Config, updates_per_epoch
from experiments.runner import Run, figures

COLORS = {"before": "#7F7F7F", "pc": "#0072B2", "bp": "#D55E00"}  # Okabe and Ito


def draw_all(config: Config, run: Run, results: list[dict[str, Any]]) -> None:
    draw_curves(config, run, results)
    draw_energies(config, run, results)
    draw_accuracies(config, run, results)


def caption(config: Config) -> str:
    return f"{DATA_NOTES[config.data]}: mean and standard deviation over {config.seeds} seeds"


def draw_curves(config: Config, run: Run, results: list[dict[str, Any]]) -> None:
    """Validation accuracy on both tasks against updates, and of one task against the other."""
    figure, axes = figures.panels(3, caption(config))
    updates = updates_per_epoch(config) * np.arange(config.epochs + 1)
    for rule, label in RULES.items():
        curves = [percent_correct(results, rule, task) for task in TASKS]
        for ax, curve in zip(axes, curves, strict=False):
            figures.band(ax, updates, curve, COLORS[rule], label)
        target, source = (curve.mean(axis=0) for curve in curves)
        axes[2].plot(target, source, color=COLORS[rule])
        axes[2].plot(target[-1], source[-1], "o", color=COLORS[rule])
    for ax, title in zip(axes, TASKS.values(), strict=False):
        ax.set(title=title, xlabel="weight updates", ylabel="validation accuracy (%)")
    axes[0].legend(loc="lower right", frameon=False)
    axes[2].plot(target[0], source[0], "o", color=COLORS["before"])
    axes[2].annotate("before", (target[0], source[0]), (8, -4), textcoords="offset points")
    axes[2].set(title="learning against forgetting")
    axes[2].set(xlabel="target accuracy (%)", ylabel="source accuracy (%)")
    run.figure("learning_curves", figure)


def percent_correct(results: list[dict[str, Any]], rule: str, task: str) -> np.ndarray:
    """Validation accuracy, [seed, epoch], with the start of fine-tuning as epoch 0."""
    before = [result["before"]["validation"][task][-1:] for result in results]
    after = [result[rule]["validation"][task] for result in results]
    return 100 * np.concatenate([before, after], axis=1)


def draw_energies(config: Config, run: Run, results: list[dict[str, Any]]) -> None:
    """Energy of each layer while activities settle, before fine-tuning and after it."""
    titles = ("before fine-tuning", *(f"after {name}" for name in RULES.values()))
    layers = [f"hidden layer {n + 1}" for n in range(config.depth)] + ["output (cross-entropy)"]
    steps = np.arange(config.steps + 1)
    start = max(np.sum(result["before"]["energy"][0]) for result in results)
    figure, axes = figures.panels(len(STAGES), caption(config))
    for ax, stage, title in zip(axes, STAGES, titles, strict=True):
        energies = np.array([result[stage]["energy"] for result in results])  # [seed, step, layer]
        for layer, label in enumerate(layers):
            color = figures.LAYERS[layer % len(figures.LAYERS)]
            figures.band(ax, steps, energies[:, :, layer], color, label)
        figures.band(ax, steps, energies.sum(axis=2), "black", "total")
        # hidden layers start at zero, where a logarithmic axis has no place
        ax.set(title=title, xlabel="inference step", yscale="log")
        ax.set_ylim(1e-3, 2 * start)
    axes[0].set_ylabel("energy of an image (nats)")
    axes[0].legend(frameon=False)
    run.figure("energy", figure)


def draw_accuracies(config: Config, run: Run, results: list[dict[str, Any]]) -> None:
    """Test accuracy before and after on both tasks; a dot is a seed."""
    figure, (ax,) = figures.panels(1, caption(config), width=6.0)
    for offset, stage in zip((-0.27, 0, 0.27), STAGES, strict=True):
        for place, task in enumerate(TASKS):
            values = [100 * result[stage]["accuracy"][task] for result in results]
            label = RULES.get(stage, "before fine-tuning") if place == 0 else None
            figures.bar(ax, place + offset, values, COLORS[stage], label, width=0.24)
    ax.set(xticks=range(len(TASKS)), xticklabels=TASKS.values(), ylabel="test accuracy (%)")
    figure.legend(loc="outside lower center", ncols=len(STAGES), frameon=False)
    run.figure("accuracy", figure)
