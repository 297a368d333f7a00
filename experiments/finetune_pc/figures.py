"""What fine-tuning does, to look at: learning and forgetting, settling, accuracies, few labels,
shifts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.finetune_pc import Config
from experiments.finetune_pc.results import BUDGETS, DATA_NOTES, TASKS, stages
from experiments.finetune_pc.rules import RULES, budget_per_epoch
from experiments.runner import Run, figures

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS = {  # Okabe and Ito
    "before": "#7F7F7F",
    "pc": "#0072B2",
    "bp": "#D55E00",
    "epc": "#009E73",
    "ipc": "#56B4E9",
    "pn": "#E69F00",
    "nn": "#CC79A7",
    "cn": "#F0E442",
    "ep": "#000000",
}
Measured = list[dict[str, Any]]


def draw_all(config: Config, run: Run, results: Measured) -> None:
    draw_curves(config, run, results)
    draw_energies(config, run, results)
    draw_accuracies(config, run, results)
    if config.fewer_labels:
        draw_sample_efficiency(config, run, results)
    if config.noises or config.rotations:
        draw_robustness(config, run, results)


def caption(config: Config) -> str:
    what = f"{DATA_NOTES[config.data]}, {config.model}"
    return f"{what}: mean and standard deviation over {config.seeds} seeds"


def title(config: Config, task: str) -> str:
    images = "digits" if config.data != "cifar" else "photographs"
    shift = f"turned by {config.rotation:g}°, noise of {config.noise:g}"
    return f"target: {images} {shift}" if task == "target" else f"source: upright {images}"


def legend(figure: Figure, ax: Axes, columns: int) -> None:
    """Of all that one panel shows, below the panels, where it hides nothing."""
    handles, labels = ax.get_legend_handles_labels()
    ncols = min(len(labels), columns)
    figure.legend(handles, labels, loc="outside lower center", ncols=ncols, frameon=False)


def draw_curves(config: Config, run: Run, results: Measured) -> None:
    """Validation accuracy on both tasks against the budget, and of one task against the other."""
    figure, axes = figures.panels(3, caption(config))
    for rule in config.rules:
        curves = [percent_correct(results, rule, task) for task in TASKS]
        spent = budget_per_epoch(config, rule) * np.arange(curves[0].shape[1])
        for ax, curve in zip(axes, curves, strict=False):
            figures.band(ax, spent, curve, COLORS[rule], RULES[rule])
        target, source = (curve.mean(axis=0) for curve in curves)
        axes[2].plot(target, source, color=COLORS[rule])
        axes[2].plot(target[-1], source[-1], "o", color=COLORS[rule])
    xlabel = BUDGETS[config.budget][1]
    for ax, task in zip(axes, TASKS, strict=False):
        ax.set(xlabel=xlabel, ylabel="validation accuracy (%)")
        ax.set_title(title(config, task), fontsize="medium")
    legend(figure, axes[0], columns=6)
    axes[2].plot(target[0], source[0], "o", color=COLORS["before"])
    axes[2].annotate("before", (target[0], source[0]), (8, -4), textcoords="offset points")
    axes[2].set_title("learning against forgetting", fontsize="medium")
    axes[2].set(xlabel="target accuracy (%)", ylabel="source accuracy (%)")
    run.figure("learning_curves", figure)


def percent_correct(results: Measured, rule: str, task: str) -> np.ndarray:
    """Validation accuracy, [seed, epoch], with the start of fine-tuning as epoch 0."""
    before = [result["before"]["validation"][task][-1:] for result in results]
    after = [result[rule]["validation"][task] for result in results]
    return 100 * np.concatenate([before, after], axis=1)


def draw_energies(config: Config, run: Run, results: Measured) -> None:
    """Energy of each layer while activities settle, before fine-tuning and after it."""
    shown = stages(config)
    layers = [f"hidden layer {n + 1}" for n in range(config.depth)] + ["output (cross-entropy)"]
    steps = np.arange(config.steps + 1)
    start = max(np.sum(result["before"]["energy"][0]) for result in results)
    figure, axes = figures.panels(len(shown), caption(config), width=4.2 if len(shown) < 4 else 3.2)
    for ax, stage in zip(axes, shown, strict=True):
        energies = np.array([result[stage]["energy"] for result in results])  # [seed, step, layer]
        for layer, label in enumerate(layers):
            color = figures.LAYERS[layer % len(figures.LAYERS)]
            figures.band(ax, steps, energies[:, :, layer], color, label)
        figures.band(ax, steps, energies.sum(axis=2), "black", "total")
        # hidden layers start at zero, where a logarithmic axis has no place
        ax.set(xlabel="inference step", yscale="log")
        after = f"after {RULES.get(stage)}"
        ax.set_title("before fine-tuning" if stage == "before" else after, fontsize="medium")
        ax.set_ylim(1e-3, 2 * start)
    axes[0].set_ylabel("energy of an image (nats)")
    axes[0].legend(frameon=False)
    run.figure("energy", figure)


def draw_accuracies(config: Config, run: Run, results: Measured) -> None:
    """Test accuracy before and after on both tasks; a dot is a seed."""
    figure, (ax,) = figures.panels(1, caption(config), width=6.0)
    shown = stages(config)
    width = 0.8 / len(shown)
    for number, stage in enumerate(shown):
        offset = (number - (len(shown) - 1) / 2) * width * 1.1
        for place, task in enumerate(TASKS):
            values = [100 * result[stage]["accuracy"][task] for result in results]
            label = RULES.get(stage, "before fine-tuning") if place == 0 else None
            figures.bar(ax, place + offset, values, COLORS[stage], label, width=width)
    ax.set(xticks=range(len(TASKS)), ylabel="test accuracy (%)")
    ax.set_xticklabels([title(config, task) for task in TASKS], fontsize="small")
    legend(figure, ax, columns=3)
    run.figure("accuracy", figure)


def draw_sample_efficiency(config: Config, run: Run, results: Measured) -> None:
    """Test accuracy on both tasks against the labels of each class, with the same budget."""
    figure, axes = figures.panels(2, caption(config))
    counts = [*config.fewer_labels, config.labels_per_class]
    for ax, task in zip(axes, TASKS, strict=True):
        before = np.array([[100 * result["before"]["accuracy"][task]] for result in results])
        ax.axhline(before.mean(), color=COLORS["before"], linestyle="--", label="before")
        for rule in config.rules:
            values = [
                [result[rule]["fewer labels"][str(count)][task] for count in config.fewer_labels]
                + [result[rule]["accuracy"][task]]
                for result in results
            ]
            figures.band(ax, counts, 100 * np.array(values), COLORS[rule], RULES[rule])
        ax.set(xscale="log", xlabel="target images of each class", ylabel="test accuracy (%)")
        ax.set_xticks(counts, [str(count) for count in counts])
        ax.minorticks_off()
        ax.set_title(title(config, task), fontsize="medium")
    legend(figure, axes[0], columns=4)
    run.figure("sample_efficiency", figure)


def draw_robustness(config: Config, run: Run, results: Measured) -> None:
    """Test accuracy under noise and rotations that no rule has seen; dashed, the target's."""
    figure, axes = figures.panels(2, caption(config))
    panels = (
        ("noise", config.noises, config.noise, "standard deviation of the pixel noise"),
        ("rotation", config.rotations, config.rotation, "rotation (degrees)"),
    )
    for ax, (kind, levels, trained, xlabel) in zip(axes, panels, strict=True):
        ax.axvline(trained, color="0.6", linestyle="--", linewidth=1)
        for stage in stages(config):
            values = [
                [result[stage]["shifts"][f"{kind} {level:g}"] for level in levels]
                for result in results
            ]
            label = RULES.get(stage, "before fine-tuning")
            figures.band(ax, levels, 100 * np.array(values), COLORS[stage], label)
        ax.set(xlabel=xlabel, ylabel="test accuracy (%)")
    axes[0].set_title(f"at the target's rotation, {config.rotation:g}°", fontsize="medium")
    axes[1].set_title(f"at the target's noise, {config.noise:g}", fontsize="medium")
    legend(figure, axes[0], columns=4)
    run.figure("robustness", figure)
