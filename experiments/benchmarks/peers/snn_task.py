"""The training steps of spiking networks that every side is asked for, in numpy: it runs in every
venv.

Leaky integrate-and-fire neurons on a clock, `u = BETA v + I`, a spike s where u > 1, then
`v = u - s`; in the gradient ds/du is `1 / (1 + SLOPE |u - 1|)^2`, through the reset as well. The
readout `o = BETA o + I` has no threshold and is averaged over time. Cross-entropy; Adam on weights
and biases, nothing else is learned.
"""

import os
from dataclasses import dataclass

import numpy as np

BETA, SLOPE = 0.9, 25.0
LEARNING_RATE = 1e-3
WARM_UP = 5
"""Training steps before the timing; every side reports the loss of each, and the norm of the first
gradient, which must agree."""


@dataclass(frozen=True)
class Task:
    """A chain of layers with neurons behind each, the spikes it is given and for how long.

    `weights` are the shapes of each layer's, [out, in] or [out, in, 3, 3] of a convolution, whose
    spikes are max-pooled by two; `gains` are their standard deviations times sqrt(fan-in). With
    `feedback`, its gain, the first layer's neurons are connected among each other.
    """

    time_steps: int
    batch_size: int
    in_shape: tuple[int, ...]
    weights: tuple[tuple[int, ...], ...]
    gains: tuple[float, ...]
    rate: float = 0.1
    feedback: float | None = None

    @property
    def classes(self) -> int:
        return self.weights[-1][0]

    def batch(self) -> tuple[np.ndarray, np.ndarray]:
        """Spikes [time, batch, *in_shape], float32, and labels [batch], of a fixed seed."""
        rng = np.random.default_rng(0)
        spikes = rng.random((self.time_steps, self.batch_size, *self.in_shape)) < self.rate
        return spikes.astype(np.float32), rng.integers(self.classes, size=self.batch_size)

    def parameters(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Weights and biases [out] of each layer, float32."""
        rng = np.random.default_rng(1)
        layers = []
        for shape, gain in zip(self.weights, self.gains, strict=True):
            weight = rng.normal(scale=gain / np.sqrt(np.prod(shape[1:])), size=shape)
            layers.append((weight.astype(np.float32), np.zeros(shape[0], np.float32)))
        return layers

    def feedback_weight(self) -> np.ndarray:
        """[out, in] of the first layer's neurons, float32."""
        assert self.feedback is not None
        neurons = self.weights[0][0]
        scale = self.feedback / np.sqrt(neurons)
        weight = np.random.default_rng(2).normal(scale=scale, size=(neurons, neurons))
        return weight.astype(np.float32)


def _dense(*widths: int) -> tuple[tuple[int, int], ...]:
    return tuple(zip(widths[1:], widths, strict=False))


TASKS = {
    "dense": Task(64, 128, (784,), _dense(784, 512, 512, 10), (1.5, 1.5, 1.5)),
    "small": Task(256, 8, (64,), _dense(64, 128, 128, 10), (1.5, 1.5, 1.5)),
    "recurrent": Task(100, 128, (140,), _dense(140, 256, 20), (2.0, 1.0), feedback=0.7),
    "conv": Task(
        16,
        16,
        (1, 28, 28),
        ((32, 1, 3, 3), (64, 32, 3, 3), (10, 64 * 7 * 7)),
        (1.5, 1.5, 0.2),
        rate=0.2,
    ),
}


def on_one_core() -> None:
    """Compute on one core from here on, as all sides do: their CPU time is compared, and threads
    that wait for each other spend it."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
