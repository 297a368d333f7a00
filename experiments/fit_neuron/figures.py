"""Recorded beside simulated."""

from __future__ import annotations

from typing import Any

import numpy as np

from experiments.fit_neuron.scores import best_seed
from experiments.fit_neuron.traces import Trace
from experiments.runner import Run, figures

RECORDED, COLORS = "0.25", {"gradients": "#0072B2", "cma": "#D55E00"}  # Okabe and Ito


def draw_all(run: Run, trace: Trace, fits: dict[tuple[str, str], Any], window: float) -> None:
    last = [fit for fit in fits if fit[0] == list(fits)[-1][0]]  # the richest neuron
    chosen = {method: fits[name, method] for name, method in last}
    run.figure("traces", traces(trace, chosen))
    run.figure("spikes", spikes(trace, chosen, window))


def traces(trace: Trace, fits: dict[str, Any]) -> Any:
    """Each held-out sweep, recorded and of the seed that did best on validation."""
    from matplotlib.figure import Figure

    held_out = trace.sweeps("held out")
    figure = Figure(figsize=(12, 2.3 * len(held_out)), layout="constrained")
    axes = figure.subplots(len(held_out), 1, sharex=True, squeeze=False)[:, 0]
    every = max(1, round(0.5 / trace.dt))
    for ax, sweep in zip(axes, held_out, strict=True):
        here = trace.of(sweep)
        time = np.arange(trace.length) * trace.dt
        ax.plot(time, trace.voltage[here], color=RECORDED, linewidth=0.8, label="recorded")
        fit = fits["gradients"]
        seed = fit["sweeps"][best_seed(trace, fit["sweeps"])]
        coarse = np.asarray(seed["voltage"])[-(-here.start // every) : -(-here.stop // every)]
        at = np.arange(len(coarse)) * every * trace.dt
        ax.plot(at, coarse, color=COLORS["gradients"], linewidth=0.8, label="fitted by gradients")
        ticks = trace.by_sweep(np.asarray(seed["spikes"]))[sweep]
        ax.plot(ticks, np.full(len(ticks), 48.0), "|", color=COLORS["gradients"], markersize=6)
        gamma, error = seed["coincidence"][sweep], seed["voltage error"][sweep]
        ax.set_title(f"sweep {sweep}, held out: Γ {gamma:.2f}, {error:.1f} mV", fontsize="medium")
        ax.set_ylabel("mV")
        ax.spines[["top", "right"]].set_visible(False)
    axes[-1].set_xlabel("ms")
    axes[0].legend(loc="lower right", frameon=False, ncols=2)
    return figure


def spikes(trace: Trace, fits: dict[str, Any], window: float) -> Any:
    """Rasters of held-out sweeps, spikes counted in each sweep, and the losses on the way."""
    figure, axes = figures.panels(2, "spikes recorded and simulated", width=5.5)
    recorded = trace.spikes_by_sweep()
    rows = {"recorded": (recorded, RECORDED)}
    for method, fit in fits.items():
        seed = fit["sweeps"][best_seed(trace, fit["sweeps"])]
        label = {"gradients": "gradients", "cma": "CMA-ES"}[method]
        rows[label] = (trace.by_sweep(np.asarray(seed["spikes"])), COLORS[method])
    held_out = trace.sweeps("held out")
    for row, (label, (trains, color)) in enumerate(rows.items()):
        offsets = [-(k * (len(rows) + 1) + row) for k in range(len(held_out))]
        axes[0].eventplot(
            [trains[k] for k in held_out], lineoffsets=offsets, colors=color, linelengths=0.8
        )
        style = "o" if row == 0 else "-"
        counts = [len(train) for train in trains]
        axes[1].plot(counts, style, color=color, label=label, markersize=4)
    middles = [-(k * (len(rows) + 1) + 1) for k in range(len(held_out))]
    axes[0].set(yticks=middles, yticklabels=held_out, xlabel="ms", ylabel="held-out sweep")
    axes[0].grid(False)
    for k in held_out:
        axes[1].axvspan(k - 0.4, k + 0.4, color="0.93", linewidth=0)
    axes[1].set(xlabel="sweep (shaded: held out)", ylabel="spikes")
    axes[1].legend(frameon=False)
    return figure
