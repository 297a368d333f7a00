"""What the trained networks answer, when they spike, and how they learnt, to look at."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import ListedColormap

from experiments.runner import Run, figures
from experiments.yin_yang import T1, VARIANTS, Config
from experiments.yin_yang.points import Points, places_of

COLORS = ("#0072B2", "#E69F00", "#009E73")  # Okabe and Ito


def draw_all(config: Config, run: Run, test: Points, results: list[dict[str, Any]]) -> None:
    draw_regions(config, run, test, results[0]["cured"])
    draw_times(config, run, results)
    draw_curves(config, run, results)


def draw_regions(config: Config, run: Run, test: Points, result: dict[str, Any]) -> None:
    """The task, and what the first seed's network makes of it."""
    figure, (task, answer) = figures.panels(2, f"answers by first spikes, seed {config.seed}")
    place, wrong = places_of(test.times), np.asarray(result["wrong"], int)
    for label, color in enumerate(COLORS):
        task.plot(*place[test.labels == label].T, ".", color=color, markersize=2)
    regions = np.ma.masked_less(result["regions"], 0)
    answer.imshow(
        regions,
        ListedColormap(COLORS),
        vmin=0,
        vmax=2,
        origin="lower",
        extent=(0, 1, 0, 1),
        alpha=0.5,
    )
    answer.plot(*place[wrong].T, "kx", markersize=4)
    task.set(title=f"{config.test} test points")
    answer.set(title=f"answers; x: the {len(wrong)} that are wrong")
    around = 0.5 + 0.5 * np.exp(1j * np.linspace(0, 2 * np.pi, 200))
    answer.plot(around.real, around.imag + 0.5, color="0.3", linewidth=0.8)
    for ax in (task, answer):
        ax.set(aspect="equal", xlim=(0, 1), ylim=(0, 1), xlabel="x", ylabel="y")
        ax.grid(False)
    run.figure("regions", figure)


def draw_times(config: Config, run: Run, results: list[dict[str, Any]]) -> None:
    """When the trained neurons of each layer spike first."""
    figure, (hidden, output) = figures.panels(
        2, f"cured networks on test points: mean and standard deviation of {config.seeds} seeds"
    )
    times = {
        name: np.array([result["cured"]["times"][name] for result in results])
        for name in results[0]["cured"]["times"]
    }
    middles = np.arange(T1) + 0.5
    figures.band(hidden, middles, times["input"], "#7F7F7F", "input")
    figures.band(hidden, middles, times["hidden"], "#0072B2", "hidden")
    figures.band(output, middles, times["output, label"], "#009E73", "the label's neuron")
    figures.band(output, middles, times["output, others"], "#D55E00", "the others")
    for ax, title in ((hidden, "input and hidden layer"), (output, "output layer")):
        ax.set(title=title, xlabel="time (ms)", ylabel="spikes a neuron and ms", xlim=(0, 45))
        ax.legend(frameon=False)
    run.figure("spike_times", figure)


def draw_curves(config: Config, run: Run, results: list[dict[str, Any]]) -> None:
    """Accuracy, missing output spikes and dead hidden neurons against epochs, by variant."""
    figure, axes = figures.panels(3, f"validation points; a line is one of {config.seeds} seeds")
    titles = {
        "accuracy": "accuracy (%)",
        "missing": "silent outputs (%)",
        "dead": "dead hidden (%)",
    }
    epochs = np.arange(1, config.epochs + 1)
    for ax, (what, title) in zip(axes, titles.items(), strict=True):
        for name, variant in VARIANTS.items():
            for number, result in enumerate(results):
                label = variant.name if number == 0 else None
                curve = 100 * np.array(result[name]["curves"][what])
                ax.plot(epochs, curve, color=variant.color, linewidth=1, label=label)
        ax.set(title=title, xlabel="epoch", ylim=(-3, 103))
    axes[0].legend(frameon=False, loc="center right")
    run.figure("learning_curves", figure)
