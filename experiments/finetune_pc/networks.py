"""The classifier of the source task: its shape, its training by backprop, its accuracy."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from experiments import datasets
from experiments.datasets import Images
from experiments.finetune_pc.task import Task
from experiments.runner import Run, key

if TYPE_CHECKING:
    import equinox as eqx
    import optax
    from jaxtyping import Array, Float, PRNGKeyArray

    from experiments.finetune_pc import Config
    from neurojax.learning import Fit
    from neurojax.predictive import Hierarchy


def train_classifier(config: Config, run: Run, task: Task, seed: int) -> Fit:
    """A network, trained by backprop on the source task."""
    from neurojax import learning

    make = {"mlp": multilayer_perceptron, "conv": convolutional}[config.model]
    trainer = partial(
        learning.fit,
        make(config, task.source.pixels.shape[1:], key(seed, "initial weights")),
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


def multilayer_perceptron(config: Config, shape: tuple[int, ...], key: PRNGKeyArray) -> eqx.nn.MLP:
    import equinox as eqx

    return eqx.nn.MLP(
        in_size=shape[0],
        out_size=datasets.CLASSES,
        width_size=config.width,
        depth=config.depth,
        key=key,
    )


def convolutional(config: Config, shape: tuple[int, ...], key: PRNGKeyArray) -> eqx.nn.Sequential:
    """Convolutions of 3x3 with twice the channels in each, each followed by a pool of 2x2, and a
    linear layer."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    keys = jax.random.split(key, config.depth + 1)
    layers, channels, above = [], shape[0], config.channels
    for number in range(config.depth):
        layers += [
            eqx.nn.Conv2d(channels, above, 3, padding=1, key=keys[number]),
            eqx.nn.Lambda(jax.nn.relu),
            eqx.nn.MaxPool2d(2, 2),
        ]
        channels, above = above, 2 * above
    side = [length >> config.depth for length in shape[1:]]
    head = eqx.nn.Linear(channels * side[0] * side[1], datasets.CLASSES, key=keys[-1])
    return eqx.nn.Sequential([*layers, eqx.nn.Lambda(jnp.ravel), head])


@cache
def adam(learning_rate: float) -> optax.GradientTransformation:
    """One object for all seeds, which so share one compiled epoch."""
    import optax

    return optax.adam(learning_rate)


def cross_entropy(model: Any, batch: Images, key: PRNGKeyArray):
    import jax
    import optax

    losses = optax.softmax_cross_entropy_with_integer_labels(
        jax.vmap(model)(batch.pixels), batch.labels
    )
    return losses.mean(), {}


def evaluate_classifier(model: Any, images: dict[str, Images]):
    import jax

    return accuracies(jax.vmap(model), images)


def evaluate_hierarchy(pc: Hierarchy, images: dict[str, Images]):
    import equinox as eqx

    from neurojax import predictive

    return accuracies(partial(eqx.filter_jit(predictive.predict), pc), images)


def accuracies(logits: Callable, images: dict[str, Images]) -> dict[str, Float[Array, ""]]:
    """The fraction of images that `logits` classifies rightly, by name."""
    return {
        name: (logits(x).argmax(axis=1) == labels).mean() for name, (x, labels) in images.items()
    }


def logits_difference(classifier: Any, wrapped: Hierarchy, x: Array) -> float:
    """The largest difference between two networks' logits, relative to the largest logit."""
    import jax

    from neurojax import predictive

    logits = jax.vmap(classifier)(x)
    difference = float(abs(predictive.predict(wrapped, x) - logits).max() / abs(logits).max())
    if not difference <= 1e-5:
        raise RuntimeError(f"wrapping the classifier changed its logits by {difference}")
    return difference
