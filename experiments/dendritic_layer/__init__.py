"""Train a layer of neurons with dendrites on images, beside a dense network of as many parameters.

After Chavlis & Poirazi 2025, Nat. Commun. 16, 943: each hidden neuron has branches, and each branch
few fixed inputs, random ones or a patch of the image. Three networks with one hidden layer learn
at the same numbers of parameters; then noise is added to the test images. Each learning rate is the
one at which its networks did best on validation images of digits, seeds 100 to 102, and branches
and synapses were chosen there too; test images took no part in it.
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
    generator,
    in_range,
    key,
    plus_minus,
    positive,
    spread,
)

if TYPE_CHECKING:
    import optax
    from jaxtyping import Array, Float, PRNGKeyArray

    from experiments.dendritic_layer.networks import Classifier
    from neurojax.learning import Fit

KINDS = {
    "dense": "dense",
    "random": "dendrites, random inputs",
    "local": "dendrites, local inputs",
}
DATA_NOTES = {"digits": "scikit-learn digits", "mnist": "MNIST images (not the canonical split)"}


@dataclass(frozen=True)
class Config:
    """Networks of several sizes, each trained from several seeds to a fixed number of epochs."""

    data: Literal["digits", "mnist"] = "digits"
    """scikit-learn's 8x8 digits, or MNIST from $NEUROJAX_DATA/mnist.npz."""
    seeds: int = 3
    """How often everything is repeated: split, connections, initial weights, order of batches."""
    seed: int = 0
    """The first seed; the others follow it."""
    parameters: tuple[int, ...] = (500, 1000, 2000, 4000, 8000)
    """Parameters of a network; each gets as many hidden neurons as that allows."""
    branches: int = 4
    """Branches of a neuron."""
    synapses: int = 8
    """Synapses of a branch."""
    noise: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
    """Standard deviations of noise added to the test images; pixels go from 0 to 1."""
    validation: int = 250
    """Images held out of training, whose accuracy after each epoch is in metrics.jsonl."""
    epochs: int = 60
    """Epochs of training."""
    batch_size: int = 32
    """Images in a batch."""
    learning_rate: float = 3e-3
    """Adam's for the dense networks."""
    dendritic_learning_rate: float = 1e-2
    """Adam's for those with dendrites."""

    def __post_init__(self):
        at_least(self, 1, "seeds", "branches", "synapses", "epochs", "batch_size")
        at_least(self, 0, "seed", "noise")
        at_least(self, 300, "parameters")
        positive(self, "learning_rate", "dendritic_learning_rate")
        in_range(self, 20, 300, "validation")
        in_range(self, 1, 500, "batch_size")
        if self.data == "mnist":
            datasets.data_path("mnist")


def run(config: Config, run: Run) -> dict[str, Any]:
    """Train each kind of network at each size for each seed; summarise over seeds."""
    from experiments.dendritic_layer import figures

    learn, test = datasets.DATA[config.data]()
    run.expect(config.seeds * len(KINDS) * len(config.parameters) * config.epochs)
    results = run.each_seed(config, partial(one_seed, config, run, learn, test))
    summary = summarise(config, results)
    figures.draw(config, run, results)
    tabulate(config, run, summary)
    return summary


def one_seed(config: Config, run: Run, learn: Images, test: Images, seed: int) -> dict[str, Any]:
    """By kind, and in the order of the sizes: parameters, and accuracy [size, noise]."""
    from experiments.dendritic_layer import networks

    train, validation = (x.flat() for x in datasets.split(learn, config.validation, seed))
    tests = [noisy(test, sigma).flat() for sigma in config.noise]
    results = {}
    for kind in KINDS:
        fits = [
            fit(config, run, (train, validation), seed, kind, learn.pixels.shape[1:], size)
            for size in config.parameters
        ]
        results[kind] = {
            "parameters": [networks.count(each.model) for each in fits],
            "accuracy": [[accuracy()(each.model, images) for images in tests] for each in fits],
            "validation": [each.history[-1]["validation/accuracy"] for each in fits],
        }
    return results


def noisy(images: Images, sigma: float) -> Images:
    """With Gaussian noise on each pixel, the same draw for all seeds, not clipped."""
    draw = generator(0, "test noise").standard_normal(images.pixels.shape)
    return Images((images.pixels + sigma * draw).astype(np.float32), images.labels)


def fit(
    config: Config,
    run: Run,
    images: tuple[Images, Images],
    seed: int,
    kind: str,
    shape: tuple[int, int],
    size: int,
) -> Fit:
    import jax
    import jax.numpy as jnp

    from experiments.dendritic_layer import networks
    from neurojax import learning

    train, validation = jax.tree.map(jnp.asarray, images)
    rate = config.learning_rate if kind == "dense" else config.dendritic_learning_rate
    trainer = partial(
        learning.fit,
        networks.build(kind, config, shape, size, key(seed, "network")),
        train,
        learning.by_backprop(cross_entropy),
        optimizer=adam(rate),
        epochs=config.epochs,
        batch_size=config.batch_size,
        key=key(seed, "batches"),
        validation=validation,
        evaluate=evaluate,
    )
    return run.fit(f"seed-{seed}/{kind}-{size}", trainer)


@cache
def adam(learning_rate: float) -> optax.GradientTransformation:
    """One object for all seeds, which so share compiled epochs."""
    import optax

    return optax.adam(learning_rate)


def cross_entropy(model: Classifier, batch: Images, key: PRNGKeyArray):
    import jax
    import optax

    logits = jax.vmap(model)(batch.pixels)
    return optax.softmax_cross_entropy_with_integer_labels(logits, batch.labels).mean(), {}


def evaluate(model: Classifier, images: Images) -> dict[str, Float[Array, ""]]:
    """The fraction of images that are classified rightly."""
    import jax

    return {"accuracy": (jax.vmap(model)(images.pixels).argmax(axis=1) == images.labels).mean()}


@cache
def accuracy() -> Any:
    """`evaluate` of test images, compiled once for each size."""
    import equinox as eqx

    compiled = eqx.filter_jit(evaluate)
    return lambda model, images: float(compiled(model, images)["accuracy"])


def summarise(config: Config, results: list[dict[str, Any]]) -> dict[str, Any]:
    """Spreads over seeds of the accuracy on test images after the last epoch."""

    def spreads(kind: str, size: int) -> list[dict[str, Any]]:
        return [
            spread([result[kind]["accuracy"][size][level] for result in results])
            for level in range(len(config.noise))
        ]

    sizes = range(len(config.parameters))
    summary: dict[str, Any] = {
        kind: {
            "parameters": results[0][kind]["parameters"],
            "accuracy [size][noise]": [spreads(kind, size) for size in sizes],
            "validation": [
                spread([result[kind]["validation"][size] for result in results]) for size in sizes
            ],
        }
        for kind in KINDS
    }
    summary["data"] = DATA_NOTES[config.data]
    summary["equal accuracy"] = at_equal_accuracy(summary)
    return summary


def at_equal_accuracy(summary: dict[str, Any]) -> dict[str, Any]:
    """Parameters that each kind needs for the highest accuracy that all of them reach, on a line
    between the sizes on a logarithmic axis; of the means over seeds, on images without noise."""
    curves = {
        kind: np.maximum.accumulate(
            [levels[0]["mean"] for levels in summary[kind]["accuracy [size][noise]"]]
        )
        for kind in KINDS
    }
    accuracy = min(curve[-1] for curve in curves.values())
    needed = {
        kind: reached(curve, np.array(summary[kind]["parameters"]), accuracy)
        for kind, curve in curves.items()
    }
    return {"accuracy": accuracy, "parameters": needed}


def reached(curve: np.ndarray, parameters: np.ndarray, accuracy: float) -> float:
    """Where a curve that never falls first reaches an accuracy that it does reach."""
    after = int(np.argmax(curve >= accuracy))
    if after == 0:
        return float(parameters[0])
    part = (accuracy - curve[after - 1]) / (curve[after] - curve[after - 1])
    low, high = np.log(parameters[after - 1]), np.log(parameters[after])
    return float(np.exp(low + part * (high - low)))


def tabulate(config: Config, run: Run, summary: dict[str, Any]) -> None:
    rows = []
    for size, parameters in enumerate(config.parameters):
        clean = [summary[kind]["accuracy [size][noise]"][size][0] for kind in KINDS]
        rows.append([f"{parameters} parameters", *(plus_minus(each, 100) for each in clean)])
    for level, sigma in enumerate(config.noise):
        largest = [summary[kind]["accuracy [size][noise]"][-1][level] for kind in KINDS]
        if sigma > 0:
            rows.append([f"the largest, noise {sigma:g}", *(plus_minus(x, 100) for x in largest)])
    equal = summary["equal accuracy"]
    needed = [f"{equal['parameters'][kind]:.0f}" for kind in KINDS]
    rows.append([f"parameters for {100 * equal['accuracy']:.1f} %", *needed])
    run.table(
        f"{summary['data']}: mean ± sd of {config.seeds} seeds, epoch {config.epochs}",
        ["accuracy on test images, %", *KINDS.values()],
        rows,
        f"a neuron has {config.branches} branches of {config.synapses} synapses",
    )
