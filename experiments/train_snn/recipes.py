"""What a task is: its data, the networks that are compared on it, their budget and their score."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from jaxtyping import Array

    from experiments.runner import Run
    from experiments.train_snn import Config
    from neurojax.metrics import EnergyEstimate


class Data(NamedTuple):
    """Arrays, samples first."""

    learn: Any
    held_out: Any
    """The validation split, scored after each epoch."""
    measured: Any
    """Of what results are: the test, or the validation split where that is asked for."""


@dataclass(frozen=True)
class Recipe:
    """A task; recipes were chosen on validation data with seeds from 100 on."""

    networks: Mapping[str, Callable[[Any], Any]]
    """By name, each of a key; the spiking one first."""
    data: Callable[[Config, int], Data]
    """Of a seed."""
    loss: Callable[[Any, Any, Any], tuple[Array, dict[str, Array]]]
    """Of a model, a batch and a key, with metrics: what `learning.by_backprop` takes."""
    evaluate: Callable[[Any, Any], dict[str, Array]]
    """Of a model and data: `score` among others."""
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 0.0
    augment: Callable | None = None
    """Of a batch and a key, as `learning.fit` takes it."""
    score: str = "accuracy"
    energy: Callable[[Any, Any], EnergyEstimate] | None = None
    """Of a model and data: what a sample takes."""
    draw: Callable[[Run, Mapping[str, Any], Any], None] | None = None
    """Figures and tables of the task's own, of the first seed's models and the data measured."""
    closed_form: Mapping[str, Callable[[Any, Any], Any]] = field(default_factory=dict)
    """Of networks that no gradient trains: the trained model, of a model and the data to learn
    from."""
