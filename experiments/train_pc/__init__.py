"""Train a classifier by the rules of predictive coding, beside its twin trained by backprop.

Every rule gets the same network, initial weights, batches, optimizer and number of passes over the
data. Recipes were chosen on validation images with seeds 100 to 102; test images took no part in
it, and accuracies are those after the last epoch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from experiments import datasets
from experiments.datasets import Images
from experiments.runner import (
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
    from jaxtyping import Array

    from experiments.train_pc.recipes import Recipe
    from neurojax.learning import Fit
    from neurojax.predictive import Hierarchy

Rule = Literal["pc", "epc", "ipc", "pn", "nn", "cn", "ep", "bp"]
WATCHED = 100
"""Test images on which the hierarchy is watched while it settles."""


@dataclass(frozen=True)
class Config:
    """A recipe's classifier, once for each rule and seed."""

    task: Literal["digits", "mnist-mlp", "mnist-conv", "cifar", "deep-32", "deep-64"] = "digits"
    """Data and network: `recipes.py` has them; mnist and cifar are read from $NEUROJAX_DATA."""
    rules: tuple[Rule, ...] = ()
    """The recipe's unless given."""
    seeds: int = 3
    """How often everything is repeated: split, initial weights and order of the batches."""
    seed: int = 0
    """The first seed; the others follow it."""
    epochs: int | None = None
    """The recipe's unless given, as are the following."""
    learning_rate: float | None = None
    """AdamW's at the start; it falls to zero by a cosine."""
    steps: int | None = None
    """Inference steps of every rule."""
    step_size: float | None = None
    """Of inference."""
    train: int | None = None
    """Images to learn from: all that are not for validation unless given."""
    validation: int = 0
    """Images held out of training; a tenth unless given."""
    on: Literal["test", "validation"] = "test"
    """What accuracies are of; recipes are chosen on validation images."""

    def __post_init__(self):
        at_least(self, 1, "seeds", "epochs", "steps", "train")
        at_least(self, 0, "seed", "validation")
        positive(self, "learning_rate", "step_size")
        distinct(self, "rules")


def run(config: Config, run: Run) -> dict[str, Any]:
    """Train and measure each rule for each seed; summarise over seeds."""
    from experiments.train_pc import figures
    from experiments.train_pc.recipes import RECIPES

    recipe = RECIPES[config.task]
    rules = config.rules or recipe.rules
    learn, test = datasets.DATA[recipe.data]()
    run.expect(config.seeds * len(rules) * (config.epochs or recipe.epochs))
    results = run.each_seed(config, partial(one_seed, config, recipe, rules, run, learn, test))
    summary = summarise(rules, results)
    figures.draw_all(config, run, rules, results)
    tabulate(config, run, rules, summary)
    return summary


def one_seed(
    config: Config,
    recipe: Recipe,
    rules: tuple[str, ...],
    run: Run,
    learn: Images,
    test: Images,
    seed: int,
) -> dict[str, Any]:
    """Every rule from the same weights on the same images."""
    import jax
    import jax.numpy as jnp

    held = config.validation or len(learn.labels) // 10
    learn, held_out = datasets.split_to(learn, held, config.train, seed)
    measured = held_out if config.on == "validation" else test
    learn, held_out, measured = jax.tree.map(
        jnp.asarray,
        tuple(
            datasets.normalised(recipe.data, x, recipe.flat) for x in (learn, held_out, measured)
        ),
    )
    model = recipe.network(key(seed, "initial weights"))
    found = {}
    for rule in rules:
        fit = train(config, recipe, run, model, rule, learn, held_out, seed)
        found[rule] = measure(config, recipe, fit, rule, measured)
    return found


def train(
    config: Config,
    recipe: Recipe,
    run: Run,
    model: Hierarchy,
    rule: str,
    learn: Images,
    held_out: Images,
    seed: int,
) -> Fit:
    import jax

    from experiments.recipes import adam, augmentation
    from neurojax import predictive

    epochs = config.epochs or recipe.epochs
    updates = epochs * (len(learn.labels) // recipe.batch_size)
    gradient = rule_of(config.task, rule, config.steps, config.step_size)
    per_batch = getattr(gradient, "updates", 1)
    rate = config.learning_rate or recipe.learning_rate
    trainer = partial(
        predictive.finetune,
        model,
        (learn.pixels, jax.nn.one_hot(learn.labels, datasets.CLASSES)),
        rule=gradient,
        optimizer=adam(rate, recipe.weight_decay, updates * per_batch),
        epochs=epochs,
        batch_size=recipe.batch_size,
        key=key(seed, "batches"),
        augment=augmentation(recipe.image, recipe.shift, recipe.mirrored),
        validation=held_out,
        evaluate=evaluate,
    )
    return run.fit(f"seed-{seed}/{rule}", trainer)


@cache
def rule_of(task: str, name: str, steps: int | None, step_size: float | None) -> Any:
    """One object for all seeds, likewise."""
    from experiments.train_pc.recipes import RECIPES
    from neurojax.predictive import rule_named

    how = dict(RECIPES[task].fields.get(name, {}))
    given = {"steps": steps, "step_size": step_size}
    how |= {k: v for k, v in given.items() if v is not None and name != "bp"}
    return rule_named(name, **how)


def evaluate(model: Hierarchy, images: Images) -> dict[str, Array]:
    """Accuracy, a part of the images at a time."""
    import jax
    import jax.numpy as jnp

    from neurojax.predictive import predict

    given = jax.lax.map(lambda x: jnp.argmax(predict(model, x)), images.pixels, batch_size=500)
    return {"accuracy": jnp.mean(given == images.labels)}


def measure(config: Config, recipe: Recipe, fit: Fit, rule: str, images: Images) -> dict[str, Any]:
    """Accuracy after the last epoch, and how the network settles as its rule does (predictive
    coding's way for backprop)."""
    import equinox as eqx
    import jax

    from neurojax import predictive

    by = rule if rule in ("pc", "epc") else ("epc" if "epc" in recipe.fields else "pc")
    how = {k: v for k, v in recipe.fields.get(by, {}).items() if k in ("steps", "step_size")}
    how |= {k: v for k in ("steps", "step_size") if (v := getattr(config, k)) is not None}
    watched = images.take(slice(WATCHED))
    settling = predictive.diagnose(
        fit.model,
        watched.pixels,
        jax.nn.one_hot(watched.labels, datasets.CLASSES),
        coordinates="errors" if by == "epc" else "activities",
        **how,
    )
    return {
        "accuracy": eqx.filter_jit(evaluate)(fit.model, images)["accuracy"],
        "curve": [record["validation/accuracy"] for record in fit.history],
        "relaxation in training": [record.get("train/relaxation") for record in fit.history],
        "relaxation": settling.relaxation,
        "imbalance": settling.imbalance,
        "cosine": settling.cosine,
        "energy": settling.energy_trace,
        "edges": settling.edges,
        "names": settling.names,
    }


def summarise(rules: tuple[str, ...], results: list[dict[str, Any]]) -> dict[str, Any]:
    """Spreads over seeds, by rule; of accuracies, also of the difference to backprop's."""
    summary = {}
    for rule in rules:
        of_rule = [result[rule] for result in results]
        summary[rule] = {
            "accuracy": spread([each["accuracy"] for each in of_rule]),
            "relaxation": spread([each["relaxation"] for each in of_rule]),
            "cosine": spread([np.mean(each["cosine"]) for each in of_rule]),
            "lowest cosine": spread([np.min(each["cosine"]) for each in of_rule]),
        }
        if "bp" in rules:
            apart = [result[rule]["accuracy"] - result["bp"]["accuracy"] for result in results]
            summary[rule]["to backprop"] = spread(apart)
    return summary


def tabulate(config: Config, run: Run, rules: tuple[str, ...], summary: dict[str, Any]) -> None:
    from experiments.train_pc.recipes import RULES

    rows = []
    for rule in rules:
        found = summary[rule]
        seeds = seeds_of(config)
        epoch = spread([np.median(run.seconds(f"seed-{seed}/{rule}")) for seed in seeds])
        rows.append(
            [
                RULES[rule],
                plus_minus(found["accuracy"], 100, 2),
                interval(found["to backprop"], 100, 2) if "to backprop" in found else "",
                plus_minus(found["relaxation"]),
                plus_minus(found["cosine"], digits=2),
                plus_minus(epoch),
            ]
        )
    run.table(
        f"{config.task}, {config.on} images: mean ± sd of {config.seeds} seeds, last epoch",
        ["rule", "accuracy, %", "to backprop [95 %]", "relaxation, %", "cosine", "s per epoch"],
        rows,
        f"relaxation and mean cosine to backprop's update on {WATCHED} of the images",
    )
