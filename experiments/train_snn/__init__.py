"""Train spiking networks, and what is set beside them, and measure what all compute.

All networks of a task learn from the same batches for the same number of epochs. Recipes were
chosen on validation data with seeds from 100 on; test data took no part in it, and scores are those
after the last epoch.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from experiments.runner import (
    ExperimentError,
    Run,
    at_least,
    distinct,
    interval,
    key,
    plus_minus,
    positive,
    seeds_of,
    spread,
)

if TYPE_CHECKING:
    from experiments.train_snn.recipes import Data, Recipe


@dataclass(frozen=True)
class Config:
    """A task's networks, once for each seed."""

    task: Literal["digits", "mnist", "cifar", "memory", "mackey-glass"] = "digits"
    """Data and networks; mnist and cifar are read from $NEUROJAX_DATA."""
    networks: tuple[str, ...] = ()
    """What is trained; all of the task's unless given."""
    seeds: int = 3
    """How often everything is repeated: split, initial weights and order of the batches."""
    seed: int = 0
    """The first seed; the others follow it."""
    epochs: int | None = None
    """The recipe's unless given, as is the following."""
    learning_rate: float | None = None
    """AdamW's at its highest; it falls to zero by a cosine."""
    train: int | None = None
    """Samples to learn from: all that are not for validation unless given."""
    validation: int = 0
    """Samples held out of training; a tenth unless given."""
    on: Literal["test", "validation"] = "test"
    """What scores are of; recipes are chosen on validation data."""

    def __post_init__(self):
        at_least(self, 1, "seeds", "epochs", "train")
        at_least(self, 0, "seed", "validation")
        positive(self, "learning_rate")
        distinct(self, "networks")


def run(config: Config, run: Run) -> dict[str, Any]:
    """Train and measure each network for each seed; summarise over seeds."""
    from experiments.train_snn import figures
    from experiments.train_snn.tasks import TASKS

    recipe = TASKS[config.task]
    config = dataclasses.replace(config, networks=chosen(config, recipe))
    trained = [name for name in config.networks if name not in recipe.closed_form]
    run.expect(config.seeds * len(trained) * (config.epochs or recipe.epochs))
    results = run.each_seed(config, partial(one_seed, config, recipe, run))
    summary = summarise(config, recipe, results)
    figures.draw_all(config, recipe, run, results)
    tabulate(config, recipe, run, summary)
    return summary


def chosen(config: Config, recipe: Recipe) -> tuple[str, ...]:
    """The names of the networks to train."""
    for name in config.networks:
        if name not in recipe.networks:
            known = ", ".join(recipe.networks)
            raise ExperimentError(f"--networks of {config.task} are {known}; got {name!r}")
    return config.networks or tuple(recipe.networks)


def one_seed(config: Config, recipe: Recipe, run: Run, seed: int) -> dict[str, Any]:
    """Every network on the same data."""
    import jax
    import jax.numpy as jnp

    data = jax.tree.map(jnp.asarray, recipe.data(config, seed))
    found, models = {}, {}
    for name in config.networks:
        model = recipe.networks[name](key(seed, "initial weights"))
        if name in recipe.closed_form:
            models[name], curve = recipe.closed_form[name](model, data.learn), []
        else:
            models[name], curve = train(
                config, recipe, run, f"seed-{seed}/{name}", model, data, seed
            )
        found[name] = measure(recipe, models[name], data.measured) | {"curve": curve}
    if recipe.draw and seed == config.seed:
        recipe.draw(run, models, data.measured)
    return found


def train(
    config: Config, recipe: Recipe, run: Run, name: str, model: Any, data: Data, seed: int
) -> tuple[Any, list[float]]:
    """A trained model, and its score on validation data after each epoch."""
    import jax

    from experiments.recipes import adam
    from neurojax.learning import by_backprop, fit

    epochs = config.epochs or recipe.epochs
    updates = epochs * (len(jax.tree.leaves(data.learn)[0]) // recipe.batch_size)
    rate = config.learning_rate or recipe.learning_rate
    trainer = partial(
        fit,
        model,
        data.learn,
        by_backprop(recipe.loss),
        optimizer=adam(rate, recipe.weight_decay, updates),
        epochs=epochs,
        batch_size=recipe.batch_size,
        key=key(seed, "batches"),
        trainable=trainable(model),
        augment=recipe.augment,
        validation=data.held_out,
        evaluate=recipe.evaluate,
    )
    done = run.fit(name, trainer)
    return done.model, [record[f"validation/{recipe.score}"] for record in done.history]


def trainable(model: Any) -> Any:
    """Weights, biases and what normalisations learn, and no constants of neurons."""
    import equinox as eqx
    import jax

    from neurojax import System
    from neurojax.spiking import OverTime

    def constant(part: Any) -> bool:
        return isinstance(part, System) and not isinstance(part, OverTime)

    def of(part: Any) -> Any:
        return jax.tree.map(lambda x: eqx.is_inexact_array(x) and not constant(part), part)

    return jax.tree.map(of, model, is_leaf=constant)


def measure(recipe: Recipe, model: Any, data: Any) -> dict[str, Any]:
    """Scores after the last epoch, bytes of the model, and what a sample takes."""
    import equinox as eqx

    from neurojax.metrics import footprint

    found: dict[str, Any] = dict(eqx.filter_jit(recipe.evaluate)(model, data))
    found["footprint"] = footprint(model)
    if recipe.energy:
        estimate = recipe.energy(model, data)
        found["energy"] = estimate.high / 1e3  # nJ
        found |= {name: getattr(estimate.total, name) for name in ("macs", "acs", "updates")}
    return found


def summarise(
    config: Config, recipe: Recipe, results: list[dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Spreads over seeds, by network, and of the first network's differences from the others."""
    first, *others = config.networks
    summary = {
        name: {
            what: spread([result[name][what] for result in results])
            for what in results[0][name]
            if what != "curve"
        }
        for name in config.networks
    }
    for name in others:
        pairs = [(result[first], result[name]) for result in results]
        apart = {recipe.score: spread([a[recipe.score] - b[recipe.score] for a, b in pairs])}
        if recipe.energy:
            apart["energy"] = spread([a["energy"] / b["energy"] for a, b in pairs])
        summary[f"{first} against {name}"] = apart
    return summary


def tabulate(config: Config, recipe: Recipe, run: Run, summary: dict[str, dict[str, Any]]) -> None:
    rows = []
    for name in config.networks:
        own = summary[name]
        row = [name, plus_minus(own[recipe.score], 100, 2), f"{own['footprint']['mean'] / 1e3:.1f}"]
        if recipe.energy:
            row += [plus_minus(own["energy"], digits=1)]
        seconds = ""
        if name not in recipe.closed_form:
            epochs = [np.median(run.seconds(f"seed-{seed}/{name}")) for seed in seeds_of(config)]
            seconds = plus_minus(spread(epochs), digits=2)
        rows.append([*row, seconds])
    for name in list(summary)[len(config.networks) :]:
        row = [f"{name} [95 %]", interval(summary[name][recipe.score], 100, 2), ""]
        if recipe.energy:
            row += [plus_minus(summary[name]["energy"], digits=3)]
        rows.append([*row, ""])
    run.table(
        f"{config.task}, {config.on} data: mean ± sd of {config.seeds} seeds, last epoch",
        ["network", f"{recipe.score}, %", "kB", *["nJ"] * bool(recipe.energy), "s per epoch"],
        rows,
        "the last rows are differences in points"
        + " and ratios of energy; of a sample, CMOS fp32, arithmetic alone" * bool(recipe.energy),
    )
