"""Photographs in colour, by a spiking residual network and its conventional twin.

Twins have the same layers, initial weights, batches, optimizer and number of epochs.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments.datasets import Images
from experiments.recipes import augmentation
from experiments.train_snn import images
from experiments.train_snn.recipes import Data, Recipe
from models import spiking_resnet as models

if TYPE_CHECKING:
    from jaxtyping import Array

    from experiments.runner import Run
    from experiments.train_snn import Config

CHANNELS = (64, 96, 192)
STEPS = 2


class Measured(NamedTuple):
    """Images, and some of those learned from, of which the statistics of normalisations are."""

    images: Images
    learned: Any


def data(config: Config, seed: int) -> Data:
    of = images.data(config, seed, name="cifar")
    learned = of.learn.pixels[:500]
    return Data(of.learn, *(Measured(x, learned) for x in (of.held_out, of.measured)))


def evaluate(model: models.ResNet, data: Measured) -> dict[str, Array]:
    return images.evaluate(model.trained(data.learned), data.images)


def energy(model: models.ResNet, data: Measured) -> Any:
    return images.energy(model.trained(data.learned), data.images)


def draw(run: Run, networks: Mapping[str, models.ResNet], data: Measured) -> None:
    """How many times the spiking network's energy its twin takes, on all hardware that has a price
    for what both do."""
    from neurojax.metrics import HARDWARE, compare_energies, estimate_energy

    if len(networks) < 2:
        return
    layers = {name: energy(model, data).layers for name, model in networks.items()}
    rows = []
    for hardware in HARDWARE.values():
        if hardware.mac and hardware.ac:
            estimates = {name: estimate_energy(x, hardware) for name, x in layers.items()}
            ratio = compare_energies(estimates).ratio("conventional", "spiking")
            rows.append([hardware.name, *(f"{x:.2f}" for x in ratio)])
    run.table(
        "energy of the twin, in that of the spiking network",
        ["hardware", "least", "most"],
        rows,
        "of one seed, for all prices published",
    )


CIFAR = Recipe(
    networks={
        "spiking": partial(models.spiking_resnet, CHANNELS, STEPS),
        "conventional": partial(models.conventional_resnet, CHANNELS),
    },
    data=data,
    loss=images.loss,
    evaluate=evaluate,
    epochs=24,
    batch_size=100,
    learning_rate=4e-3,
    weight_decay=1e-2,
    augment=augmentation((3, 32, 32), 4, mirrored=True),
    energy=energy,
    draw=draw,
)
