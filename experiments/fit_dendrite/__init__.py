"""Fit the conductances of a cell with dendrites to its somatic voltage, by gradients and CMA-ES.

A branched cell is given a conductance of sodium, potassium and leak in each compartment, and its
somatic voltage under noisy currents is the target. Both searches start from a cell whose channels
are spread evenly and minimise the same loss; what they found is judged on currents that neither
saw, and conductance by conductance beside the truth, near the soma and far away.

Where there is a recording, a simple branched cell is fitted to it by both as well, with sweeps held
out as in fit-neuron.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments import fit_neuron
from experiments.runner import ExperimentError, Run, at_least, plus_minus, positive, spread

if TYPE_CHECKING:
    from experiments.fit_dendrite.problem import Problem

METHODS = {"gradients": "gradients", "cma": "CMA-ES"}
# A value and gradient of these cells takes the time of 3 to 5 simulations, measured on two cores.
SIMULATIONS_A_GRADIENT = 4
CA1 = "ca1"
RANDOM = "random"
FILE = "morphologies/morph_ca1_n120.swc"
NONE = "none"


def default_recording() -> str:
    """The file in $NEUROJAX_DATA, or where there is none, no recording."""
    found = fit_neuron.default_recording()
    return NONE if found == fit_neuron.SIMULATED else found


@dataclass(frozen=True)
class Config:
    """What the soma tells of the dendrites."""

    morphology: str = RANDOM
    """"random", a built tree; or "ca1", of $NEUROJAX_DATA/morphologies/morph_ca1_n120.swc."""
    tips: int = 20
    """Tips of the built tree."""
    seeds: int = 3
    """How many cells are fitted, each with its own conductances and its own start."""
    seed: int = 0
    """The first seed; the others follow it."""
    steps: int = 400
    """Gradient steps."""
    learning_rate: float = 0.05
    """Adam's learning rate at the start, of log conductances."""
    currents: int = 6
    """How many currents the cell is fitted under."""
    duration: float = 60.0
    """Of each current (ms)."""
    dt: float = 0.05
    """Time step (ms)."""
    coupling: float = 100.0
    """The resistance (MΩ) through which the target's voltage pulls at the fitted cell's soma."""
    recording: str = field(default_factory=default_recording)
    """An .abf, .nwb or .npz file, to which a branched cell is fitted too, or "none". By default
    $NEUROJAX_DATA/recordings/ic_steps.npz where that is there."""
    recorded_steps: int = 160
    """Gradient steps of that fit, a quarter of them under each of four pulls."""

    def __post_init__(self):
        at_least(self, 1, "tips", "seeds", "steps", "currents")
        at_least(self, 4, "recorded_steps")
        at_least(self, 0, "seed")
        at_least(self, 20, "duration")
        positive(self, "learning_rate", "dt", "coupling")
        if self.morphology not in (RANDOM, CA1):
            raise ValueError(f"--morphology must be {RANDOM} or {CA1}, got {self.morphology}")
        if self.morphology == CA1 and not ca1_path().is_file():
            raise ExperimentError(
                f"--morphology {CA1}: NEUROJAX_DATA must name a folder with {FILE}"
            )
        if self.recording != NONE and not Path(self.recording).is_file():
            raise ExperimentError(f"--recording: there is no file {self.recording}")

    @property
    def simulations(self) -> int:
        """What a fit by gradients counts as."""
        return SIMULATIONS_A_GRADIENT * self.steps

    @property
    def recorded_simulations(self) -> int:
        """The same, of the fit to the recording: four stages of as many steps."""
        return SIMULATIONS_A_GRADIENT * 4 * (self.recorded_steps // 4)


def ca1_path() -> Path:
    return Path(os.environ.get("NEUROJAX_DATA", "")) / FILE


def run(config: Config, run: Run) -> dict[str, Any]:
    """Fit each seed's cell by both methods; score on currents that were not used."""
    from experiments.fit_dendrite import figures, recorded
    from experiments.fit_dendrite.problem import problem_of

    trace = None if config.recording == NONE else recorded.read_trace(config.recording)
    run.expect(config.seeds * config.steps + (0 if trace is None else config.recorded_steps))
    problems = [problem_of(config, config.seed + n) for n in range(config.seeds)]
    fits = {
        method: [
            run.stage(
                f"{method}/seed-{problem.seed}", partial(one_fit, config, run, problem, method)
            )
            for problem in problems
        ]
        for method in METHODS
    }
    summary = summarise(config, problems, fits)
    figures.draw(
        run, problems[0], {method: each[0] for method, each in fits.items()}, fits, config.dt
    )
    tabulate(config, run, summary)
    summary["recording"] = NONE if trace is None else recorded.fit_recording(config, run, trace)
    return summary


def one_fit(config: Config, run: Run, problem: Problem, method: str) -> dict[str, Any]:
    from experiments.fit_dendrite.scores import scores
    from experiments.fit_dendrite.search import by_cma, by_gradients

    search = {"gradients": by_gradients, "cma": by_cma}[method]
    found = search(config, run, problem)
    return found | {"scores": scores(problem, found["log_g"], config.dt)}


def summarise(config: Config, problems: list[Problem], fits: dict[str, Any]) -> dict[str, Any]:
    from experiments.fit_dendrite.scores import knowable, scores

    first = problems[0]
    starts = [{"scores": scores(p, p.start, config.dt)} for p in problems]
    return {
        "morphology": config.morphology,
        "compartments": len(first.compartments),
        "parameters": first.truth.size,
        "simulations a fit": config.simulations,
        "known at 0.1 mV of noise": knowable(first, config.dt),
        "fits": {
            method: over_seeds([each["scores"] for each in of])
            for method, of in {"start": starts, **fits}.items()
        },
        "loss": {m: spread([fit["curve"][-1] for fit in of]) for m, of in fits.items()},
    }


def over_seeds(scores: list[dict[str, Any]]) -> dict[str, Any]:
    """Each score's spread, nested as the scores are."""
    return {
        name: over_seeds([each[name] for each in scores])
        if isinstance(value, dict)
        else spread([each[name] for each in scores])
        for name, value in scores[0].items()
    }


def tabulate(config: Config, run: Run, summary: dict[str, Any]) -> None:
    from experiments.fit_dendrite.scores import CHANNELS, THIRDS

    results = list(summary["fits"].values())

    def row(title: str, *path: str, digits: int = 2, scale: float = 1.0) -> list[str]:
        cells = []
        for result in results:
            for name in path:
                result = result[name]
            cells.append(plus_minus(result, digits=digits, scale=scale))
        return [title, *cells]

    losses = [plus_minus(x, digits=4) for x in summary["loss"].values()]
    rows = [
        ["loss, mV²", "", *losses],
        row("voltage error on new currents, mV", "voltage error"),
        row("coincidence Γ on new currents, ±2 ms", "coincidence"),
        row("error of a conductance, median, %", "error", digits=0, scale=100),
        *(
            row(f"  {third} of the soma" if third != "between" else "  between",
                "error by distance", third, digits=0, scale=100)
            for third in THIRDS
        ),
        *(
            row(f"{channel}: error of the mean over compartments {where}, %",
                "error of means", channel, where, digits=0, scale=100)
            for channel in CHANNELS for where in ("near", "far")
        ),
        *(row(f"{channel}: correlation with the truth", "correlation", channel)
          for channel in CHANNELS),
    ]  # fmt: skip
    known = summary["known at 0.1 mV of noise"]
    run.table(
        f"{summary['parameters']} conductances from one soma: mean ± sd of {config.seeds} seeds",
        ["", "start", *METHODS.values()],
        rows,
        f"Equal cost: {config.simulations} simulations of all training currents, of which a value "
        f"and gradient counts as {SIMULATIONS_A_GRADIENT}. The soma alone does not tell all "
        f"conductances apart: near the truth and with 0.1 mV of noise in each sample, "
        f"{known['directions']} of {summary['parameters']} directions of log conductance are known "
        f"to 25 %, and of single conductances {known['near']} of the near third, "
        f"{known['far']} of the far third.",
    )
