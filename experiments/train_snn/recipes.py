"""What is trained on what, and how: one recipe for each task, chosen on validation images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from models import spiking_classifiers as models


@dataclass(frozen=True)
class Recipe:
    """A task: its data, the networks that are compared on it, their budget."""

    data: str
    networks: Mapping[str, Callable[[Any], Any]]
    """By name, each of a key; the spiking one first."""
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 0.0
    image: tuple[int, int, int] = (1, 8, 8)
    """Channels, height, width."""
    flat: bool = False
    shift: int = 0
    """Pixels by which images move at random in training."""
    mirrored: bool = False


def pair(spiking: Callable, conventional: Callable, steps: int, *shape: Any) -> dict[str, Callable]:
    """A spiking network and its twin, of one shape."""
    return {
        "spiking": partial(lambda key, of: of(*shape, steps, key), of=spiking),
        "conventional": partial(lambda key, of: of(*shape, key), of=conventional),
    }


RECIPES = {
    "digits": Recipe(
        data="digits",
        networks=pair(models.dense, models.conventional_dense, 8, (64, 256, 256, 10)),
        epochs=60,
        batch_size=32,
        learning_rate=2e-3,
        weight_decay=1e-2,
        flat=True,
        shift=1,
    ),
    "mnist": Recipe(
        data="mnist",
        networks=pair(
            models.convolutional,
            models.conventional_convolutional,
            4,
            (1, 28, 28),
            (16, 32),
            10,
        ),
        epochs=15,
        batch_size=100,
        learning_rate=2e-3,
        weight_decay=1e-2,
        image=(1, 28, 28),
        shift=2,
    ),
}
