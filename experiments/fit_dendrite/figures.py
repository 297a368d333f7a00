"""Loss against simulations, conductances found beside the truth, and voltages on a new current."""

from __future__ import annotations

from typing import Any

import numpy as np

from experiments.fit_dendrite import METHODS, SIMULATIONS_A_GRADIENT
from experiments.fit_dendrite.problem import Problem
from experiments.fit_dendrite.recorded import free_run
from experiments.fit_dendrite.recorded_fit import Loss
from experiments.fit_dendrite.scores import CHANNELS, new_voltage
from experiments.fit_neuron.scores import best_seed
from experiments.fit_neuron.traces import Trace
from experiments.runner import Run, figures

COLORS = {"gradients": figures.LAYERS[0], "cma": figures.LAYERS[1]}
TRUTH = "0.55"


def draw(
    run: Run, problem: Problem, first: dict[str, Any], fits: dict[str, Any], dt: float
) -> None:
    """`first` are the fits of `problem`, `fits` those of all seeds."""
    title = f"{problem.truth.size} conductances from the voltage of one soma"
    figure, (losses, scatter, traces) = figures.panels(3, title, width=4.8)
    for method, name in METHODS.items():
        curves = np.array([fit["curve"] for fit in fits[method]])
        size = SIMULATIONS_A_GRADIENT if method == "gradients" else first["cma"]["population"]
        begin = 0 if method == "gradients" else 1
        at = size * (begin + np.arange(curves.shape[1]))
        losses.plot(at, curves.T, color=COLORS[method], linewidth=0.8, alpha=0.5)
        losses.plot(at, np.median(curves, axis=0), color=COLORS[method], label=name)
    losses.set(yscale="log", xlabel="simulations", ylabel="loss (mV²)")
    losses.legend(frameon=False)
    draw_conductances(scatter, problem, np.asarray(first["gradients"]["log_g"]))
    draw_traces(traces, problem, first, dt)
    run.figure("fit", figure)


def draw_conductances(axis: Any, problem: Problem, log_g: np.ndarray) -> None:
    """Found against true in mS/cm²; small and pale far from the soma."""
    nearness = 1 - problem.compartments.distance / problem.compartments.distance.max()
    for k, name in enumerate(CHANNELS):
        axis.scatter(
            np.exp(problem.truth[k]),
            np.exp(log_g[k]),
            s=8 + 24 * nearness,
            alpha=0.35 + 0.6 * nearness,
            color=figures.LAYERS[k + 2],
            linewidth=0,
            label=name,
        )
    ends = np.exp([problem.truth.min(), problem.truth.max()])
    axis.plot(ends, ends, color=TRUTH, linewidth=0.8, zorder=0)
    axis.set(xscale="log", yscale="log")
    axis.set(xlabel="true conductance (mS/cm²)", ylabel="found by gradients (mS/cm²)")
    axis.legend(frameon=False, title="small: far from the soma", title_fontsize="small")


def draw_traces(axis: Any, problem: Problem, first: dict[str, Any], dt: float) -> None:
    """The strongest new current's."""
    time = np.arange(problem.new_voltage.shape[1]) * dt
    axis.plot(time, problem.new_voltage[-1], color=TRUTH, linewidth=3, label="truth")
    for method, name in METHODS.items():
        found = new_voltage(problem, np.asarray(first[method]["log_g"]), dt)
        style = "-" if method == "gradients" else "--"
        axis.plot(time, found[-1], style, color=COLORS[method], linewidth=1, label=name)
    axis.set(xlabel="ms, a new current", ylabel="soma (mV)", ylim=(None, 75))
    axis.legend(frameon=False, ncols=3, loc="upper center", fontsize="small")


def draw_recorded(run: Run, trace: Trace, loss: Loss, fits: dict[str, Any]) -> None:
    """The loss on the way, and of each method the seed that did best on validation beside the
    recording, on the held-out sweep in the middle."""
    sweep = trace.sweeps("held out")[len(trace.sweeps("held out")) // 2]
    title = "a branched cell fitted to a recording"
    figure, (losses, *axes) = figures.panels(3, title, width=4.8)
    time = np.arange(trace.length) * trace.dt
    for axis, (method, name) in zip(axes, METHODS.items(), strict=True):
        for fit in fits[method]:
            losses.plot(fit["simulations"], fit["curve"], color=COLORS[method], linewidth=0.8)
        losses.plot([], color=COLORS[method], label=name)
        seed = fits[method][best_seed(trace, [fit["sweeps"] for fit in fits[method]])]
        voltage = free_run(trace, loss, [seed["unit"]])[0][trace.of(sweep)]
        gamma = seed["sweeps"]["coincidence"][sweep]
        axis.plot(time, trace.voltage[trace.of(sweep)], color=TRUTH, linewidth=1, label="recorded")
        axis.plot(time, voltage, color=COLORS[method], linewidth=0.7, label=name)
        axis.set(xlabel=f"ms, sweep {sweep}, held out: Γ {gamma:.2f}", ylabel="soma (mV)")
        axis.set(ylim=(None, 75))
        axis.legend(frameon=False, ncols=2, loc="upper center", fontsize="small")
    losses.set(xlabel="simulations", ylabel="loss of the last stage")
    losses.legend(frameon=False)
    run.figure("recorded", figure)
