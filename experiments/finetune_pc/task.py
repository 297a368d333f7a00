"""The images of one seed: upright digits to start from, rotated and noisy ones to adapt to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from experiments import datasets
from experiments.datasets import Images
from experiments.runner import generator

if TYPE_CHECKING:
    from experiments.finetune_pc import Config


class Task(NamedTuple):
    """The flat images of one seed; those of validation and test are in both tasks."""

    source: Images
    target: Images
    validation: dict[str, Images]
    test: dict[str, Images]


def make_task(config: Config, learn: Images, test: Images, seed: int) -> Task:
    """Split by seed; the test images and their noise are the same for all seeds."""

    def shifted(images: Images, noise: np.random.Generator) -> Images:
        return datasets.shifted(images, config.rotation, config.noise, noise).flat()

    learn = learn.take(generator(seed, "split").permutation(len(learn.labels)))
    few = datasets.of_each_class(learn.labels, config.labels_per_class)
    rest = np.setdiff1d(np.arange(len(learn.labels)), few)
    held_out = learn.take(rest[: config.validation])
    return Task(
        source=learn.take(rest[config.validation :]).flat(),
        target=shifted(learn.take(few), generator(seed, "noise")),
        validation={
            "target": shifted(held_out, generator(seed, "validation noise")),
            "source": held_out.flat(),
        },
        test={"target": shifted(test, generator(0, "test noise")), "source": test.flat()},
    )
