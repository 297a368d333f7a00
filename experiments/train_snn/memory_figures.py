"""What networks hold in mind during two trials of delayed match to sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from experiments.runner import Run

if TYPE_CHECKING:
    from experiments.train_snn.memory import Trials
    from models.working_memory import RecurrentClassifier

SHOWN = 200  # trials from which those to draw are chosen
COLORS = ("#0072B2", "#D55E00")
ANSWERS = ("different", "same")


class Response(NamedTuple):
    """Of a network to trials, [trials, time, ...]; `theta` is None without adaptation."""

    spikes: np.ndarray
    v: np.ndarray
    theta: np.ndarray | None
    potentials: np.ndarray


def draw(run: Run, models: Mapping[str, RecurrentClassifier], trials: Trials) -> None:
    """Inputs, units, one unit's membrane and the readout, where the second cue is the same as the
    first and where it is another."""
    from matplotlib.figure import Figure

    trials = type(trials)(*(np.asarray(x)[:SHOWN] for x in trials))
    chosen = pair(trials)
    columns = [(name, at) for name in models for at in chosen]
    figure = Figure(figsize=(4.2 * len(columns), 8), layout="constrained")
    grid = figure.subplots(
        4, len(columns), sharex=True, sharey="row", squeeze=False, height_ratios=[2, 4, 2, 2]
    )
    responses = {name: respond(model, trials) for name, model in models.items()}
    for axes, (name, at) in zip(grid.T, columns, strict=True):
        model, response = models[name], responses[name]
        times = model.dt * np.arange(trials.spikes.shape[1])
        cue = model.answer
        axes[0].set_title(f"{name}, {ANSWERS[trials.same[at]]}")
        draw_raster(axes[0], times, trials.spikes[at], "0.3")
        order = by_preferred_cue(response.spikes[:, -cue:].sum(1), trials.cues[:, 1])
        draw_raster(axes[1], times, response.spikes[at][:, order], COLORS[0])
        unit = response.spikes[chosen, :-cue].sum((0, 1)).argmax()
        axes[2].plot(times, response.v[at, :, unit], color=COLORS[0], linewidth=0.7)
        raised = np.zeros_like(times) if response.theta is None else response.theta[at, :, unit]
        axes[2].plot(times, 1 + raised, color=COLORS[1], linewidth=1.2)
        for answer, color in enumerate(COLORS):
            potential = response.potentials[at, :, answer]
            axes[3].plot(times, potential, color=color, linewidth=1.0, label=ANSWERS[answer])
        axes[3].set_xlabel("time (ms)")
        for ax in axes:
            ax.axvspan(times[-cue], times[-1] + model.dt, color="0.92", zorder=0)
            ax.spines[["top", "right"]].set_visible(False)
    labels = ("inputs", "units, by the cue they prefer", "v and threshold", "readout")
    for ax, label in zip(grid[:, 0], labels, strict=True):
        ax.set_ylabel(label)
    grid[3, 0].legend(frameon=False, fontsize="small")
    run.figure("trials", figure)


def pair(trials: Trials) -> list[int]:
    """The first trial in which both cues are the same, and one that has its second cue and another
    first."""
    same = int(np.flatnonzero(trials.same)[0])
    as_it = trials.cues[:, 1] == trials.cues[same, 1]
    return [same, int(np.flatnonzero((trials.same == 0) & as_it)[0])]


def respond(model: RecurrentClassifier, trials: Trials) -> Response:
    import jax.numpy as jnp

    from neurojax.neurons import AdaptiveLIF

    adapts = isinstance(model.network.nodes["units"].module, AdaptiveLIF)
    record = ["units", "units.v", *["units.theta"] * adapts]
    done = model.respond(jnp.asarray(trials.spikes), record)

    def of(x: Any) -> np.ndarray:
        return np.moveaxis(np.asarray(x), 1, 0)

    theta = of(done.recorded["units.theta"]) if adapts else None
    return Response(
        of(done.recorded["units"]), of(done.recorded["units.v"]), theta, of(done.output)
    )


def by_preferred_cue(counts: np.ndarray, cues: np.ndarray) -> np.ndarray:
    """Units sorted by the cue to which they spike most, of counts [trials, units]."""
    means = np.stack([counts[cues == cue].mean(0) for cue in np.unique(cues)])
    return np.lexsort((-means.max(0), means.argmax(0)))


def draw_raster(ax: Any, times: np.ndarray, spikes: np.ndarray, color: str) -> None:
    steps, neurons = np.nonzero(spikes)
    ax.plot(times[steps], neurons, "|", color=color, markersize=2.5, markeredgewidth=0.7)
    ax.set_ylim(-1, spikes.shape[1])
