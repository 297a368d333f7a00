"""The network of both rules: how it is made, trained and tested."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

from experiments import datasets
from experiments.datasets import Images
from experiments.runner import Run, key

if TYPE_CHECKING:
    import optax
    from jaxtyping import Array, Float, PRNGKeyArray

    from experiments.event_pc import Config
    from neurojax.learning import Fit
    from neurojax.predictive import Hierarchy


def network(channels: int, size: int, key: PRNGKeyArray) -> Hierarchy:
    """3x3 convolutions of stride 2 and a dense layer, ReLU where activities are sent."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    from neurojax.predictive import Categorical, chain

    keys = jax.random.split(key, 3)
    relu, flat = eqx.nn.Lambda(jax.nn.relu), eqx.nn.Lambda(jnp.ravel)
    left = -(-size // 4)  # each convolution halves it, rounded up
    first = eqx.nn.Conv2d(1, channels, 3, 2, 1, key=keys[0])
    second = eqx.nn.Conv2d(channels, 2 * channels, 3, 2, 1, key=keys[1])
    last = eqx.nn.Linear(2 * channels * left**2, datasets.CLASSES, key=keys[2])
    modules = [first, eqx.nn.Sequential([relu, second]), eqx.nn.Sequential([relu, flat, last])]
    return chain(modules, (1, size, size), output=Categorical())


def train(config: Config, run: Run, parts: dict[str, Images], rule: str, seed: int) -> Fit:
    """By predictive coding in errors or by backprop, from the same weights on the same batches."""
    import jax

    from neurojax import predictive

    images = channelled(parts["train"])
    size = images.pixels.shape[-1]
    updates = config.epochs * (len(images.labels) // config.batch_size)
    how = {"steps": config.steps, "step_size": config.step_size} if rule == "pc" else {}
    trainer = partial(
        predictive.finetune,
        network(config.channels, size, key(seed, "initial weights")),
        (images.pixels, jax.nn.one_hot(images.labels, datasets.CLASSES)),
        rule={"pc": "epc", "bp": "bp"}[rule],
        optimizer=adam(config.learning_rate, updates),
        epochs=config.epochs,
        batch_size=config.batch_size,
        key=key(seed, "batches"),
        validation=channelled(parts["validation"]),
        evaluate=evaluate,
        **how,
    )
    return run.fit(f"seed-{seed}/{rule}", trainer)


def channelled(images: Images) -> Images:
    """Of JAX, with an axis for the channel."""
    import jax.numpy as jnp

    return Images(jnp.asarray(images.pixels[:, None]), jnp.asarray(images.labels))


@cache
def adam(learning_rate: float, updates: int) -> optax.GradientTransformation:
    """One object for all fits, which so share one compiled epoch."""
    import optax

    return optax.adam(optax.cosine_decay_schedule(learning_rate, updates))


def evaluate(model: Hierarchy, images: Images) -> dict[str, Float[Array, ""]]:
    from neurojax import predictive

    return {"accuracy": predictive.accuracy(model, images.pixels, images.labels)}
