"""The images of one seed, upright ones to start from, rotated and noisy ones to adapt to; and those
that neither has seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from experiments import datasets
from experiments.datasets import Images
from experiments.runner import generator

if TYPE_CHECKING:
    from experiments.finetune_pc import Config

SHIFTED = 1000  # test images on which the robustness to each shift is measured, at most


class Task(NamedTuple):
    """The images of one seed; those of validation and test are in both tasks."""

    source: Images
    target: Images
    validation: dict[str, Images]
    test: dict[str, Images]


def make_task(config: Config, learn: Images, test: Images, seed: int) -> Task:
    """Split by seed; the test images and their noise are the same for all seeds."""

    def shifted(images: Images, noise: np.random.Generator) -> Images:
        return as_input(config, datasets.shifted(images, config.rotation, config.noise, noise))

    learn = learn.take(generator(seed, "split").permutation(len(learn.labels)))
    few = datasets.of_each_class(learn.labels, config.labels_per_class)
    rest = np.setdiff1d(np.arange(len(learn.labels)), few)
    held_out = learn.take(rest[: config.validation])
    return Task(
        source=as_input(config, learn.take(rest[config.validation :])),
        target=shifted(learn.take(few), generator(seed, "noise")),
        validation={
            "target": shifted(held_out, generator(seed, "validation noise")),
            "source": as_input(config, held_out),
        },
        test={
            "target": shifted(test, generator(0, "test noise")),
            "source": as_input(config, test),
        },
    )


def with_labels(target: Images, count: int) -> Images:
    """As many images as the target task has, but only `count` different ones of each class."""
    chosen = datasets.of_each_class(np.asarray(target.labels), count)
    return target.take(np.resize(chosen, len(target.labels)))


def make_shifts(config: Config, test: Images) -> dict[str, Images]:
    """Test images at other noises and other rotations than the target task's, by name."""
    test = test.take(slice(SHIFTED))
    found = {}
    for name, degrees, noise in shifts(config):
        images = datasets.shifted(test, degrees, noise, generator(0, "test noise"))
        found[name] = as_input(config, images)
    return found


def shifts(config: Config) -> list[tuple[str, float, float]]:
    """The name, the degrees and the noise of each shift."""
    noisy = [(f"noise {noise:g}", config.rotation, noise) for noise in config.noises]
    turned = [(f"rotation {degrees:g}", degrees, config.noise) for degrees in config.rotations]
    return noisy + turned


def as_input(config: Config, images: Images) -> Images:
    """As the model takes them."""
    return images.flat() if config.model == "mlp" else images.channels_first()
