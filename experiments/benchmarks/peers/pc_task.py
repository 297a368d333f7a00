"""The predictive-coding steps that every side is asked for, in numpy: it runs in every venv."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

CLASSES = 10
WARM_UP = 10
"""Training steps before the timing; every side reports the error after them, which must agree."""


@dataclass(frozen=True)
class Task:
    """A chain of layers, their sizes and how they settle and learn.

    `weights` are the shapes of each layer's, [out, in] or [out, in, 3, 3] of a convolution. With
    `scales`, which multiply what layers predict, the weights are unit-normal, there are no biases,
    and all layers but the first and the last have a skip beside them.
    """

    in_shape: tuple[int, ...]
    weights: tuple[tuple[int, ...], ...]
    scales: tuple[float, ...] | None = None
    batch_size: int = 64
    steps: int = 20
    step_size: float = 0.1
    learning_rate: float = 1e-3

    def batch(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs [batch, *in_shape] and one-hot targets [batch, 10], float32, of a fixed seed."""
        rng = np.random.default_rng(0)
        x = rng.normal(size=(self.batch_size, *self.in_shape)).astype(np.float32)
        flat = x.reshape(self.batch_size, -1)
        labels = np.argmax(flat @ rng.normal(size=(flat.shape[1], CLASSES)), axis=1)
        return x, np.eye(CLASSES, dtype=np.float32)[labels]

    def parameters(self) -> list[tuple[np.ndarray, np.ndarray | None]]:
        """Weights and biases [out] of each layer, uniform within 1/sqrt(fan-in), float32."""
        rng = np.random.default_rng(1)
        if self.scales is not None:
            return [(rng.normal(size=shape).astype(np.float32), None) for shape in self.weights]
        layers = []
        for out, *shape in self.weights:
            fan_in = int(np.prod(shape))
            both = rng.uniform(-1, 1, size=(out, fan_in + 1)) / np.sqrt(fan_in)
            weight = both[:, :-1].reshape(out, *shape)
            layers.append((weight.astype(np.float32), both[:, -1].astype(np.float32)))
        return layers

    def error(self, outputs: ArrayLike) -> float:
        """Half the squared error of a sample's feed-forward output, averaged over the batch."""
        return float(0.5 * np.mean(np.sum((np.asarray(outputs) - self.batch()[1]) ** 2, axis=1)))


def _dense(*widths: int) -> tuple[tuple[int, int], ...]:
    return tuple(zip(widths[1:], widths, strict=False))


WIDTH, DEPTH = 128, 32

TASKS = {
    "mlp": Task((784,), _dense(784, 300, 300, CLASSES)),
    "small": Task((64,), _dense(64, 128, 128, CLASSES)),
    # Scaled as jpc does it: Innocenti et al. 2025, μPC, table 1, the layers counted in and out.
    "deep": Task(
        (64,),
        _dense(64, *(WIDTH,) * (DEPTH + 1), CLASSES),
        scales=(64**-0.5, *[(WIDTH * (DEPTH + 2)) ** -0.5] * DEPTH, 1 / WIDTH),
        steps=DEPTH,
        learning_rate=1e-2,
    ),
    # pcx's VGG-5 on 32x32 colours with its steps, at a quarter of its channels; each convolution is
    # followed by relu and max-pooling by two.
    "conv": Task(
        (3, 32, 32),
        ((32, 3, 3, 3), (64, 32, 3, 3), (128, 64, 3, 3), (128, 128, 3, 3), (CLASSES, 512)),
        steps=12,
    ),
}
