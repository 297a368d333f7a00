"""Train spiking networks and their conventional twins, and measure what both compute.

Both have the same layers, initial weights, batches, optimizer and number of epochs. Recipes were
chosen on validation images with seeds 100 to 102; test images took no part in it, and accuracies
are those after the last epoch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from experiments import datasets
from experiments.datasets import Images
from experiments.runner import Run, at_least, interval, key, plus_minus, positive, seeds_of, spread

if TYPE_CHECKING:
    from jaxtyping import Array, Float, PRNGKeyArray

    from experiments.train_snn.recipes import Recipe
    from neurojax.learning import Fit


@dataclass(frozen=True)
class Config:
    """A recipe's networks, once for each seed."""

    task: Literal["digits", "mnist"] = "digits"
    """Data and networks: `recipes.py` has them; mnist is read from $NEUROJAX_DATA."""
    networks: tuple[Literal["spiking", "conventional"], ...] = ("spiking", "conventional")
    """What is trained."""
    seeds: int = 3
    """How often everything is repeated: split, initial weights and order of the batches."""
    seed: int = 0
    """The first seed; the others follow it."""
    epochs: int | None = None
    """The recipe's unless given, as is the following."""
    learning_rate: float | None = None
    """AdamW's at its highest; it falls to zero by a cosine."""
    train: int | None = None
    """Images to learn from: all that are not for validation unless given."""
    validation: int = 0
    """Images held out of training; a tenth unless given."""
    on: Literal["test", "validation"] = "test"
    """What accuracies are of; recipes are chosen on validation images."""

    def __post_init__(self):
        at_least(self, 1, "seeds")
        at_least(self, 0, "seed", "validation")
        at_least(self, 1, *(n for n in ("epochs", "train") if getattr(self, n) is not None))
        if self.learning_rate is not None:
            positive(self, "learning_rate")
        if not self.networks or len(set(self.networks)) < len(self.networks):
            raise ValueError(f"--networks must differ, got {' '.join(self.networks) or 'none'}")


def run(config: Config, run: Run) -> dict[str, Any]:
    """Train and measure each network for each seed; summarise over seeds."""
    from experiments.train_snn import figures
    from experiments.train_snn.recipes import RECIPES

    recipe = RECIPES[config.task]
    learn, test = datasets.DATA[recipe.data]()
    run.expect(config.seeds * len(config.networks) * (config.epochs or recipe.epochs))
    results = run.each_seed(config, partial(one_seed, config, recipe, run, learn, test))
    summary = summarise(config, results)
    figures.draw_all(config, run, results)
    tabulate(config, run, summary)
    return summary


def one_seed(
    config: Config, recipe: Recipe, run: Run, learn: Images, test: Images, seed: int
) -> dict[str, Any]:
    """Every network on the same images."""
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
    found = {}
    for name in config.networks:
        model = recipe.networks[name](key(seed, "initial weights"))
        fit = train(config, recipe, run, f"seed-{seed}/{name}", model, learn, held_out, seed)
        found[name] = measure(fit, measured)
    return found


def train(
    config: Config,
    recipe: Recipe,
    run: Run,
    name: str,
    model: Any,
    learn: Images,
    held_out: Images,
    seed: int,
) -> Fit:
    from experiments.recipes import adam, augmentation
    from neurojax.learning import by_backprop, fit

    epochs = config.epochs or recipe.epochs
    updates = epochs * (len(learn.labels) // recipe.batch_size)
    rate = config.learning_rate or recipe.learning_rate
    trainer = partial(
        fit,
        model,
        learn,
        by_backprop(loss),
        optimizer=adam(rate, recipe.weight_decay, updates),
        epochs=epochs,
        batch_size=recipe.batch_size,
        key=key(seed, "batches"),
        trainable=trainable(model),
        augment=augmentation(recipe.image, recipe.shift, recipe.mirrored),
        validation=held_out,
        evaluate=evaluate,
    )
    return run.fit(name, trainer)


def trainable(model: Any) -> Any:
    """Weights and biases, and no constants of neurons."""
    import equinox as eqx
    import jax

    from neurojax import System

    def of(part: Any) -> Any:
        return jax.tree.map(
            lambda x: eqx.is_inexact_array(x) and not isinstance(part, System), part
        )

    return jax.tree.map(of, model, is_leaf=lambda x: isinstance(x, System))


def loss(model: Any, batch: Images, key: PRNGKeyArray) -> tuple[Float[Array, ""], dict[str, Array]]:
    import jax.numpy as jnp
    import optax

    pixels, labels = batch
    logits = model.logits(pixels)
    cost = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
    return cost, {"accuracy": jnp.mean(jnp.argmax(logits, -1) == labels)}


def evaluate(model: Any, images: Images) -> dict[str, Array]:
    """Accuracy, a part of the images at a time."""
    import jax
    import jax.numpy as jnp

    def given(pixels: Array) -> Array:
        return jnp.argmax(model.logits(pixels[None])[0])

    classes = jax.lax.map(given, images.pixels, batch_size=200)
    return {"accuracy": jnp.mean(classes == images.labels)}


def measure(fit: Fit, images: Images) -> dict[str, Any]:
    """Accuracy after the last epoch."""
    import equinox as eqx

    return {
        "accuracy": eqx.filter_jit(evaluate)(fit.model, images)["accuracy"],
        "curve": [record["validation/accuracy"] for record in fit.history],
    }


def summarise(config: Config, results: list[dict[str, Any]]) -> dict[str, Any]:
    """Spreads over seeds, by network, and of the difference between both."""
    summary = {}
    for name in config.networks:
        summary[name] = {"accuracy": spread([result[name]["accuracy"] for result in results])}
    if len(config.networks) > 1:
        first, last = config.networks[0], config.networks[-1]
        apart = [result[first]["accuracy"] - result[last]["accuracy"] for result in results]
        summary["difference"] = spread(apart)
    return summary


def tabulate(config: Config, run: Run, summary: dict[str, Any]) -> None:
    rows = []
    for name in config.networks:
        epoch = [np.median(run.seconds(f"seed-{seed}/{name}")) for seed in seeds_of(config)]
        rows.append(
            [
                name,
                plus_minus(summary[name]["accuracy"], 100, 2),
                plus_minus(spread(epoch), digits=2),
            ]
        )
    if "difference" in summary:
        rows.append(["difference [95 %]", interval(summary["difference"], 100, 2), ""])
    run.table(
        f"{config.task}, {config.on} images: mean ± sd of {config.seeds} seeds, last epoch",
        ["network", "accuracy, %", "s per epoch"],
        rows,
        "differences in points",
    )
