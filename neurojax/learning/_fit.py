"""The training loop."""

import math
import os
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, cast, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
from jaxtyping import Array, Int, PRNGKeyArray, PyTree

from ..core import load, metadata_of, save, with_fast_convolutions

Metrics = dict[str, Array]
Record = dict[str, int | float]
Gradient = Callable[[Any, PyTree, PRNGKeyArray], tuple[PyTree, Metrics]]


@runtime_checkable
class IncrementalGradient(Protocol):
    """A source of gradients that updates the model several times on each batch, with a state of its
    own that goes from one update to the next."""

    @property
    def updates(self) -> int: ...

    def start(self, model: Any, batch: Any, /) -> Any: ...

    def __call__(
        self, model: Any, batch: Any, key: PRNGKeyArray, state: Any, /
    ) -> tuple[PyTree, Metrics, Any]: ...


Augment = Callable[[PyTree, PRNGKeyArray], PyTree]
Evaluate = Callable[[Any, PyTree], Metrics]


class Fit(NamedTuple):
    """What training gave: the model (the best one where training watched for it), and a record of
    metrics for each epoch."""

    model: Any
    history: list[Record]
    best_epoch: int | None


class _Progress(NamedTuple):
    """All that changes from epoch to epoch."""

    model: Any
    optimizer_state: PyTree
    best: Any
    epoch: Int[Array, ""]


def fit(
    model: Any,
    data: PyTree,
    gradient: Gradient | IncrementalGradient,
    *,
    optimizer: optax.GradientTransformation,
    epochs: int,
    batch_size: int,
    key: PRNGKeyArray,
    trainable: PyTree | Callable[[Any], bool] = eqx.is_inexact_array,
    augment: Augment | None = None,
    validation: PyTree | None = None,
    evaluate: Evaluate | None = None,
    monitor: str | None = None,
    higher_is_better: bool = False,
    patience: int | None = None,
    progress: bool = False,
    checkpoint: str | os.PathLike | None = None,
    resume: bool = False,
    on_epoch: Callable[[Record], None] | None = None,
) -> Fit:
    """Train a model by any source of gradients (of a loss, or a local rule's) through optax.

    - `data`: a pytree of arrays with samples first. Each epoch visits a new random order in
      batches of `batch_size`; what does not fill a batch waits for another epoch.
    - `gradient(model, batch, key) -> (gradient, metrics)`: in the model's structure, of the batch's
      mean; metrics are scalars. An `IncrementalGradient` makes several updates on each batch.
    - `trainable`: which leaves move: a pytree of bools in the model's structure, or a filter.
    - `augment(batch, key) -> batch`: what each batch goes through first, such as random shifts.
    - `evaluate(model, validation) -> metrics` after each epoch. With `monitor` naming one of them,
      the best model so far is kept and returned, and training stops after `patience` epochs
      without a better one.
    - `checkpoint`: a file, rewritten whole after each epoch; with `resume` a file that is there is
      gone on from, bitwise as if training had never stopped.
    - `on_epoch(record)`: called with each epoch's record, also those read from a checkpoint.

    Raises `ValueError` for arguments that do not fit, and `FloatingPointError` when a metric is no
    longer finite; the checkpoint then is that of the epoch before.
    """
    samples = _samples(data)
    if not 1 <= batch_size <= samples:
        raise ValueError(
            f"batch_size must be between 1 and the {samples} samples, got {batch_size}."
        )
    if epochs < 1:
        raise ValueError(f"epochs must be at least 1, got {epochs}.")
    if (evaluate is None) != (validation is None):
        raise ValueError("validation data and evaluate go together: give both or neither.")
    if patience is not None and monitor is None:
        raise ValueError(f"patience={patience} needs a monitor, the metric to watch.")
    if resume and checkpoint is None:
        raise ValueError("resume needs a checkpoint, the file to go on from.")

    spec = _as_spec(trainable, model)
    start = optimizer.init(eqx.filter(model, spec))
    now = _Progress(model, start, model if monitor else None, jnp.zeros((), jnp.int32))
    identity = {
        "batch_size": batch_size,
        "samples": samples,
        "key": np.asarray(jr.key_data(key)).tolist(),
    }
    history: list[Record] = []
    if resume and checkpoint is not None and os.path.exists(checkpoint):
        now, history = _resumed(checkpoint, now, identity)
        for record in history:
            _tell(on_epoch, record)

    bar = _bar(progress, epochs, len(history))
    best = _best_epoch(history, monitor, higher_is_better)
    while len(history) < epochs and not _waited(history, best, patience):
        epoch = len(history)
        moved, opt_state, train = _epoch(
            now.model, now.optimizer_state, data, jr.fold_in(key, epoch), spec, gradient,
            optimizer, batch_size, augment,
        )  # fmt: skip
        record = {"epoch": epoch + 1, **_floats("train", train)}
        if evaluate is not None:
            record |= _floats("validation", _evaluated(evaluate, moved, validation))
        _refuse_divergence(record)
        history.append(record)
        best = _best_epoch(history, monitor, higher_is_better)
        kept = moved if monitor and best == epoch + 1 else now.best
        now = _Progress(moved, opt_state, kept, jnp.asarray(epoch + 1, jnp.int32))
        if checkpoint is not None:
            save(checkpoint, now, dict(history=history, **identity))
        _tell(on_epoch, record)
        if bar is not None:
            bar.update()
    if bar is not None:
        bar.close()
    return Fit(now.best if monitor else now.model, history, best)


@eqx.filter_jit
def _epoch(
    model: Any,
    optimizer_state: PyTree,
    data: PyTree,
    key: PRNGKeyArray,
    spec: PyTree,
    gradient: Gradient | IncrementalGradient,
    optimizer: optax.GradientTransformation,
    batch_size: int,
    augment: Augment | None,
) -> tuple[Any, PyTree, Metrics]:
    """One pass over the data in a new order; metrics are means over its batches."""
    samples = _samples(data)
    batches = samples // batch_size
    order = jr.permutation(key, samples)[: batches * batch_size].reshape(batches, batch_size)
    arrays, rest = eqx.partition(model, eqx.is_array)

    def updated(model: Any, optimizer_state: PyTree, slope: PyTree) -> tuple[Any, PyTree]:
        with jax.numpy_dtype_promotion("standard"):  # optax counts steps in integers
            updates, optimizer_state = optimizer.update(
                eqx.filter(slope, spec), optimizer_state, eqx.filter(model, spec)
            )
        return eqx.apply_updates(model, updates), optimizer_state

    def on_batch(carry: PyTree, batch: tuple[Array, Array]) -> tuple[PyTree, Metrics]:
        arrays, optimizer_state = carry
        rows, number = batch
        model = eqx.combine(arrays, rest)
        chosen = jax.tree.map(lambda x: x[rows], data)
        key_of_batch = jr.fold_in(key, number)
        if augment is not None:
            chosen = augment(chosen, jr.fold_in(key_of_batch, batches))
        if not isinstance(gradient, IncrementalGradient):
            slope, metrics = cast(Gradient, gradient)(model, chosen, key_of_batch)
            model, optimizer_state = updated(model, optimizer_state, slope)
            return (eqx.filter(model, eqx.is_array), optimizer_state), metrics
        incremental = gradient

        def once(carry: PyTree, number: Array) -> tuple[PyTree, Metrics]:
            arrays, optimizer_state, state = carry
            model = eqx.combine(arrays, rest)
            slope, metrics, state = incremental(
                model, chosen, jr.fold_in(key_of_batch, number), state
            )
            model, optimizer_state = updated(model, optimizer_state, slope)
            return (eqx.filter(model, eqx.is_array), optimizer_state, state), metrics

        state = incremental.start(model, chosen)
        (arrays, optimizer_state, _), metrics = jax.lax.scan(
            once, (arrays, optimizer_state, state), jnp.arange(incremental.updates)
        )
        return (arrays, optimizer_state), _means(metrics)

    (arrays, optimizer_state), metrics = jax.lax.scan(
        with_fast_convolutions(on_batch), (arrays, optimizer_state), (order, jnp.arange(batches))
    )
    return eqx.combine(arrays, rest), optimizer_state, _means(metrics)


def _means(metrics: Metrics) -> Metrics:
    return jax.tree.map(lambda x: jnp.mean(x, axis=0), metrics)


@eqx.filter_jit
def _evaluated(evaluate: Evaluate, model: Any, data: PyTree) -> Metrics:
    arrays, rest = eqx.partition(model, eqx.is_array)

    def metrics(arrays: PyTree) -> Metrics:
        return evaluate(eqx.combine(arrays, rest), data)

    return with_fast_convolutions(metrics)(arrays)


def _samples(data: PyTree) -> int:
    sizes = {np.shape(x)[0] if np.ndim(x) else 0 for x in jax.tree.leaves(data)}
    if len(sizes) != 1:
        raise ValueError(
            f"data: every array needs the same number of samples, got {sorted(sizes)}."
        )
    return sizes.pop()


def _as_spec(trainable: Any, model: Any) -> PyTree:
    if callable(trainable) and not isinstance(trainable, eqx.Module):
        return jax.tree.map(trainable, model)
    return trainable


def _resumed(
    checkpoint: str | os.PathLike, like: _Progress, identity: dict[str, Any]
) -> tuple[_Progress, list[Record]]:
    notes = metadata_of(checkpoint)
    for name, value in identity.items():
        if notes.get(name) != value:
            raise ValueError(
                f"{checkpoint} was trained with {name}={notes.get(name)}, not {value}."
            )
    return load(checkpoint, like), notes["history"]


def _floats(prefix: str, metrics: Metrics) -> Record:
    return {f"{prefix}/{name}": float(value) for name, value in metrics.items()}


def _refuse_divergence(record: Record) -> None:
    for name, value in record.items():
        if not math.isfinite(value):
            raise FloatingPointError(f"fit diverged in epoch {record['epoch']}: {name} is {value}.")


def _best_epoch(history: list[Record], monitor: str | None, higher_is_better: bool) -> int | None:
    """The first epoch (from 1) with the best value of the monitored metric."""
    if monitor is None or not history:
        return None
    name = f"validation/{monitor}"
    if name not in history[0]:
        known = [n.removeprefix("validation/") for n in history[0] if n.startswith("validation/")]
        raise ValueError(f"monitor={monitor!r} is not one of the metrics {known}.")
    values = [record[name] for record in history]
    return values.index(max(values) if higher_is_better else min(values)) + 1


def _waited(history: list, best: int | None, patience: int | None) -> bool:
    return patience is not None and best is not None and len(history) - best >= patience


def _tell(on_epoch: Callable[[Record], None] | None, record: Record) -> None:
    if on_epoch is not None:
        on_epoch(record)


def _bar(progress: bool, epochs: int, done: int) -> Any:
    if not progress:
        return None
    try:
        from tqdm.auto import tqdm
    except ImportError:
        raise ImportError("progress=True needs tqdm, which is not installed.") from None
    return tqdm(total=epochs, initial=done, unit="epoch")
