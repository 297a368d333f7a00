"""Learning curves, scores and energies of all networks of a task."""

from __future__ import annotations

from typing import Any

import numpy as np

from experiments.runner import Run, figures
from experiments.train_snn import Config
from experiments.train_snn.recipes import Recipe

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
COSTS = (
    (lambda found: (found["macs"] + found["acs"]) / 1e6, "MACs and additions of a sample (10⁶)"),
    (lambda found: found["energy"], "energy of a sample (nJ)"),
)


def draw_all(config: Config, recipe: Recipe, run: Run, results: list[dict[str, Any]]) -> None:
    """The score on validation data after each epoch, the last one's on the data measured, and,
    where they are known, against the operations and the energy that a sample takes."""
    title = f"{config.task}: mean and standard deviation of {config.seeds} seeds"
    figure, axes = figures.panels(4 if recipe.energy else 2, title)
    curves, bars, *costs = axes
    for place, (name, color) in enumerate(zip(config.networks, COLORS, strict=False)):
        found = [result[name] for result in results]
        score = 100 * np.array([x[recipe.score] for x in found])
        figures.bar(bars, place, score.tolist(), color, None, width=0.6)
        if name not in recipe.closed_form:
            runs = 100 * np.array([x["curve"] for x in found])
            figures.band(curves, np.arange(1, runs.shape[1] + 1), runs, color, name)
        for ax, (cost, _) in zip(costs, COSTS, strict=False):
            ax.scatter([cost(x) for x in found], score, color=color, s=24, label=name)
    curves.set(xlabel="epoch", ylabel=f"validation {recipe.score} (%)")
    curves.legend(frameon=False)
    measured = [100 * result[name][recipe.score] for result in results for name in config.networks]
    low, high = min(measured), max(measured)
    margin = high - low + 0.2
    bars.set(
        ylabel=f"{config.on} {recipe.score} (%)",
        ylim=(max(0, low - margin), min(100.5, high + margin / 2)),
    )
    bars.set_xticks(range(len(config.networks)), config.networks)
    for ax, (_, label) in zip(costs, COSTS, strict=False):
        ax.set(xlabel=label, ylabel=f"{config.on} {recipe.score} (%)")
        ax.set_xlim(0, 1.05 * ax.get_xlim()[1])
    run.figure("results", figure)


def draw_activity(run: Run, network: Any, inputs: Any, title: str) -> None:
    """What a network does with one sample [time, 1, ...]: the spikes of each layer, the potential
    of the neuron in it that spikes next to every other step, and what the network gives."""
    from neurojax import spiking
    from neurojax.core import SpikingSystem

    layers = [n for n, x in network.nodes.items() if isinstance(x.module, SpikingSystem)]
    of = spiking.run(network, inputs, record=[*layers, *(f"{n}.v" for n in layers)])
    seen = {n: np.asarray(x).reshape(len(x), -1) for n, x in of.recorded.items()}
    figure, (raster, membranes, output) = figures.panels(3, title)
    first = 0
    for name, color in zip(layers, figures.LAYERS * len(layers), strict=False):
        step, neuron = np.nonzero(seen[name])
        raster.scatter(step, first + neuron, s=3, color=color, linewidths=0, label=name)
        half = int(np.abs(seen[name].mean(0) - 0.5).argmin())
        membranes.plot(seen[f"{name}.v"][:, half], color=color, marker=".", label=name)
        first += seen[name].shape[1]
    raster.set(xlabel="step", ylabel="neuron")
    raster.legend(frameon=False, markerscale=4, loc="upper left", bbox_to_anchor=(0, 1.15), ncols=2)
    membranes.set(xlabel="step", ylabel="potential after the step")
    output.plot(np.asarray(of.output)[:, 0].reshape(len(of.output), -1))
    output.set(xlabel="step", ylabel="what the network gives")
    run.figure("activity", figure)
