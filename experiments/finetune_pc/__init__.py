"""Fine-tune a trained digit classifier by predictive coding and by backprop, side by side.

The default learning rate is the one at which backprop did best on the validation images of seeds
100 to 103. The test images are the same for all seeds and took no part in that; how far the task is
shifted was chosen earlier, on other splits of the same images.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from experiments import datasets
from experiments.datasets import Images
from experiments.finetune_pc.task import Task, make_task
from experiments.runner import (
    Run,
    at_least,
    in_range,
    interval,
    key,
    plus_minus,
    positive,
    spread,
)

if TYPE_CHECKING:
    import equinox as eqx
    import optax
    from jaxtyping import Array, Float, Int, PRNGKeyArray

    from neurojax.learning import Fit
    from neurojax.predictive import Hierarchy

RULES = {"pc": "predictive coding", "bp": "backprop"}
STAGES = ("before", *RULES)
TASKS = {"target": "target: rotated, noisy digits", "source": "source: upright digits"}
DATA_NOTES = {"digits": "scikit-learn digits", "mnist": "MNIST images (not the canonical split)"}
ENERGY_BATCH = 100  # images of the target test on which the hierarchy is watched while it settles


@dataclass(frozen=True)
class Config:
    """A classifier of upright digits meets rotated, noisy ones with few labels."""

    data: Literal["digits", "mnist"] = "digits"
    """scikit-learn's 8x8 digits, or MNIST from $NEUROJAX_DATA/mnist.npz."""
    seeds: int = 5
    """How often everything is repeated: split, initial weights and order of the batches."""
    seed: int = 0
    """The first seed; the others follow it."""
    width: int = 128
    """Neurons in each hidden layer."""
    depth: int = 2
    """Hidden layers."""
    source_epochs: int = 20
    """Epochs of the classifier that is fine-tuned afterwards."""
    source_learning_rate: float = 1e-3
    """Adam's learning rate for these."""
    rotation: float = 45.0
    """Degrees by which the target task turns its digits."""
    noise: float = 0.2
    """Standard deviation of the target task's pixel noise; pixels go from 0 to 1."""
    labels_per_class: int = 20
    """Images target images of each digit."""
    validation: int = 250
    """Images held out of training, on which the learning curves are drawn."""
    epochs: int = 60
    """Epochs of fine-tuning, the same for both rules."""
    batch_size: int = 20
    """Images in a batch, for the classifier and both rules."""
    learning_rate: float = 3e-3
    """Adam's learning rate for fine-tuning, the same for both rules."""
    steps: int = 50
    """Inference steps of predictive coding before each update of the weights."""
    step_size: float = 0.04
    """Size of an inference step. Settling diverges when it is too large for the weights: the
    relaxation of the table is then negative."""

    def __post_init__(self):
        at_least(
            self, 1, "seeds", "width", "depth", "source_epochs", "epochs", "batch_size", "steps"
        )
        at_least(self, 0, "seed", "noise")
        positive(self, "source_learning_rate", "learning_rate", "step_size")
        in_range(self, -180, 180, "rotation")
        # leaves hundreds of the 1,297 digits to learn the source task from
        in_range(self, 1, 40, "labels_per_class")
        in_range(self, 20, 300, "validation")
        labels = self.labels_per_class * datasets.CLASSES
        if self.batch_size > labels:
            raise ValueError(
                f"--batch-size must be at most the {labels} target labels, got {self.batch_size}"
            )
        if self.data == "mnist":
            datasets.mnist_path()


def run(config: Config, run: Run) -> dict[str, Any]:
    """Train, wrap, fine-tune by both rules and measure, for each seed; summarise over seeds."""
    from experiments.finetune_pc import figures

    learn, test = datasets.DATA[config.data]()
    run.expect(config.seeds * (config.source_epochs + len(RULES) * config.epochs))
    results = [
        run.stage(f"seed-{seed}", partial(one_seed, config, run, learn, test, seed))
        for seed in range(config.seed, config.seed + config.seeds)
    ]
    summary = summarise(config, results)
    figures.draw_all(config, run, results)
    tabulate(config, run, summary)
    return summary


def one_seed(config: Config, run: Run, learn: Images, test: Images, seed: int) -> dict[str, Any]:
    """Everything measured with one seed: before fine-tuning, and after it by each rule."""
    import jax
    import jax.numpy as jnp

    from neurojax import predictive

    task = jax.tree.map(jnp.asarray, make_task(config, learn, test, seed))
    classifier = train_classifier(config, run, task, seed)
    start = predictive.from_backprop(classifier.model)
    result = {
        "logits_difference": logits_difference(classifier.model, start, task.test["target"].pixels),
        "before": measure(config, start, task) | {"validation": validation(classifier)},
    }
    for rule in RULES:
        tuned = finetune(config, run, start, task, rule, seed)
        result[rule] = measure(config, tuned.model, task) | {"validation": validation(tuned)}
    return result


def train_classifier(config: Config, run: Run, task: Task, seed: int) -> Fit:
    """A multilayer perceptron, trained by backprop on the source task."""
    import equinox as eqx

    from neurojax import learning

    model = eqx.nn.MLP(
        in_size=task.source.pixels.shape[1],
        out_size=datasets.CLASSES,
        width_size=config.width,
        depth=config.depth,
        key=key(seed, "initial weights"),
    )
    trainer = partial(
        learning.fit,
        model,
        task.source,
        learning.by_backprop(cross_entropy),
        optimizer=adam(config.source_learning_rate),
        epochs=config.source_epochs,
        batch_size=config.batch_size,
        key=key(seed, "source batches"),
        validation=task.validation,
        evaluate=evaluate_classifier,
    )
    return run.fit(f"seed-{seed}/classifier", trainer)


def finetune(config: Config, run: Run, start: Hierarchy, task: Task, rule: str, seed: int) -> Fit:
    """Both rules get the same start, batches, optimizer and number of updates."""
    from neurojax import predictive

    trainer = partial(
        predictive.finetune,
        start,
        (task.target.pixels, one_hot(task.target.labels)),
        rule=rule,
        optimizer=adam(config.learning_rate),
        epochs=config.epochs,
        batch_size=config.batch_size,
        key=key(seed, "target batches"),
        steps=config.steps,
        step_size=config.step_size,
        validation=task.validation,
        evaluate=evaluate_hierarchy,
    )
    return run.fit(f"seed-{seed}/{rule}", trainer)


@cache
def adam(learning_rate: float) -> optax.GradientTransformation:
    """One object for all seeds, which so share one compiled epoch."""
    import optax

    return optax.adam(learning_rate)


def one_hot(labels: Int[Array, " image"]) -> Float[Array, "image class"]:
    import jax

    return jax.nn.one_hot(labels, datasets.CLASSES)


def cross_entropy(model: eqx.nn.MLP, batch: Images, key: PRNGKeyArray):
    import jax
    import optax

    losses = optax.softmax_cross_entropy_with_integer_labels(
        jax.vmap(model)(batch.pixels), batch.labels
    )
    return losses.mean(), {}


def evaluate_classifier(model: eqx.nn.MLP, images: dict[str, Images]):
    import jax

    return accuracies(jax.vmap(model), images)


def evaluate_hierarchy(pc: Hierarchy, images: dict[str, Images]):
    from neurojax import predictive

    return accuracies(partial(predictive.predict, pc), images)


def accuracies(logits: Callable, images: dict[str, Images]) -> dict[str, Float[Array, ""]]:
    """The fraction of images that `logits` classifies rightly, by task."""
    return {
        name: (logits(x).argmax(axis=1) == labels).mean() for name, (x, labels) in images.items()
    }


def validation(fit: Fit) -> dict[str, list[float]]:
    """Accuracy on the validation images after each epoch, by task."""
    return {name: [record[f"validation/{name}"] for record in fit.history] for name in TASKS}


def logits_difference(classifier: eqx.nn.MLP, wrapped: Hierarchy, x: Array) -> float:
    """The largest difference between two networks' logits, relative to the largest logit."""
    import jax

    from neurojax import predictive

    logits = jax.vmap(classifier)(x)
    difference = float(abs(predictive.predict(wrapped, x) - logits).max() / abs(logits).max())
    if not difference <= 1e-5:
        raise RuntimeError(f"wrapping the classifier changed its logits by {difference}")
    return difference


def measure(config: Config, pc: Hierarchy, task: Task) -> dict[str, Any]:
    """Accuracies on the test images, and how the hierarchy settles on a batch of these.

    Energies are [inference step, layer], of a mean image; relaxation is in percent.
    """
    from neurojax import predictive

    x, labels = task.test["target"].take(slice(ENERGY_BATCH))
    settling = predictive.diagnose(
        pc, x, one_hot(labels), steps=config.steps, step_size=config.step_size
    )
    return {
        "accuracy": evaluate_hierarchy(pc, task.test),
        "energy": settling.energy_trace,
        "relaxation": settling.relaxation,
        "cosine": settling.cosine,
    }


def summarise(config: Config, results: list[dict[str, Any]]) -> dict[str, Any]:
    layers = range(len(results[0]["before"]["cosine"]))
    return {
        "data": DATA_NOTES[config.data],
        "updates": config.epochs * updates_per_epoch(config),
        "test accuracy": {
            task: compare(results, lambda measured, task=task: measured["accuracy"][task])
            for task in TASKS
        },
        "relaxation, percent": compare(results, lambda measured: measured["relaxation"]),
        "cosine to backprop": [
            compare(results, lambda measured, layer=layer: measured["cosine"][layer])
            for layer in layers
        ],
        "energy [inference step, layer]": {
            stage: np.mean([result[stage]["energy"] for result in results], axis=0)
            for stage in STAGES
        },
    }


def compare(results: list[dict[str, Any]], pick: Callable[[dict[str, Any]], float]):
    """The spread of one measured number over seeds, and of its difference seed by seed."""
    values = {stage: [pick(result[stage]) for result in results] for stage in STAGES}
    values["pc - bp"] = [pc - bp for pc, bp in zip(values["pc"], values["bp"], strict=True)]
    return {name: spread(each) for name, each in values.items()}


def updates_per_epoch(config: Config) -> int:
    return config.labels_per_class * datasets.CLASSES // config.batch_size


def tabulate(config: Config, run: Run, summary: dict[str, Any]) -> None:
    def row(name: str, compared: dict[str, Any], scale: float = 1.0, digits: int = 1) -> list[str]:
        each = [plus_minus(compared[stage], scale, digits) for stage in STAGES]
        return [name, *each, interval(compared["pc - bp"], scale, digits)]

    rows = [
        row(f"{task} accuracy, %", compared, scale=100)
        for task, compared in summary["test accuracy"].items()
    ]
    rows.append(row("relaxation, %", summary["relaxation, percent"]))
    for layer, compared in enumerate(summary["cosine to backprop"], start=1):
        rows.append(row(f"cosine, layer {layer}", compared, digits=2))
    rows.append(["ms per epoch", "", *epoch_times(config, run), ""])
    run.table(
        f"{summary['data']}: mean ± sd of {config.seeds} seeds, {summary['updates']} updates",
        ["on test images", "before", *RULES.values(), "difference [95 %]"],
        rows,
        f"cosine: of the weights' updates to backprop's; an epoch is {updates_per_epoch(config)} "
        "updates, evaluation and checkpoint",
    )


def epoch_times(config: Config, run: Run) -> list[str]:
    """Of each rule, over seeds: the median epoch, which leaves compiling out."""
    seeds = range(config.seed, config.seed + config.seeds)
    return [
        plus_minus(spread([1000 * np.median(run.seconds(f"seed-{seed}/{rule}")) for seed in seeds]))
        for rule in RULES
    ]
