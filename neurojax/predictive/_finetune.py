"""Fine-tune a hierarchy by predictive coding or by backprop, from the same start."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from ..learning import Fit, Gradient, Record, fit
from ._hierarchy import Hierarchy, predict
from ._rules import Batch, rule_named


def finetune(
    hierarchy: Hierarchy,
    data: Batch,
    *,
    rule: str | Gradient = "pc",
    freeze: Sequence[int] = (),
    steps: int = 20,
    step_size: float = 0.1,
    tolerance: float | None = None,
    **training: Any,
) -> Fit:
    """Train a hierarchy's weights on `(inputs [samples, in], targets [samples, out])`.

    - `rule`: "pc" (settle for `steps` of `step_size`, or to `tolerance`, then the local gradient),
      "bp" (backprop of the output energy), or any gradient that `learning.fit` takes.
    - `freeze`: layers, numbered from 0, whose weights stay.
    - `training`: `learning.fit`'s optimizer, epochs, batch_size, key, validation, checkpoint, ...

    Raises `FloatingPointError` in the first epoch in which inference, on average over batches,
    raised the energy: its steps are then too large for the weights.
    """
    layers = range(len(hierarchy.layers))
    unknown = [number for number in freeze if number not in layers]
    if unknown:
        raise ValueError(f"freeze has no layer {unknown[0]}: layers are 0 to {len(layers) - 1}.")
    if isinstance(rule, str):
        rule = rule_named(rule, steps=steps, step_size=step_size, tolerance=tolerance)
    spec = _weights_of(hierarchy, [n for n in layers if n not in freeze])
    watch = _Watch(training.pop("on_epoch", None))
    return fit(hierarchy, data, rule, trainable=spec, on_epoch=watch, **training)


class _Watch(NamedTuple):
    """Passes an epoch's record on, unless inference diverged in it."""

    then: Callable[[Record], None] | None

    def __call__(self, record: Record) -> None:
        if record.get("train/relaxation", 0) < 0:
            raise FloatingPointError(
                f"inference raised the energy by {-record['train/relaxation']:.3g} % on average in "
                f"epoch {record['epoch']}: give a smaller step_size."
            )
        if self.then is not None:
            self.then(record)


def accuracy(
    hierarchy: Hierarchy, x: Float[Array, "samples in"], labels: Int[Array, " samples"]
) -> Float[Array, ""]:
    """The fraction of samples whose highest predicted output is their label (feed-forward)."""
    return jnp.mean(jnp.argmax(predict(hierarchy, x), axis=-1) == labels)


def _weights_of(hierarchy: Hierarchy, numbers: list[int]) -> PyTree[bool]:
    nothing = jax.tree.map(lambda _: False, hierarchy)
    return eqx.tree_at(
        lambda h: [h.layers[n] for n in numbers],
        nothing,
        [jax.tree.map(eqx.is_inexact_array, hierarchy.layers[n]) for n in numbers],
    )
