"""Fit a neuron to a current-clamp recording, by gradients and without, with sweeps held out.

The neuron is given nothing but the injected current, from the recording's first sample to its last;
of sweeps 0, 1, 2, ... it learns from 0, 1, 3, 5, 7, ..., the seed that is drawn is chosen on 4, 8,
12, ..., and 2, 6, 10, ... are held out: nothing was chosen on them.
Without a recording one is simulated, and the parameters it was made with are found again.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.runner import (
    ExperimentError,
    Run,
    at_least,
    in_range,
    plus_minus,
    positive,
    spread,
)

if TYPE_CHECKING:
    from experiments.fit_neuron.cells import Cell
    from experiments.fit_neuron.traces import Trace

SIMULATED = "simulated"
IRREGULAR = "coincidence under the recording's irregularity"
METHODS = {"gradients": "gradients", "cma": "CMA-ES"}
# A gradient counts as so many simulations of the recording: forward, forward again, and backward,
# which is about two more. A step of the last stage is one, and one for each parameter's tangent.
EVALUATIONS_A_GRADIENT = 4


def default_recording() -> str:
    """The file in $NEUROJAX_DATA, or where there is none, a simulated recording."""
    folder = os.environ.get("NEUROJAX_DATA")
    path = Path(folder or "") / "recordings" / "ic_steps.npz"
    return str(path.absolute()) if folder and path.is_file() else SIMULATED


@dataclass(frozen=True)
class Config:
    """An integrate-and-fire neuron meets a recorded one."""

    recording: str = field(default_factory=default_recording)
    """An .abf, .nwb or .npz file, or "simulated". By default $NEUROJAX_DATA/recordings/ic_steps.npz
    where that is there."""
    seeds: int = 5
    """How often each fit starts anew, from other parameters."""
    seed: int = 0
    """The first seed; the others follow it."""
    voltage_steps: int = 40
    """Gradient steps on the voltage between spikes alone, which come first."""
    spike_steps: int = 90
    """Gradient steps on voltage and spikes."""
    final_steps: int = 36
    """Steps of Levenberg and Marquardt's method that come last, at the most: a third each under
    loose, less loose and final errors in time."""
    learning_rate: float = 0.1
    """Adam's learning rate."""
    dt: float = 0.2
    """Time step of the simulation (ms), a multiple of the recording's."""
    v_peak: float = -10.0
    """A spike is where the voltage rises through this (mV), in the recording and in the neuron."""
    refractory: float = 4.0
    """For how long (ms) after that the neuron is held: the width of a recorded spike."""
    window: float = 4.0
    """Two spikes coincide when they are at most so far apart (ms)."""

    def __post_init__(self):
        at_least(self, 1, "seeds", "voltage_steps", "spike_steps")
        at_least(self, 0, "seed", "refractory")
        positive(self, "learning_rate", "dt", "window")
        in_range(self, -60, 40, "v_peak")
        at_least(self, 3, "final_steps")
        if self.recording != SIMULATED and not Path(self.recording).is_file():
            raise ExperimentError(f"--recording: there is no file {self.recording}")

    def evaluations(self, cell: Cell) -> int:
        """What a fit by gradients counts as, in simulations of the whole recording."""
        adam = EVALUATIONS_A_GRADIENT * (self.voltage_steps + self.spike_steps)
        return adam + self.final_steps * (1 + len(cell.ranges))


def run(config: Config, run: Run) -> dict[str, Any]:
    """Fit each kind of neuron by each method from each seed; score on the held-out sweeps."""
    from experiments.fit_neuron import figures
    from experiments.fit_neuron.cells import AdExCell, SlowCell
    from experiments.fit_neuron.simulated import TRUTH, simulated
    from experiments.fit_neuron.traces import read, trace_of

    recording = simulated() if config.recording == SIMULATED else read(config.recording)
    trace = trace_of(recording, dt=config.dt, v_peak=config.v_peak, refractory=config.refractory)
    known = TRUTH if config.recording == SIMULATED else None
    kinds = (AdExCell,) if known else (AdExCell, SlowCell)
    cells = [kind(trace, config.v_peak, config.refractory) for kind in kinds]
    run.expect(len(cells) * (config.voltage_steps + config.spike_steps))
    fits = {
        (cell.name, method): run.stage(
            f"{cell.name}/{method}", partial(fit_and_score, config, run, trace, cell, method)
        )
        for cell in cells
        for method in METHODS
    }
    summary = summarise(config, trace, fits)
    if known:
        summary["truth"] = recovered(known, fits["adex", "gradients"]["parameters"])
    figures.draw_all(run, trace, fits, config.window)
    tabulate(config, run, trace, summary, fits)
    return summary


def fit_and_score(
    config: Config, run: Run, trace: Trace, cell: Cell, method: str
) -> dict[str, Any]:
    """Parameters found from each seed, and what the neuron then does all by itself."""
    import jax.numpy as jnp

    from experiments.fit_neuron.scores import scores
    from experiments.fit_neuron.search import by_cma, by_gradients

    search = {"gradients": by_gradients, "cma": by_cma}[method]
    units, found = search(config, run, trace, cell)
    return {
        "parameters": cell.parameters(jnp.asarray(units)),
        "sweeps": scores(trace, cell, units, config.window),
        "evaluations": config.evaluations(cell),
        **found,
    }


def recovered(truth: dict[str, float], found: dict[str, list[float]]) -> dict[str, Any]:
    """Each parameter beside the one that the recording was made with."""
    return {name: {"truth": value, "found": spread(found[name])} for name, value in truth.items()}


def summarise(config: Config, trace: Trace, fits: dict[tuple[str, str], Any]) -> dict[str, Any]:
    from experiments.fit_neuron.scores import MEASURES, best_seed, mean_over, neighbours, regularity

    return {
        "recording": config.recording,
        "sweeps": {role: trace.sweeps(role) for role in ("train", "validation", "held out")},
        "spikes recorded": [len(spikes) for spikes in trace.spikes_by_sweep()],
        "coincidence of neighbouring sweeps": neighbours(trace, config.window),
        IRREGULAR: regularity(trace, config.window),
        "fits": {
            f"{name}/{method}": {
                "parameters": {n: spread(values) for n, values in fit["parameters"].items()},
                "evaluations": fit["evaluations"],
                "loss": spread(fit["loss"]),
                "chosen seed": config.seed + best_seed(trace, fit["sweeps"]),
                **{
                    role: {m: spread(mean_over(trace, fit["sweeps"], role, m)) for m in MEASURES}
                    for role in ("train", "validation", "held out")
                },
            }
            for (name, method), fit in fits.items()
        },
    }


def tabulate(
    config: Config, run: Run, trace: Trace, summary: dict[str, Any], fits: dict[tuple, Any]
) -> None:
    from experiments.fit_neuron.cells import TITLES

    columns = ["on held-out sweeps"]
    columns += [f"{TITLES[name]}, {METHODS[method]}" for name, method in fits]
    results = [summary["fits"][f"{name}/{method}"] for name, method in fits]

    def row(title: str, measure: str, digits: int, role: str = "held out") -> list[str]:
        return [title, *(plus_minus(result[role][measure], digits=digits) for result in results)]

    rows = [
        row("spike count error", "count error", 2),
        row(f"coincidence Γ, ±{config.window:g} ms", "coincidence", 2),
        row("voltage error, mV", "voltage error", 2),
        row("Γ on training sweeps", "coincidence", 2, "train"),
        ["training loss", *(plus_minus(result["loss"], digits=3) for result in results)],
        ["seconds a fit", *(f"{fit['seconds']:.0f}" for fit in fits.values())],
        ["evaluations a fit", *(str(fit["evaluations"]) for fit in fits.values())],
    ]  # fmt: skip
    counts = ", ".join(str(len(trace.spikes_by_sweep()[k])) for k in trace.sweeps("held out"))
    run.table(
        f"{Path(config.recording).name}: mean ± sd of {config.seeds} seeds",
        columns,
        rows,
        f"Held out: sweeps {trace.sweeps('held out')} of {counts} spikes. Voltage error: root mean "
        "square away from spikes. An evaluation is one simulation of the whole recording; a "
        f"gradient counts as {EVALUATIONS_A_GRADIENT}, a Jacobian as one for each parameter. "
        "Seconds are of one seed, without compiling. For "
        "comparison, Γ of the sweeps before and after: "
        f"{summary['coincidence of neighbouring sweeps']:.2f}; of intervals as irregular as those "
        f"recorded: {summary[IRREGULAR]:.2f}.",
    )
    if "truth" in summary:
        run.table(
            "Parameters found by gradients",
            ["parameter", "truth", "found"],
            [
                [name, f"{each['truth']:g}", plus_minus(each["found"], digits=4)]
                for name, each in summary["truth"].items()
            ],
            "Mean ± sd over seeds.",
        )
