"""One fine-tuning by one rule, and what is measured after it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from experiments import datasets
from experiments.datasets import Images
from experiments.finetune_pc import rules
from experiments.finetune_pc.networks import adam, evaluate_hierarchy
from experiments.finetune_pc.task import Task, with_labels
from experiments.runner import Run, key

if TYPE_CHECKING:
    from jaxtyping import Array, Float, Int

    from experiments.finetune_pc import Config
    from neurojax.learning import Fit
    from neurojax.predictive import Hierarchy

ENERGY_BATCH = 100  # images of the target test on which the hierarchy is watched while it settles


def finetune(config: Config, run: Run, start: Hierarchy, task: Task, rule: str, seed: int) -> Fit:
    """All rules get the same start, batches and optimizer, and the same budget."""
    trainer = partial(
        trainer_of(config, start, task.target, rule, seed),
        validation=task.validation,
        evaluate=evaluate_hierarchy,
    )
    return run.fit(f"seed-{seed}/{rule}", trainer)


def with_fewer_labels(
    config: Config, run: Run, start: Hierarchy, task: Task, rule: str, seed: int, count: int
) -> dict[str, float]:
    """Test accuracies after the same from `count` images of each class."""
    few = with_labels(task.target, count)
    trainer = trainer_of(config, start, few, rule, seed)
    tuned = run.fit(f"seed-{seed}/{rule}-{count}-labels", trainer)
    return as_floats(evaluate_hierarchy(tuned.model, task.test))


def trainer_of(config: Config, start: Hierarchy, images: Images, rule: str, seed: int) -> partial:
    from neurojax import predictive

    return partial(
        predictive.finetune,
        start,
        (images.pixels, one_hot(images.labels)),
        rule=rule,
        optimizer=adam(config.learning_rate),
        epochs=rules.epochs_of(config, rule),
        batch_size=config.batch_size,
        key=key(seed, "target batches"),
        steps=config.steps,
        step_size=config.step_size,
    )


def measure(config: Config, pc: Hierarchy, task: Task, shifts: dict[str, Images]) -> dict[str, Any]:
    """Accuracies on the test images and on further shifts of them, and how the hierarchy settles on
    a batch of these.

    Energies are [inference step, layer], of a mean image; relaxation is in percent.
    """
    from neurojax import predictive

    x, labels = task.test["target"].take(slice(ENERGY_BATCH))
    settling = predictive.diagnose(
        pc, x, one_hot(labels), steps=config.steps, step_size=config.step_size
    )
    return {
        "accuracy": as_floats(evaluate_hierarchy(pc, task.test)),
        "shifts": as_floats(evaluate_hierarchy(pc, shifts)),
        "energy": settling.energy_trace,
        "relaxation": settling.relaxation,
        "cosine": dict(zip(settling.edges, settling.cosine, strict=True)),
    }


def one_hot(labels: Int[Array, " image"]) -> Float[Array, "image class"]:
    import jax

    return jax.nn.one_hot(labels, datasets.CLASSES)


def as_floats(metrics: dict[str, Array]) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.items()}


def validation(fit: Fit) -> dict[str, list[float]]:
    """Accuracy on the validation images after each epoch, by task."""
    return {
        task: [record[f"validation/{task}"] for record in fit.history]
        for task in ("target", "source")
    }
