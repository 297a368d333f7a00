"""A simple branched cell meets a recorded one: both searches, and scores on sweeps held out."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import neurojax as nj
from experiments.fit_dendrite import METHODS, SIMULATIONS_A_GRADIENT
from experiments.fit_dendrite.recorded_cell import (
    COMPARTMENTS,
    V_PEAK,
    cell_of,
    ranges_for,
)
from experiments.fit_dendrite.recorded_fit import (
    LAST,
    Loss,
    by_cma,
    by_gradients,
    starts,
    sweeps_of,
)
from experiments.fit_dendrite.scores import crossings
from experiments.fit_neuron.cells import at_places
from experiments.fit_neuron.scores import MEASURES, best_seed, mean_over, one_seed
from experiments.fit_neuron.traces import Trace, read, trace_of
from experiments.runner import Run, plus_minus, spread

if TYPE_CHECKING:
    from experiments.fit_dendrite import Config

DT = 0.2  # ms, about: a multiple of the recording's step
REFRACTORY, WINDOW = 4.0, 4.0  # ms: a recorded spike's width, and of spikes that coincide
ROLES = ("train", "validation", "held out")


def read_trace(path: str) -> Trace:
    recording = read(path)
    dt = max(1, round(DT / recording.dt)) * recording.dt
    return trace_of(recording, dt=dt, v_peak=V_PEAK, refractory=REFRACTORY)


def fit_recording(config: Config, run: Run, trace: Trace) -> dict[str, Any]:
    """Fit each seed's cell by both methods; score what it then does by itself."""
    from experiments.fit_dendrite import figures

    data = sweeps_of(trace)
    loss = Loss(ranges_for(trace), trace.dt)
    start = np.asarray(
        run.stage("recorded/starts", partial(starts, config, loss, data)), np.float32
    )
    fits = {
        method: run.stage(
            f"recorded/{method}",
            partial(search_and_score, config, run, trace, loss, data, start, search),
        )
        for method, search in {"gradients": by_gradients, "cma": by_cma}.items()
    }
    figures.draw_recorded(run, trace, loss, fits)
    summary = summarise(config, trace, loss, fits)
    tabulate(config, run, trace, summary)
    return summary


def search_and_score(
    config: Config, run: Run, trace: Trace, loss: Loss, data: Any, start: np.ndarray, search: Any
) -> list[dict[str, Any]]:
    found = search(config, run, loss, data, start)
    voltages = free_run(trace, loss, [each["unit"] for each in found])
    return [each | {"sweeps": scores(trace, v)} for each, v in zip(found, voltages, strict=True)]


def free_run(trace: Trace, loss: Loss, units: Any) -> np.ndarray:
    """The voltage [seed, step] of cells under the recorded current and nothing else, from the
    recording's first sample to its last."""
    units = jnp.asarray(np.asarray(units), jnp.float32)
    current = jnp.asarray(trace.current, jnp.float32)
    return np.asarray(_free_run(loss, units, current, jnp.float32(trace.voltage[0])), np.float64)


@eqx.filter_jit
def _free_run(loss: Loss, units: Any, current: Any, first: Any) -> Any:
    def one(unit: Any) -> Any:
        cell = cell_of(at_places(loss.ranges, unit), first)
        drive = nj.Series(current)
        return nj.simulate(cell, drive, t1=len(current) * loss.dt, dt=loss.dt)["v[soma]"]

    return jax.vmap(one)(units)


def scores(trace: Trace, voltage: np.ndarray) -> dict[str, list[float]]:
    """Of each sweep, as in fit-neuron."""
    found = one_seed(trace, voltage, crossings(voltage, trace.dt, V_PEAK), WINDOW)
    return {measure: found[measure] for measure in MEASURES}


def summarise(
    config: Config, trace: Trace, loss: Loss, fits: dict[str, list[dict[str, Any]]]
) -> dict[str, Any]:
    names = list(loss.ranges)
    return {
        "file": Path(config.recording).name,
        "compartments": len(COMPARTMENTS),
        "parameters": len(names),
        "simulations a fit": config.recorded_simulations,
        "sweeps": {role: trace.sweeps(role) for role in ROLES},
        "fits": {
            method: {
                "loss": spread([fit["curve"][-1] for fit in of]),
                "chosen seed": config.seed + best_seed(trace, [fit["sweeps"] for fit in of]),
                "parameters": {
                    name: spread([float(parameters_of(loss, fit)[name]) for fit in of])
                    for name in names
                },
                **{
                    role: {
                        m: spread(mean_over(trace, [fit["sweeps"] for fit in of], role, m))
                        for m in MEASURES
                    }
                    for role in ROLES
                },
            }
            for method, of in fits.items()
        },
    }


def parameters_of(loss: Loss, fit: dict[str, Any]) -> dict[str, Any]:
    return at_places(loss.ranges, jnp.asarray(fit["unit"], jnp.float32))


def tabulate(config: Config, run: Run, trace: Trace, summary: dict[str, Any]) -> None:
    results = [summary["fits"][method] for method in METHODS]

    def row(title: str, role: str, measure: str) -> list[str]:
        return [title, *(plus_minus(result[role][measure], digits=2) for result in results)]

    titles = {
        "count error": "spike count error",
        "coincidence": f"coincidence Γ, ±{WINDOW:g} ms",
        "voltage error": "voltage error, mV",
    }
    rows = [
        row(f"{title}, {role} sweeps", role, measure)
        for role in ("held out", "train")
        for measure, title in titles.items()
    ]
    rows.append(["loss of the last stage", *(plus_minus(r["loss"], digits=3) for r in results)])
    counts = ", ".join(str(len(trace.spikes_by_sweep()[k])) for k in trace.sweeps("held out"))
    run.table(
        f"{summary['file']}, a cell of {summary['compartments']} compartments: "
        f"mean ± sd of {config.seeds} seeds",
        ["", *METHODS.values()],
        rows,
        f"Held out: sweeps {trace.sweeps('held out')} of {counts} spikes. The cell runs by itself, "
        f"from the recording's first sample to its last. Equal cost: {config.recorded_simulations} "
        f"simulations of all training sweeps, of which a value and gradient counts as "
        f"{SIMULATIONS_A_GRADIENT}; {summary['parameters']} parameters. Gradients go through four "
        f"pulls to the recorded voltage; CMA-ES has the loss under the last, {LAST / 1000:g} GΩ.",
    )
