"""Classification of images by spiking networks and their conventional twins: digits and MNIST.

Twins have the same layers, initial weights, batches, optimizer and number of epochs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from experiments import datasets
from experiments.datasets import Images
from experiments.recipes import augmentation, distortion
from experiments.train_snn.recipes import Data, Recipe
from models import spiking_classifiers as models

if TYPE_CHECKING:
    from jaxtyping import Array, Float, PRNGKeyArray

    from experiments.runner import Run
    from experiments.train_snn import Config


def data(config: Config, seed: int, name: str, flat: bool = False) -> Data:
    """A tenth of the images to learn from is the validation split, unless another share is asked
    for."""
    learn, test = datasets.DATA[name]()
    held = config.validation or len(learn.labels) // 10
    learn, held_out = datasets.split_to(learn, held, config.train, seed)
    measured = held_out if config.on == "validation" else test
    return Data(*(datasets.normalised(name, x, flat) for x in (learn, held_out, measured)))


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


def pair(spiking: Callable, conventional: Callable, steps: int, *shape: Any) -> dict[str, Callable]:
    """A spiking network and its twin, of one shape."""
    return {
        "spiking": partial(spiking, *shape, steps),
        "conventional": partial(conventional, *shape),
    }


def energy(model: Any, images: Images) -> Any:
    """What an image takes: the stem once, then the network in each step."""
    import equinox as eqx

    import neurojax as nj
    from neurojax.metrics import estimate_energy

    pixels = images.pixels[:500]
    if isinstance(model, models.Classifier):
        return nj.energy(list(model.layers), pixels)
    stem = model.stem if isinstance(model.stem, eqx.nn.Sequential) else [model.stem]
    stem = nj.energy(stem, pixels)
    network = nj.energy(model.network, model.current(pixels))
    layers = {f"stem {name}": x for name, x in stem.layers.items()} | dict(network.layers)
    return estimate_energy(layers, network.hardware)


def draw(run: Run, networks: Mapping[str, Any], images: Images) -> None:
    """The spiking network and the first image."""
    from experiments.train_snn.figures import draw_activity

    model = networks.get("spiking")
    if model is not None:
        title = f"one image, class {int(images.labels[0])}"
        draw_activity(run, model.network, model.current(images.pixels[:1]), title)


DIGITS_BACKGROUND = -datasets.MOMENTS["digits"][0] / datasets.MOMENTS["digits"][1]

DIGITS = Recipe(
    networks=pair(models.dense, models.conventional_dense, 8, (64, 512, 512, 10)),
    data=partial(data, name="digits", flat=True),
    loss=loss,
    evaluate=evaluate,
    epochs=200,
    batch_size=32,
    learning_rate=2e-3,
    weight_decay=1e-2,
    augment=distortion((8, 8), turn=0.1, scale=0.1, shift=0.5, background=DIGITS_BACKGROUND),
    energy=energy,
    draw=draw,
)
MNIST = Recipe(
    networks=pair(
        models.convolutional, models.conventional_convolutional, 4, (1, 28, 28), (32, 64), 10
    ),
    data=partial(data, name="mnist"),
    loss=loss,
    evaluate=evaluate,
    epochs=20,
    batch_size=50,
    learning_rate=1e-2,
    weight_decay=1e-2,
    augment=augmentation((1, 28, 28), 2, mirrored=False),
    energy=energy,
    draw=draw,
)
