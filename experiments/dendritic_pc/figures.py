"""What a target does to apical dendrites, how near that is to backprop, and what it teaches."""

from __future__ import annotations

from typing import Any

import numpy as np

from experiments.dendritic_pc import LOCAL, NUDGINGS, TARGET_ON, TRACE, VARIANTS, Config
from experiments.runner import Run, figures


def draw_all(
    config: Config, run: Run, before: dict[str, Any], results: list[dict[str, Any]]
) -> None:
    draw_circuit(config, run, before)
    draw_learning(config, run, results)


def layer_name(config: Config, k: int) -> str:
    """Of layer k, counted from 1."""
    return "output" if k == config.depth + 1 else f"hidden {k}"


def draw_circuit(config: Config, run: Run, before: dict[str, Any]) -> None:
    """Before learning: apical potentials in time, updates beside backprop's, and their angle."""
    figure, (time, beside, angle) = figures.panels(
        3, f"before learning, feedback symmetric, seed {config.seed}", width=3.9
    )
    trace = before["trace"]
    for k, apical in enumerate(trace["apical"], start=1):
        lines = time.plot(trace["t"], apical, color=figures.LAYERS[k - 1], linewidth=1)
        lines[0].set_label(layer_name(config, k))
    time.axvline(TARGET_ON, color="0.5", linewidth=0.8, linestyle=":")
    time.text(TARGET_ON + 0.5, 0.95, "target on", transform=time.get_xaxis_transform(), color="0.4")
    time.set(xlabel="time (ms)", ylabel="apical potential (mV)", xlim=(0, TRACE))
    time.set_title("apical dendrites: at rest until taught")
    time.legend(frameon=False, loc="lower right")

    for k, (x, y) in enumerate(zip(before["backprop"], before["local"], strict=True), start=1):
        size = float(np.std(x))
        color = figures.LAYERS[k - 1]
        beside.plot(
            np.divide(x, size), np.divide(y, size), ".", color=color, markersize=3, alpha=0.5
        )
        angle.loglog(
            NUDGINGS,
            1 - np.array(before["cosines"], np.float64)[:, k - 1],
            "o-",
            color=color,
            markersize=4,
            label=layer_name(config, k),
        )
    beside.axline((0, 0), slope=1, color="0.4", linewidth=0.8, zorder=0)
    beside.set(xlabel="backprop's update (sd)", ylabel="local update (same unit)")
    beside.set(xlim=(-4, 4), ylim=(-4, 4), aspect="equal")
    beside.set_title(f"updates of weights, $g_{{target}}$ = {NUDGINGS[-1]:g} µS")
    angle.set(xlabel="$g_{target}$ (µS)", ylabel="1 − cosine to backprop's update")
    angle.set_title("the weaker the nudging, the nearer")
    angle.legend(frameon=False)
    run.figure("circuit", figure)


def draw_learning(config: Config, run: Run, results: list[dict[str, Any]]) -> None:
    """Over epochs: accuracy, alignment of either kind of feedback, and apical potentials."""
    figure, axes = figures.panels(
        4, f"validation images: mean and standard deviation of {config.seeds} seeds", width=3.6
    )
    epochs = np.arange(1, config.epochs + 1)

    def curves(name: str, what: str) -> np.ndarray:
        return np.array([result[name]["curves"][what] for result in results], np.float64)

    for name, variant in VARIANTS.items():
        wrong = 100 * (1 - curves(name, "accuracy"))
        figures.band(axes[0], epochs, wrong, variant.color, variant.name.replace(", ", ",\n"))
    axes[0].set(ylabel="wrong answers (%)", ylim=(0, 20), title="accuracy")
    for ax, name in zip(axes[1:3], LOCAL, strict=True):
        for k in range(1, config.depth + 2):
            color = figures.LAYERS[k - 1]
            figures.band(ax, epochs, curves(name, f"cosine {k}"), color, layer_name(config, k))
        ax.axhline(0, color="0.6", linewidth=0.8)
        ax.set(ylabel="cosine to backprop's update", ylim=(-0.2, 1.05))
    axes[1].set(title="feedback transposed at the start")
    axes[2].set(title="feedback random")
    for k in range(1, config.depth + 1):
        color = figures.LAYERS[k - 1]
        for what, style in (("taught", "-"), ("untaught", ":")):
            mean = curves("symmetric", f"{what} {k}").mean(axis=0)
            axes[3].plot(epochs, mean, style, color=color, label=f"{layer_name(config, k)}, {what}")
    axes[3].set(ylabel="apical potential, rms (mV)", yscale="log", ylim=(5e-5, 0.1))
    axes[3].set(title="apical errors, transposed")
    for ax in axes:
        ax.set(xlabel="epoch")
        ax.legend(
            frameon=False, fontsize="small", loc="best" if ax is not axes[3] else "upper right"
        )
    run.figure("learning", figure)
