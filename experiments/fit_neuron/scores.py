"""What a fitted neuron does all by itself, beside the recording."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

import neurojax as nj
from experiments.fit_neuron.cells import Cell
from experiments.fit_neuron.forcing import start
from experiments.fit_neuron.traces import Targets, Trace, targets
from experiments.runner import generator
from neurojax.metrics import coincidence_factor, spike_count_error, subthreshold_rmse

MEASURES = ("count error", "coincidence", "voltage error")


@eqx.filter_jit
def free_run(neuron: Any, data: Targets, dt: float) -> nj.Solution:
    """The neuron under the recorded current and nothing else."""
    return nj.simulate(
        neuron,
        nj.Series(data.current),
        t1=len(data.current) * dt,
        dt=dt,
        record={"v": "v", "spikes": "spikes"},
        state=start(neuron, data),
    )


def scores(trace: Trace, cell: Cell, units: np.ndarray, window: float) -> list[dict[str, Any]]:
    """For each seed (`units` [parameter, seed]) and sweep: its measures; for each seed, spikes and
    voltage too."""
    data = Targets(*map(jnp.asarray, targets(trace)))
    run = free_run(cell.neuron(jnp.asarray(units, jnp.float32)), data, trace.dt)
    voltage = np.asarray(run["v"])
    return [one_seed(trace, voltage[:, n], run.spikes.of(n), window) for n in range(units.shape[1])]


def one_seed(
    trace: Trace, voltage: np.ndarray, spikes: np.ndarray, window: float
) -> dict[str, Any]:
    measured = {name: [] for name in MEASURES}
    pairs = zip(trace.spikes_by_sweep(), trace.by_sweep(spikes), strict=True)
    for sweep, (recorded, simulated) in enumerate(pairs):
        here = trace.of(sweep)
        measured["count error"].append(spike_count_error([recorded], [simulated]))
        measured["coincidence"].append(
            coincidence(recorded, simulated, duration=trace.duration, window=window)
        )
        measured["voltage error"].append(
            subthreshold_rmse(
                trace.voltage[here],
                voltage[here].astype(np.float64),
                np.concatenate([recorded, simulated]),
                dt=trace.dt,
                after=trace.refractory + 1,
            )
        )
    return measured | {"spikes": spikes, "voltage": voltage[:: max(1, round(0.5 / trace.dt))]}


def coincidence(
    recorded: np.ndarray, simulated: np.ndarray, *, duration: float, window: float
) -> float:
    """Γ; 0 where the model spikes so often that any spike has one of its own within the window."""
    if 2 * window * len(simulated) >= duration:
        return 0.0
    return coincidence_factor(recorded, simulated, duration=duration, window=window)


def mean_over(trace: Trace, sweeps: list[dict[str, Any]], role: str, measure: str) -> list[float]:
    """Of each seed, the mean over the sweeps of a role."""
    chosen = trace.sweeps(role)
    return [float(np.nanmean(np.array(seed[measure], float)[chosen])) for seed in sweeps]


def best_seed(trace: Trace, sweeps: list[dict[str, Any]]) -> int:
    """The seed with the highest coincidence on the validation sweeps."""
    return int(np.argmax(mean_over(trace, sweeps, "validation", "coincidence")))


def regularity(trace: Trace, window: float, draws: int = 200) -> float:
    """About what Γ the recording's own irregularity leaves to a neuron that is right on average.

    The mean Γ, over held-out sweeps, of the recorded train with one whose intervals differ from it
    as neighbouring recorded ones do (by the second difference of intervals under one current), each
    train's first spike the same. No model is in it, and no repeated sweep either.
    """
    draw = generator(0, "irregular intervals")
    gammas = []
    for sweep in trace.sweeps("held out"):
        trains = trace.trains(sweep)
        intervals = [np.diff(train) for train in trains]
        bends = [(i[1:-1] - (i[:-2] + i[2:]) / 2) / i[1:-1] for i in intervals if len(i) > 2]
        spread = np.sqrt(np.mean(np.concatenate([[0.0], *bends]) ** 2) / 1.5)
        for _ in range(draws):
            other = [
                train[0] + np.cumsum([0, *i * (1 + spread * draw.standard_normal(len(i)))])
                for train, i in zip(trains, intervals, strict=True)
            ]
            pair = np.concatenate(trains), np.concatenate(other)
            gammas.append(coincidence_factor(*pair, duration=trace.duration, window=window))
    return float(np.mean(gammas))


def neighbours(trace: Trace, window: float) -> float:
    """How well the recorded spikes of the sweeps beside it predict a held-out one: mean Γ."""
    trains = trace.spikes_by_sweep()
    pairs = [
        (trains[k], trains[other])
        for k in trace.sweeps("held out")
        for other in (k - 1, k + 1)
        if other < len(trains)
    ]
    gammas = [coincidence_factor(a, b, duration=trace.duration, window=window) for a, b in pairs]
    return float(np.mean(gammas))
