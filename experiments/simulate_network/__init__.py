"""Simulate a published network: its rates, how irregular and how synchronous its spikes are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from experiments.runner import Run, at_least, plus_minus, positive, spread

if TYPE_CHECKING:
    from experiments.simulate_network.setups import Setup

DT = 0.1  # ms


@dataclass(frozen=True)
class Config:
    """A network, from random potentials or from rest, once for each seed."""

    model: Literal["cuba", "brunel"] = "cuba"
    """Vogels & Abbott 2005 with synaptic currents, or Brunel 2000."""
    t1: float = 1000.0
    """Simulated time, ms."""
    warm_up: float = 200.0
    """Of which so many, at the start, do not count."""
    neurons: int | None = None
    """All of them, four in five excitatory; the paper's number unless given."""
    g: float = 5.0
    """Brunel: how much stronger inhibition is than excitation."""
    eta: float = 2.0
    """Brunel: the rate of the outside, in that which alone brings neurons to threshold."""
    delay: float = 1.5
    """Brunel: ms."""
    v_reset: float = 0.0
    """Brunel: mV above rest; 10 in the paper, 0 in NEST's example."""
    seeds: int = 3
    """How often everything is repeated: connections, start and input."""
    seed: int = 0
    """The first seed; the others follow it."""

    def __post_init__(self):
        at_least(self, 1, "seeds")
        at_least(self, 0, "seed", "warm_up", "g", "eta")
        positive(self, "t1", "delay")
        if self.neurons is not None:
            at_least(self, 100, "neurons")
        if self.warm_up >= self.t1:
            raise ValueError(f"--warm-up must be less than --t1 {self.t1:g}, got {self.warm_up:g}")


def run(config: Config, run: Run) -> dict[str, Any]:
    """Simulate each seed; summarise by kind of neuron."""
    results = run.each_seed(config, partial(one_seed, config, run))
    summary = {
        kind: {what: spread([r[kind][what] for r in results]) for what in results[0][kind]}
        for kind in results[0]
    }
    run.table(
        f"{config.model}: mean ± sd of {config.seeds} seeds, from {config.warm_up:g} to "
        f"{config.t1:g} ms",
        ["neurons", "rate, Hz", "CV of intervals", "synchrony"],
        [
            [kind, *(plus_minus(found[what], digits=2) for what in ("rate", "cv", "synchrony"))]
            for kind, found in summary.items()
        ],
        "CV: mean of neurons with three spikes or more, 1 for a Poisson process; synchrony: "
        "variance of the population's count in 3 ms over its mean, 1 for independent ones",
    )
    return summary


def one_seed(config: Config, run: Run, seed: int) -> dict[str, dict[str, float]]:
    import neurojax as nj
    from experiments.simulate_network.figures import draw
    from experiments.simulate_network.setups import SETUPS

    setup: Setup = SETUPS[config.model](config, seed)
    sol = nj.simulate(
        setup.network,
        t1=config.t1,
        dt=DT,
        incoming=setup.incoming,
        state=setup.state,
        record=["spikes"],
        every=round(config.t1 / DT),
    )
    raster = sol.spikes["cells"].raster()[round(config.warm_up / DT) :]
    if seed == config.seed:
        draw(run, raster, setup.kinds, DT)
    return {kind: statistics(raster[:, cells]) for kind, cells in setup.kinds.items()}


def statistics(raster: np.ndarray) -> dict[str, float]:
    """Of spikes [steps, neurons]: NaN where there are too few."""
    seconds = len(raster) * DT / 1e3
    bins = round(3.0 / DT)
    counts = raster[: len(raster) // bins * bins].reshape(-1, bins * raster.shape[1]).sum(1)
    mean = counts.mean()
    return {
        "rate": float(raster.sum() / raster.shape[1] / seconds),
        "cv": coefficient_of_variation(raster),
        "synchrony": float(counts.var() / mean) if mean else float("nan"),
    }


def coefficient_of_variation(raster: np.ndarray) -> float:
    """The mean over neurons of the standard deviation of their intervals over its mean."""
    neuron, step = np.nonzero(raster.T)
    intervals = [np.diff(x) for x in np.split(step, np.flatnonzero(np.diff(neuron)) + 1)]
    found = [x.std() / x.mean() for x in intervals if len(x) >= 2]
    return float(np.mean(found)) if found else float("nan")
