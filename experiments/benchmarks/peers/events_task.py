"""The training step on first spikes that every side is asked for, in numpy: it runs in every venv.

Five inputs, hidden neurons and three classes, each of which spikes once at the most; leaky
membranes under exponential current, `tau_m dv/dt = −v + i`, threshold 1. Cross-entropy of the
logits `−t / TAU_LOSS`, a silent neuron counting as one that spikes at T1; Adam on both weight
matrices. Times are in units of tau_syn.
"""

import argparse
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

INPUTS, CLASSES = 5, 3
TAU_SYN, TAU_M = 1.0, 2.0  # jaxsnn has no other ratios than 1 and 2
T1 = 4.0
TAU_LOSS = 0.3
LEARNING_RATE = 1e-3
WARM_UP = 10
"""Training steps before the timing; every side reports what came of them, which must agree, and is
timed there: far along, eventax stops at some weights."""


def size() -> argparse.Namespace:
    """The options of every worker: hidden neurons, samples in a batch, and its setting."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--hidden", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--setting", default="")
    return parser.parse_args()


def batch(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Spike times [sample, input], float32, of x, y, 1 − x, 1 − y and a bias; labels by thirds of
    the angle about the middle."""
    rng = np.random.default_rng(0)
    x, y = rng.random((2, count))
    coordinates = np.stack([x, y, 1 - x, 1 - y, np.full(count, 0.4)], axis=1)
    labels = np.floor((np.arctan2(y - 0.5, x - 0.5) / (2 * np.pi) + 0.5) * CLASSES)
    return (0.15 + 2.0 * coordinates).astype(np.float32), np.minimum(labels, CLASSES - 1).astype(
        int
    )


def weights(hidden: int) -> tuple[np.ndarray, np.ndarray]:
    """[input, hidden] and [hidden, class], float32: most neurons spike for most samples."""
    rng = np.random.default_rng(1)
    first = rng.normal(1.5, 0.8, (INPUTS, hidden))
    second = rng.normal(1.0, 0.3, (hidden, CLASSES)) * (8 / hidden)
    return first.astype(np.float32), second.astype(np.float32)


def results(spikes: ArrayLike, first: ArrayLike, second: ArrayLike) -> dict[str, Sequence[float]]:
    """What every side reports: the classes' first spikes [sample, class], and by how much of Adam's
    largest way the weights have moved."""
    last = [np.asarray(w, np.float64) for w in (first, second)]
    moved = [w - start for w, start in zip(last, weights(last[0].shape[1]), strict=True)]
    learned = np.concatenate([each.ravel() for each in moved]) / (WARM_UP * LEARNING_RATE)
    times = np.minimum(np.asarray(spikes, np.float64), T1)
    return {"spikes": times.ravel().tolist(), "learned": learned.tolist()}
