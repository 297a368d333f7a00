"""Classify images by event-driven predictive coding, and count what that takes beside a CNN.

A convolutional network is trained by predictive coding and then run by messages: units send what
changed by more than a threshold, either the change (graded, multiplied where it arrives) or a
quantum of it (ternary, only added). Its twin has the same layers, initial weights and batches, is
trained by backprop and computed once for each image, skipping zeros. Both are counted by
NeuroBench's rules and priced by the same energies of operations, in their arithmetic alone. What is
priced is classification; what settling for a learning step takes is told apart.

Thresholds are chosen on validation images; test images take no part in any choice. So was the size
of the inference steps in training: with ten times larger ones predictive coding fell behind
backprop on MNIST's. As small as they are, its gradient is close to backprop's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from experiments import datasets
from experiments.datasets import Images
from experiments.runner import (
    Run,
    at_least,
    in_range,
    interval,
    plus_minus,
    positive,
    spread,
)

DATA_NOTES = {"digits": "scikit-learn digits", "mnist": "MNIST images (not the canonical split)"}
RULES = {"pc": "predictive coding", "bp": "backprop"}
MODES = {"graded": "graded messages (MAC)", "ternary": "ternary messages (AC)"}
# Relative to the root mean square of what the units of a layer have to send.
THRESHOLDS = (0.15, 0.2, 0.3, 0.4, 0.6, 0.9, 1.3)
SETTLING = (0.03, 0.1, 0.3)  # of learning steps, relative to activities and to errors


@dataclass(frozen=True)
class Config:
    """Two convolutions of stride 2 and a dense layer, trained twice."""

    data: Literal["digits", "mnist"] = "digits"
    """scikit-learn's 8x8 digits, or MNIST from $NEUROJAX_DATA/mnist.npz."""
    seeds: int = 5
    """How often everything is repeated: split, initial weights and order of the batches."""
    seed: int = 0
    """The first seed; the others follow it."""
    channels: int = 16
    """Channels of the first convolution; the second has twice as many."""
    train: int = 0
    """Images to learn from; 0 for all that are not held out."""
    validation: int = 250
    """Images held out of training, on which thresholds are chosen."""
    epochs: int = 40
    """Epochs of training, the same for both rules."""
    batch_size: int = 20
    """Images in a batch."""
    learning_rate: float = 2e-3
    """Adam's at the start, the same for both rules; it falls to zero by a cosine."""
    steps: int = 2
    """Inference steps of predictive coding (in errors) before each update of the weights."""
    step_size: float = 0.003
    """Size of an inference step in training."""
    margin: float = 0.2
    """Points of validation accuracy below the twin's that a threshold may cost."""
    settling_images: int = 100
    """Validation images on which settling for a learning step is counted."""

    def __post_init__(self):
        at_least(self, 1, "seeds", "channels", "epochs", "batch_size", "steps", "settling_images")
        at_least(self, 0, "seed", "train", "margin")
        positive(self, "learning_rate", "step_size")
        in_range(self, 50, 10_000 if self.data == "mnist" else 300, "validation")
        if self.settling_images > self.validation:
            raise ValueError(
                f"--settling-images must be at most the {self.validation} of validation, got "
                f"{self.settling_images}"
            )
        if self.data == "mnist":
            datasets.data_path("mnist")


def run(config: Config, run: Run) -> dict[str, Any]:
    """Train both, count both at all thresholds, for each seed; summarise over seeds."""
    from experiments.event_pc import figures

    learn, test = datasets.DATA[config.data]()
    most = len(learn.labels) - config.validation
    if not config.batch_size <= (config.train or most) <= most:
        raise datasets.ExperimentError(
            f"--train must be from --batch-size {config.batch_size} to {most}, got {config.train}"
        )
    run.expect(config.seeds * len(RULES) * config.epochs)
    results = run.each_seed(config, partial(one_seed, config, run, learn, test))
    summary = summarise(config, results)
    figures.draw_all(config, run, results)
    tabulate(config, run, summary)
    return summary


def one_seed(config: Config, run: Run, learn: Images, test: Images, seed: int) -> dict[str, Any]:
    """Everything measured with one seed; accuracies are fractions, energies nJ for an image."""
    from experiments.event_pc import counting, networks

    parts = split(config, learn, seed)
    trained = {rule: networks.train(config, run, parts, rule, seed) for rule in RULES}
    models = {rule: fit.model for rule, fit in trained.items()}
    held_out, tested = networks.channelled(parts["validation"]), networks.channelled(test)
    scales = counting.scales(models["pc"], networks.channelled(parts["train"].take(slice(500))))

    def stage(name: str, compute: Callable[..., Any], *args: Any, **how: Any) -> Any:
        """Kept, so that a killed run goes on behind it."""
        return run.stage(f"seed-{seed}/{name}", partial(compute, *args, **how))

    by_events = partial(counting.by_events, models["pc"], scales)
    validation = {
        "twin": stage("validation-twin", counting.conventional, models["bp"], held_out),
        "pc": stage("validation-pc", counting.conventional, models["pc"], held_out),
        "graded": [
            stage(f"validation-graded-{x}", by_events, held_out, x, "graded")
            for x in (0.0, *THRESHOLDS)
        ],
        "ternary": [
            stage(f"validation-ternary-{x}", by_events, held_out, x, "ternary") for x in THRESHOLDS
        ],
    }
    due = validation["twin"]["accuracy"] - config.margin / 100
    graded, ternary = (choose(validation[mode], due) for mode in MODES)
    few = held_out.take(slice(config.settling_images))
    return {
        "validation": validation,
        "test": {
            "twin": stage("test-twin", counting.conventional, models["bp"], tested),
            "pc": stage("test-pc", counting.conventional, models["pc"], tested),
            "changes from rest": stage("test-changes", by_events, tested, 0.0, "graded"),
            "graded": stage("test-graded", by_events, tested, graded, "graded"),
            "ternary": stage("test-ternary", by_events, tested, ternary, "ternary"),
            "nothing known": stage(
                "test-nothing-known", by_events, tested, ternary, "ternary", at_rest=False
            ),
        },
        "settling": stage("settling", counting.settling, models["pc"], scales, few, SETTLING),
        "history": {
            rule: [record["validation/accuracy"] for record in fit.history]
            for rule, fit in trained.items()
        },
    }


def split(config: Config, learn: Images, seed: int) -> dict[str, Images]:
    """Images to learn from and those held out."""
    train, validation = datasets.split(learn, config.validation, seed)
    return {"validation": validation, "train": train.take(slice(config.train or None))}


def choose(curve: list[dict[str, Any]], due: float) -> float:
    """The highest threshold up to which all are accurate enough on validation images; the most
    accurate one where the lowest is not."""
    enough = [*(point["accuracy"] >= due for point in curve), False]
    if enough[0]:
        return curve[enough.index(False) - 1]["threshold"]
    return max(curve, key=lambda point: point["accuracy"])["threshold"]


def summarise(config: Config, results: list[dict[str, Any]]) -> dict[str, Any]:
    """Spreads over seeds: networks on test images, and settling on validation images."""
    measured = {name: [result["test"][name] for result in results] for name in LABELS}
    twin = measured["twin"]
    settling = {
        name: [result["settling"][name] for result in results] for name in results[0]["settling"]
    }
    return {
        "data": DATA_NOTES[config.data],
        "twin, all pairs": spread([x["dense energy"] for x in twin]),
        "networks": {name: over_seeds(rows, twin) for name, rows in measured.items()},
        "thresholds": {
            mode: [result["test"][mode]["threshold"] for result in results] for mode in MODES
        },
        "settling": {
            name: {what: spread([x[what] for x in rows]) for what in rows[0]}
            for name, rows in settling.items()
        },
    }


def over_seeds(rows: list[dict[str, Any]], twin: list[dict[str, Any]]) -> dict[str, Any]:
    """Of one network, and against the twin seed by seed: points of accuracy, percent of energy."""
    pairs = list(zip(rows, twin, strict=True))

    def saved(what: str, of: str) -> dict[str, Any]:
        return spread([100 * (x[what] / y[of] - 1) for x, y in pairs])

    names = ("accuracy", "energy", "energy with comparisons", "comparisons", "macs", "acs")
    return {name: spread([x[name] for x in rows]) for name in names} | {
        "points": spread([100 * (x["accuracy"] - y["accuracy"]) for x, y in pairs]),
        "energy, percent": saved("energy", "energy"),
        "with comparisons, percent": saved("energy with comparisons", "energy with comparisons"),
        "against all pairs, percent": saved("energy", "dense energy"),
    }


LABELS = {
    "twin": "CNN twin, one pass, zeros skipped",
    "pc": "PC network, one pass, zeros skipped",
    "changes from rest": "PC by events, graded, threshold 0",
    "graded": "PC by events, graded",
    "ternary": "PC by events, ternary",
    "nothing known": "  the same, nothing known at rest",
}


def tabulate(config: Config, run: Run, summary: dict[str, Any]) -> None:
    rows = []
    for name, label in LABELS.items():
        x = summary["networks"][name]
        against = [
            interval(x["points"], digits=2),
            plus_minus(x["energy, percent"]),
            plus_minus(x["with comparisons, percent"]),
        ]
        own = [plus_minus(x["accuracy"], 100, 2), plus_minus(x["energy"])]
        rows.append([label, *own, *(against if name != "twin" else [""] * 3)])
    run.table(
        f"{summary['data']}, test: mean ± sd of {config.seeds} seeds, epoch {config.epochs}",
        ["", "accuracy, %", "nJ", "points [95 %]", "energy, %", "compared, %"],
        rows,
        "an image; CMOS fp32: MAC 4.6 pJ, AC 0.9 pJ, arithmetic alone. points, energy: against the "
        "twin; compared: comparisons with a threshold (or ReLU) priced too, as additions. All "
        f"pairs of the twin, zeros too: {plus_minus(summary['twin, all pairs'])} nJ",
    )
    run.table(
        f"settling for a learning step, {config.settling_images} validation images",
        ["", "nJ", "cosine"],
        [
            [name, plus_minus(x["energy"]), plus_minus(x["cosine"], digits=3)]
            for name, x in summary["settling"].items()
        ],
        "an image, classified and then settled with its label; not the update of weights. cosine: "
        "of the weights' gradient to that of predictive coding without thresholds",
    )
