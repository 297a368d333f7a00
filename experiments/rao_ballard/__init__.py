"""Predictive coding in the visual cortex by Rao & Ballard (1999), on scikit-learn's photographs.

Three patches side by side are each predicted by units of their own, and these together by units of
a second level. Learned without labels, the first level's receptive fields are Gabor-like, and its
error units are end-stopped: they answer a short bar more than a long one, which the second level
predicts, and less so once that is cut off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.rao_ballard.patches import PLACES, SIDE, WIDTH, bars, draw, windowed
from experiments.runner import Run, at_least, generator, key, plus_minus, positive, spread

if TYPE_CHECKING:
    from jaxtyping import Array

    from neurojax.learning import Fit
    from neurojax.predictive import Hierarchy

ANGLES = np.pi * np.arange(8) / 8
OFFSETS = (-4, -2, 0, 2, 4)
LENGTHS = np.arange(2, WIDTH + 1, 2)
MIDDLE = 1


@dataclass(frozen=True)
class Config:
    """Windows of the photographs, and a hierarchy of two levels over them."""

    seeds: int = 3
    """How often everything is repeated: windows, initial weights, order of the batches."""
    seed: int = 0
    """The first seed; the others follow it."""
    windows: int = 20_000
    """Random windows of the photographs."""
    units: int = 32
    """First-level units for each of the three patches."""
    causes: int = 128
    """Second-level units."""
    sparseness: float = 0.5
    """Weight of the first level's prior, log(1 + r²); the second level's is a tenth."""
    precision: float = 0.1
    """Of the second level's predictions; the image's is 1."""
    epochs: int = 20
    """Epochs of training."""
    batch_size: int = 100
    """Windows in a batch."""
    learning_rate: float = 3e-3
    """Adam's."""
    steps: int = 40
    """Inference steps."""
    step_size: float = 0.1
    """Of inference."""

    def __post_init__(self):
        at_least(self, 1, "seeds", "windows", "units", "causes", "epochs", "batch_size", "steps")
        at_least(self, 0, "seed")
        positive(self, "sparseness", "precision", "learning_rate", "step_size")
        if self.batch_size > self.windows:
            raise ValueError(
                f"--batch-size must be at most the {self.windows} windows, got {self.batch_size}"
            )


def run(config: Config, run: Run) -> dict[str, Any]:
    """Learn from the photographs, then show bars; for each seed."""
    from experiments.rao_ballard import figures

    run.expect(config.seeds * config.epochs)
    results = run.each_seed(config, partial(one_seed, config, run))
    summary = summarise(results)
    figures.draw_all(config, run, results)
    tabulate(config, run, summary)
    return summary


def one_seed(config: Config, run: Run, seed: int) -> dict[str, Any]:
    fit = train(config, run, seed)
    new = draw(1000, generator(seed, "test windows"))
    return {
        "explained": explained(config, fit.model, new),
        "fields": np.asarray(fit.model.edges[1].module.weight)[MIDDLE],
        **end_stopping(config, fit.model),
    }


def network(config: Config, seed: int) -> Hierarchy:
    """`causes` predict the first level, and this its own patch each."""
    import jax.numpy as jnp

    from experiments.rao_ballard.modules import FromCauses, Sparse, ToPatches, Zero
    from neurojax.predictive import Edge, Gaussian, Hierarchy, Node

    draws = generator(seed, "initial weights")
    first = PLACES * config.units
    fields = draws.normal(size=(PLACES, SIDE * SIDE, config.units)) / (2 * SIDE)
    above = draws.normal(size=(first, config.causes)) / config.causes**0.5
    return Hierarchy(
        nodes=(
            Node("causes", config.causes),
            Node("r", (PLACES, config.units), Gaussian(config.precision)),
            Node("image", (PLACES, SIDE * SIDE)),
        ),
        edges=(
            Edge("causes", "r", FromCauses(jnp.asarray(above, jnp.float32), PLACES)),
            Edge("r", "image", ToPatches(jnp.asarray(fields, jnp.float32))),
            Edge((), "r", Zero(), energy=Sparse(config.sparseness)),
            Edge((), "causes", Zero(), energy=Sparse(config.sparseness / 10)),
        ),
    )


def train(config: Config, run: Run, seed: int) -> Fit:
    import jax.numpy as jnp
    import optax

    from experiments.rao_ballard.modules import within_unit_norm
    from neurojax import predictive

    trainer = partial(
        predictive.finetune,
        network(config, seed),
        {"image": jnp.asarray(draw(config.windows, generator(seed, "windows")))},
        steps=config.steps,
        step_size=config.step_size,
        optimizer=optax.chain(optax.adam(config.learning_rate), within_unit_norm()),
        epochs=config.epochs,
        batch_size=config.batch_size,
        key=key(seed, "batches"),
    )
    return run.fit(f"seed-{seed}/photographs", trainer)


def settle(config: Config, model: Hierarchy, clamps: dict[str, Array]) -> dict[str, Array]:
    """Activities long after the clamps were set."""
    from neurojax.predictive import infer

    return infer(model, clamps, steps=10 * config.steps, step_size=config.step_size).activities


def explained(config: Config, model: Hierarchy, windows: np.ndarray) -> float:
    """The part of the variance of new windows that the first level predicts."""
    import jax
    import jax.numpy as jnp

    z = settle(config, model, {"image": jnp.asarray(windows)})
    predicted = jax.vmap(model.edges[1].module)(z["r"])
    return float(1 - np.var(windows - predicted) / np.var(windows))


def end_stopping(config: Config, model: Hierarchy) -> dict[str, Any]:
    """Responses of the middle patch's error units to bars of growing length, each unit's where and
    along the angle that drives it most; with the second level and without.

    Responses [unit, length] are sizes of r − r_td, relative to the unit's largest. A unit's
    end-stopping is by how much its response falls from its peak to the longest bar,
    as a part of the peak.
    """
    import jax.numpy as jnp

    places = list(product(ANGLES, OFFSETS))
    images = np.concatenate([windowed(bars(LENGTHS, *place)) for place in places])
    clamps = {"image": jnp.asarray(images)}
    blind = {"causes": jnp.zeros((len(images), config.causes))}
    errors = []
    for given in (clamps, clamps | blind):
        z = settle(config, model, given)
        top_down = np.asarray(z["causes"]) @ np.asarray(model.edges[0].module.weight).T
        apart = np.asarray(z["r"]) - top_down.reshape(len(images), PLACES, -1)
        errors.append(np.abs(apart[:, MIDDLE]).reshape(len(places), len(LENGTHS), -1))
    with_causes, without = errors
    best = with_causes.max(1).argmax(0)
    units = np.arange(config.units)
    curves = [each[best, :, units] for each in (with_causes, without)]
    found = {}
    for curve, which in zip(curves, ("", " without"), strict=True):
        relative = curve / curve.max(1, keepdims=True)
        found |= {f"responses{which}": relative, f"end-stopping{which}": 1 - relative[:, -1]}
    return found


def summarise(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Spreads over seeds."""

    def of(measure: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        return spread([float(measure(result)) for result in results])

    summary = {"explained variance": of(lambda result: result["explained"])}
    for which in ("", " without"):
        name = f"end-stopping{which}"
        summary[name] = of(lambda result, name=name: np.mean(result[name]))
        summary[f"units above one half{which}"] = of(
            lambda result, name=name: np.mean(np.array(result[name]) > 0.5)
        )
    return summary


def tabulate(config: Config, run: Run, summary: dict[str, Any]) -> None:
    rows = [
        [
            label,
            plus_minus(summary[f"end-stopping{which}"], 100),
            plus_minus(summary[f"units above one half{which}"], 100),
        ]
        for label, which in (("second level at work", ""), ("cut off", " without"))
    ]
    run.table(
        f"End-stopping of first-level error units: mean ± sd of {config.seeds} seeds",
        ["", "fall to the longest bar, %", "units that fall by half, %"],
        rows,
        f"variance of new windows explained: {plus_minus(summary['explained variance'], 100)} %",
    )
