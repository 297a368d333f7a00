"""The rules that fine-tune, and how many epochs of each make a budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from experiments.finetune_pc import Config

RULES = {
    "pc": "predictive coding",
    "epc": "error-based PC",
    "ipc": "incremental PC",
    "pn": "positive nudging",
    "nn": "negative nudging",
    "cn": "centred nudging",
    "ep": "equilibrium propagation",
    "bp": "backprop",
}


def updates_per_batch(config: Config, rule: str) -> int:
    """Of the weights."""
    return config.steps if rule == "ipc" else 1


def passes_per_batch(config: Config, rule: str) -> int:
    """Passes through the network, forward or backward: one forward to start at; for each inference
    step one forward and one backward; as many for the weights' gradient, which incremental
    predictive coding has with the activities'. Centred rules settle twice."""
    if rule == "bp":
        return 2
    settle = 2 * config.steps
    if rule == "ipc":
        return 1 + settle
    return 1 + (settle + 2) * (2 if rule in ("cn", "ep") else 1)


def epochs_of(config: Config, rule: str) -> int:
    """With equal updates, those of one update on each batch for `epochs` epochs; with equal
    compute, the passes that the costliest of the rules makes in these."""
    if config.budget == "updates":
        return max(1, round(config.epochs / updates_per_batch(config, rule)))
    most = max(passes_per_batch(config, each) for each in config.rules)
    return max(1, round(config.epochs * most / passes_per_batch(config, rule)))


def budget_per_epoch(config: Config, rule: str) -> int:
    """Updates or passes that a rule makes in an epoch."""
    of = updates_per_batch if config.budget == "updates" else passes_per_batch
    return batches_per_epoch(config) * of(config, rule)


def batches_per_epoch(config: Config) -> int:
    from experiments import datasets

    return config.labels_per_class * datasets.CLASSES // config.batch_size
