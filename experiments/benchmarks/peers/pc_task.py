"""The predictive-coding step that every side is asked for, in numpy: it runs in every venv."""

from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

SIZES = (784, 300, 300, 10)
BATCH = 64
INFERENCE_STEPS = 20
STEP_SIZE = 0.1
LEARNING_RATE = 1e-3
WARM_UP = 10
"""Training steps before the timing; every side reports the error after them, which must agree."""


def batch() -> tuple[np.ndarray, np.ndarray]:
    """Inputs [batch, 784] and one-hot targets [batch, 10], float32, from a fixed seed."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCH, SIZES[0])).astype(np.float32)
    labels = np.argmax(x @ rng.normal(size=(SIZES[0], SIZES[-1])), axis=1)
    return x, np.eye(SIZES[-1], dtype=np.float32)[labels]


def parameters() -> list[tuple[np.ndarray, np.ndarray]]:
    """Weights [out, in] and biases [out] of each layer, uniform within 1/sqrt(fan-in), float32."""
    rng = np.random.default_rng(1)
    layers = []
    for fan_in, fan_out in pairwise(SIZES):
        both = rng.uniform(-1, 1, size=(fan_out, fan_in + 1)) / np.sqrt(fan_in)
        layers.append((both[:, :-1].astype(np.float32), both[:, -1].astype(np.float32)))
    return layers


def error(outputs: ArrayLike) -> float:
    """Half the squared error of a sample's feed-forward output, averaged over the batch."""
    return float(0.5 * np.mean(np.sum((np.asarray(outputs) - batch()[1]) ** 2, axis=1)))
