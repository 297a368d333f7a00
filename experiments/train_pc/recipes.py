"""What is trained on what, and how: one recipe for each task, chosen on validation images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from experiments.train_pc import networks

RULES = {
    "pc": "predictive coding",
    "epc": "in errors (ePC)",
    "ipc": "incremental",
    "pn": "positive nudging",
    "nn": "negative nudging",
    "cn": "centred nudging",
    "ep": "equilibrium propagation",
    "bp": "backprop",
}

MNIST, CIFAR = (1, 28, 28), (3, 32, 32)


@dataclass(frozen=True)
class Recipe:
    """A task: its data, its network, its budget, and what each rule needs."""

    data: str
    network: Callable[[Any], Any]
    """Of a key."""
    rules: tuple[str, ...]
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
    fields: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    """Of a rule, beside its defaults."""


CONVOLUTIONAL = {
    "pc": {"steps": 12},
    "epc": {"steps": 4},
    "ipc": {"steps": 6},
    **{rule: {"steps": 4, "coordinates": "errors"} for rule in ("pn", "nn", "cn", "ep")},
}

RECIPES = {
    "digits": Recipe(
        data="digits",
        network=partial(networks.dense, (64, 128, 128, 10)),
        rules=("pc", "bp"),
        epochs=20,
        batch_size=32,
        learning_rate=2e-3,
        flat=True,
    ),
    "mnist-mlp": Recipe(
        data="mnist",
        network=partial(networks.dense, (784, 512, 512, 10)),
        rules=("pc", "epc", "bp"),
        epochs=30,
        batch_size=100,
        learning_rate=1e-3,
        weight_decay=0.3,
        image=MNIST,
        flat=True,
        shift=1,
        fields={"pc": {"steps": 20, "step_size": 0.01}, "epc": {"steps": 5, "step_size": 0.02}},
    ),
    "mnist-conv": Recipe(
        data="mnist",
        network=partial(networks.convolutional, MNIST, ((16, 2), (32, 2), (64, 1)), 10),
        rules=("epc", "bp"),
        epochs=15,
        batch_size=100,
        learning_rate=2e-3,
        weight_decay=1e-2,
        image=MNIST,
        shift=2,
        fields={"epc": {"steps": 4, "step_size": 0.03}},
    ),
    "cifar": Recipe(
        data="cifar",
        network=partial(networks.convolutional, CIFAR, ((16, 2), (32, 2), (64, 2), (64, 2)), 10),
        rules=tuple(RULES),
        epochs=12,
        batch_size=100,
        learning_rate=2e-3,
        weight_decay=1e-2,
        image=CIFAR,
        shift=3,
        mirrored=True,
        fields=CONVOLUTIONAL,
    ),
    "deep-32": Recipe(
        data="digits",
        network=partial(networks.deep, 64, 128, 10, 32),
        rules=("epc", "bp"),
        epochs=30,
        batch_size=32,
        learning_rate=1e-2,
        flat=True,
        fields={"epc": {"steps": 8, "step_size": 0.1}},
    ),
    "deep-64": Recipe(
        data="digits",
        network=partial(networks.deep, 64, 128, 10, 64),
        rules=("epc", "bp"),
        epochs=30,
        batch_size=32,
        learning_rate=1e-2,
        flat=True,
        fields={"epc": {"steps": 8, "step_size": 0.1}},
    ),
}
