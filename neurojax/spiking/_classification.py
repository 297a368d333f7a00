"""Losses of classes that are read out over time.

Outputs are [time, samples, classes], as `run` gives them, and labels are whole numbers from 0; a
loss is the mean over samples. All are differentiable in the outputs.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Integer

from ..core import is_known


def spike_count_cross_entropy(
    spikes: Float[Array, "time samples classes"], labels: Integer[Array, " samples"]
) -> Float[Array, ""]:
    """Cross-entropy of the spike counts as logits: snnTorch's `ce_count_loss`.

    Raises `ValueError` for labels that do not fit the spikes.
    Source: Eshraghian et al. 2023, Proceedings of the IEEE 111(9).
    """
    _check("spike_count_cross_entropy", "spikes", spikes, labels)
    return _cross_entropy(spikes.sum(0), labels)


def max_membrane_cross_entropy(
    v: Float[Array, "time samples classes"], labels: Integer[Array, " samples"]
) -> Float[Array, ""]:
    """Cross-entropy of the highest potentials over time as logits.

    Raises `ValueError` for labels that do not fit the potentials.
    Source: Cramer et al. 2020, The Heidelberg spiking data sets, IEEE TNNLS 33(7).
    """
    _check("max_membrane_cross_entropy", "v", v, labels)
    return _cross_entropy(v.max(0), labels)


def mean_membrane_cross_entropy(
    v: Float[Array, "time samples classes"], labels: Integer[Array, " samples"]
) -> Float[Array, ""]:
    """Cross-entropy of the mean potentials over time as logits.

    Raises `ValueError` for labels that do not fit the potentials.
    """
    _check("mean_membrane_cross_entropy", "v", v, labels)
    return _cross_entropy(v.mean(0), labels)


def last_membrane_cross_entropy(
    v: Float[Array, "time samples classes"], labels: Integer[Array, " samples"]
) -> Float[Array, ""]:
    """Cross-entropy of the potentials of the last step as logits.

    Raises `ValueError` for labels that do not fit the potentials.
    """
    _check("last_membrane_cross_entropy", "v", v, labels)
    return _cross_entropy(v[-1], labels)


def spike_count_mse(
    spikes: Float[Array, "time samples classes"],
    labels: Integer[Array, " samples"],
    *,
    correct_rate: float | int = 1.0,
    incorrect_rate: float | int = 0.0,
) -> Float[Array, ""]:
    """Mean squared difference of the spike counts from those at the target rates (spikes per step)
    of the correct and the incorrect classes. snnTorch's `mse_count_loss` is this per step.

    Raises `ValueError` for labels that do not fit the spikes or rates outside [0, 1].
    Source: Shrestha & Orchard 2018, SLAYER, NeurIPS.
    """
    _check("spike_count_mse", "spikes", spikes, labels)
    for name, rate in (("correct_rate", correct_rate), ("incorrect_rate", incorrect_rate)):
        if not 0 <= rate <= 1:
            raise ValueError(f"spike_count_mse: {name} must be between 0 and 1, got {rate}.")
    steps, _, classes = spikes.shape
    correct = jax.nn.one_hot(labels, classes, dtype=spikes.dtype)
    targets = steps * (incorrect_rate + (correct_rate - incorrect_rate) * correct)
    return jnp.mean((spikes.sum(0) - targets) ** 2)


def _cross_entropy(
    logits: Float[Array, "samples classes"], labels: Integer[Array, " samples"]
) -> Float[Array, ""]:
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


def _check(owner: str, name: str, outputs: Array, labels: Array) -> None:
    if outputs.ndim != 3 or len(outputs) == 0 or labels.shape != outputs.shape[1:2]:
        raise ValueError(
            f"{owner}: {name} must be [time, samples, classes] and labels [samples], got shapes "
            f"{outputs.shape} and {labels.shape}."
        )
    classes = outputs.shape[-1]
    if is_known(labels):
        wrong = np.asarray(labels)[(np.asarray(labels) < 0) | (np.asarray(labels) >= classes)]
        if wrong.size > 0:
            raise ValueError(
                f"{owner}: labels must be from 0 to {classes - 1}, one for each of the classes, "
                f"got {wrong[0]}."
            )
