"""Fine-tune a trained image classifier by predictive coding and by backprop, side by side.

The default learning rate is the one at which backprop did best on the validation images of seeds
100 to 103. The test images are the same for all seeds and took no part in that; how far the task is
shifted was chosen earlier, on other splits of the same images.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from experiments import datasets
from experiments.datasets import Images
from experiments.runner import Run, at_least, in_range, positive

Rule = Literal["pc", "epc", "ipc", "pn", "nn", "cn", "ep", "bp"]


@dataclass(frozen=True)
class Config:
    """A classifier of upright images meets rotated, noisy ones with few labels."""

    data: Literal["digits", "mnist", "cifar"] = "digits"
    """scikit-learn's 8x8 digits, or MNIST or 10,000 images of CIFAR-10, from $NEUROJAX_DATA."""
    model: Literal["mlp", "conv"] = "mlp"
    """Dense layers, or convolutions of 3x3 with pools of 2x2 and one dense layer on top."""
    rules: tuple[Rule, ...] = ("pc", "bp")
    """What fine-tunes: predictive coding in activities (pc) or in errors (epc), incremental (ipc),
    with positive, negative or centred nudging (pn, nn, cn), equilibrium propagation (ep), backprop
    (bp). The tables' difference is that of the first and the last."""
    budget: Literal["updates", "compute"] = "updates"
    """What is equal for all rules: updates of the weights, or passes through the network, forward
    and backward (a rule that settles makes many for each update)."""
    seeds: int = 5
    """How often everything is repeated: split, initial weights and order of the batches."""
    seed: int = 0
    """The first seed; the others follow it."""
    width: int = 128
    """Neurons in each hidden layer of the mlp."""
    channels: int = 16
    """Channels of the first convolution of conv; each further one has twice as many."""
    depth: int = 2
    """Hidden layers, or convolutions."""
    source_epochs: int = 20
    """Epochs of the classifier that is fine-tuned afterwards."""
    source_learning_rate: float = 1e-3
    """Adam's learning rate for these."""
    rotation: float = 45.0
    """Degrees by which the target task turns its images."""
    noise: float = 0.2
    """Standard deviation of the target task's pixel noise; pixels go from 0 to 1."""
    labels_per_class: int = 20
    """Target images of each class."""
    fewer_labels: tuple[int, ...] = (1, 5)
    """For the sample efficiency, all rules also learn from so few target images of each class, with
    the same budget."""
    noises: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
    """For the robustness, test images of the target's rotation with so much noise."""
    rotations: tuple[float, ...] = (0.0, 15.0, 30.0, 45.0, 60.0, 75.0, 90.0)
    """For the robustness, test images of the target's noise turned by so many degrees."""
    validation: int = 250
    """Images held out of training, on which the learning curves are drawn."""
    epochs: int = 60
    """Epochs of fine-tuning by a rule that makes one update on each batch (of the costliest rule,
    with equal compute); the others' follow from the budget."""
    batch_size: int = 20
    """Images in a batch, for the classifier and all rules."""
    learning_rate: float = 3e-3
    """Adam's learning rate for fine-tuning, the same for all rules."""
    steps: int = 50
    """Inference steps before each update of the weights; incremental predictive coding updates in
    each."""
    step_size: float = 0.04
    """Size of an inference step. Settling diverges when it is too large for the weights: the
    relaxation of the table is then negative."""

    def __post_init__(self):
        at_least(
            self, 1, "seeds", "width", "channels", "depth", "source_epochs", "epochs", "batch_size",
            "steps",
        )  # fmt: skip
        at_least(self, 0, "seed", "noise", "noises")
        positive(self, "source_learning_rate", "learning_rate", "step_size")
        in_range(self, -180, 180, "rotation", "rotations")
        # leaves hundreds of the 1,297 digits to learn the source task from
        in_range(self, 1, 40, "labels_per_class")
        in_range(self, 20, 300, "validation")
        in_range(self, 1, self.labels_per_class, "fewer_labels")
        if not self.rules or len(set(self.rules)) < len(self.rules):
            raise ValueError(f"--rules must be one or more different ones, got {self.rules}")
        labels = self.labels_per_class * datasets.CLASSES
        if self.batch_size > labels:
            raise ValueError(
                f"--batch-size must be at most the {labels} target labels, got {self.batch_size}"
            )
        if self.data != "digits":
            datasets.data_path(self.data)
        side = datasets.SHAPES[self.data][0]
        if self.model == "conv" and side >> self.depth < 1:
            raise ValueError(f"--depth pools images of {side}x{side} to nothing, got {self.depth}")


def run(config: Config, run: Run) -> dict[str, Any]:
    """Train, wrap, fine-tune by all rules and measure, for each seed; summarise over seeds."""
    from experiments.finetune_pc import figures, results, rules
    from experiments.finetune_pc.task import make_shifts

    learn, test = datasets.DATA[config.data]()
    shifts = make_shifts(config, test)
    of_rules = sum(rules.epochs_of(config, rule) for rule in config.rules)
    tunings = 1 + len(config.fewer_labels)
    run.expect(config.seeds * (config.source_epochs + tunings * of_rules))
    measured = run.each_seed(config, partial(one_seed, config, run, learn, test, shifts))
    summary = results.summarise(config, measured)
    figures.draw_all(config, run, measured)
    results.tabulate(config, run, summary)
    return summary


def one_seed(
    config: Config,
    run: Run,
    learn: Images,
    test: Images,
    shifts: dict[str, Images],
    seed: int,
) -> dict[str, Any]:
    """Everything measured with one seed: before fine-tuning, and after it by each rule."""
    import jax
    import jax.numpy as jnp

    from experiments.finetune_pc import networks, tuning
    from experiments.finetune_pc.task import make_task
    from neurojax import predictive

    task = jax.tree.map(jnp.asarray, make_task(config, learn, test, seed))
    shifts = jax.tree.map(jnp.asarray, shifts)
    classifier = networks.train_classifier(config, run, task, seed)
    start = predictive.from_backprop(classifier.model, in_shape=task.source.pixels.shape[1:])
    x = task.test["target"].pixels
    before = tuning.measure(config, start, task, shifts)
    result = {
        "logits_difference": networks.logits_difference(classifier.model, start, x),
        "before": before | {"validation": tuning.validation(classifier)},
    }
    for rule in config.rules:
        tuned = tuning.finetune(config, run, start, task, rule, seed)
        measured = tuning.measure(config, tuned.model, task, shifts)
        fewer = {
            count: tuning.with_fewer_labels(config, run, start, task, rule, seed, count)
            for count in config.fewer_labels
        }
        result[rule] = measured | {"validation": tuning.validation(tuned), "fewer labels": fewer}
    return result
