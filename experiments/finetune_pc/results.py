"""What all seeds say together: a summary of numbers, and its tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.finetune_pc import rules
from experiments.finetune_pc.rules import RULES
from experiments.finetune_pc.task import shifts
from experiments.runner import Run, interval, plus_minus, seeds_of, spread

if TYPE_CHECKING:
    from experiments.finetune_pc import Config

TASKS = ("target", "source")
DATA_NOTES = {
    "digits": "scikit-learn digits",
    "mnist": "MNIST images (not the canonical split)",
    "cifar": "CIFAR-10 (10,000 images to learn from, 1,000 for the test)",
}
BUDGETS = {  # what of the summary is equal, and its unit
    "updates": ("updates", "weight updates"),
    "compute": ("passes", "forward and backward passes"),
}
Measured = list[dict[str, Any]]


def stages(config: Config) -> tuple[str, ...]:
    return "before", *config.rules


def edges(config: Config) -> list[str]:
    """The hierarchy's, from the input up."""
    nodes = ["input", *(f"h{n + 1}" for n in range(config.depth)), "output"]
    return [f"{below} to {above}" for below, above in pairwise(nodes)]


def summarise(config: Config, results: Measured) -> dict[str, Any]:
    def of_stages(pick: Callable[[dict[str, Any]], float]) -> dict[str, Any]:
        return compare(config, results, stages(config), pick)

    def of_rules(pick: Callable[[dict[str, Any]], float]) -> dict[str, Any]:
        return compare(config, results, config.rules, pick)

    return {
        "data": DATA_NOTES[config.data],
        "budget": config.budget,
        "updates": {rule: budget(config, rule, rules.updates_per_batch) for rule in config.rules},
        "passes": {rule: budget(config, rule, rules.passes_per_batch) for rule in config.rules},
        "test accuracy": {
            task: of_stages(lambda measured, task=task: measured["accuracy"][task])
            for task in TASKS
        },
        "forgetting": forgetting(config, results),
        "relaxation, percent": of_stages(lambda measured: measured["relaxation"]),
        "cosine to backprop": {
            edge: of_stages(lambda measured, edge=edge: measured["cosine"][edge])
            for edge in edges(config)
        },
        "energy [inference step, layer]": {
            stage: np.mean([result[stage]["energy"] for result in results], axis=0)
            for stage in stages(config)
        },
        "target accuracy from fewer labels": {
            str(count): of_rules(lambda m, count=str(count): m["fewer labels"][count]["target"])
            for count in config.fewer_labels
        },
        "accuracy under shifts": {
            name: of_stages(lambda measured, name=name: measured["shifts"][name])
            for name, _, _ in shifts(config)
        },
    }


def budget(config: Config, rule: str, per_batch: Callable[[Config, str], int]) -> int:
    """What a rule makes of updates or passes in all its epochs."""
    batches = rules.epochs_of(config, rule) * rules.batches_per_epoch(config)
    return batches * per_batch(config, rule)


def forgetting(config: Config, results: Measured) -> dict[str, Any]:
    """By how much the accuracy on the source task fell."""
    lost = [
        {
            rule: {"lost": result["before"]["accuracy"]["source"] - r["accuracy"]["source"]}
            for rule, r in result.items()
            if rule in config.rules
        }
        for result in results
    ]
    return compare(config, lost, config.rules, lambda measured: measured["lost"])


def compare(
    config: Config,
    results: Measured,
    names: tuple[str, ...],
    pick: Callable[[dict[str, Any]], float],
) -> dict[str, Any]:
    """The spread of one measured number over seeds, and of its difference seed by seed."""
    values = {name: [pick(result[name]) for result in results] for name in names}
    first, last = ends(config)
    if first != last:
        values[f"{first} - {last}"] = list(np.subtract(values[first], values[last]))
    return {name: spread(each) for name, each in values.items()}


def ends(config: Config) -> tuple[str, str]:
    """The rules whose difference is told: the first and the last."""
    named = list(config.rules)
    return named[0], named[-1]


def tabulate(config: Config, run: Run, summary: Mapping[str, Any]) -> None:
    """Three tables: accuracy and settling, fewer labels, shifts."""
    names = [RULES[rule] if len(config.rules) < 4 else rule for rule in config.rules]
    versus = " - ".join(ends(config))
    differs = ["difference [95 %]"] if len(names) > 1 else []

    def row(name: str, compared: dict[str, Any], scale: float = 100, digits: int = 1) -> list[str]:
        each = [
            plus_minus(compared[stage], scale, digits) if stage in compared else ""
            for stage in stages(config)
        ]
        difference = [interval(compared[versus], scale, digits)] if differs else []
        return [name, *each, *difference]

    kind, unit = BUDGETS[config.budget]
    spent = sorted(summary[kind].values())
    equal = " to ".join(f"{number:,}" for number in dict.fromkeys([spent[0], spent[-1]]))
    title = f"{summary['data']}, {config.model}: mean ± sd of {config.seeds} seeds"
    run.table(
        f"{title}, {equal} {unit}",
        ["on test images", "before", *names, *differs],
        [
            *(row(f"{task} accuracy, %", each) for task, each in summary["test accuracy"].items()),
            row("forgetting, points", summary["forgetting"]),
            row("relaxation, %", summary["relaxation, percent"], 1),
            *(
                row(f"cosine, {edge}", each, 1, 2)
                for edge, each in summary["cosine to backprop"].items()
            ),
            ["ms per epoch", "", *epoch_times(config, run), *([""] if differs else [])],
        ],
        f"cosine: of the weights' updates to backprop's; an epoch is "
        f"{rules.batches_per_epoch(config)} batches, evaluation and checkpoint",
    )
    full = {str(config.labels_per_class): summary["test accuracy"]["target"]}
    run.table(
        f"{title}, from fewer labels",
        ["target accuracy, %", *names, *differs],
        [
            [cells[0], *cells[2:]]
            for count, each in {**summary["target accuracy from fewer labels"], **full}.items()
            for cells in [row(f"{count} of each class", each)]
        ],
        "the same budget for all; the images are repeated to the same number in an epoch",
    )
    run.table(
        f"{title}, shifts other than the target's",
        ["accuracy, %", "before", *names, *differs],
        [row(name, each) for name, each in summary["accuracy under shifts"].items()],
        f"noise at the target's rotation of {config.rotation:g}°, rotation in degrees at its noise "
        f"of {config.noise:g}",
    )


def epoch_times(config: Config, run: Run) -> list[str]:
    """Of each rule, over seeds: the median epoch, which leaves compiling out where there are a
    few."""
    seeds = seeds_of(config)
    of_rules = [[run.seconds(f"seed-{seed}/{rule}") for seed in seeds] for rule in config.rules]
    return [
        plus_minus(spread([1000 * np.median(seconds) for seconds in each]))
        if min(map(len, each)) > 2
        else "-"
        for each in of_rules
    ]
