"""The training loop."""

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
from jax.typing import DTypeLike
from jaxtyping import Array, Int, PRNGKeyArray, PyTree

from ..core import load, metadata_of, save, with_fast_convolutions
from ._devices import mesh_of, placed, placed_by_size, refuse_unequal_parts
from ._epochs import over_arrays, over_batches, refuse_no_loader, samples_of
from ._update import Augment, Gradient, IncrementalGradient, Metrics, Training, as_compute_dtype

Record = dict[str, int | float]
Batches = Iterable[PyTree] | Callable[[int], Iterable[PyTree]]
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
    data: PyTree | Batches,
    gradient: Gradient | IncrementalGradient,
    *,
    optimizer: optax.GradientTransformation,
    epochs: int,
    batch_size: int | None = None,
    key: PRNGKeyArray,
    trainable: PyTree | Callable[[Any], bool] = eqx.is_inexact_array,
    augment: Augment | None = None,
    validation: PyTree | None = None,
    evaluate: Evaluate | None = None,
    monitor: str | None = None,
    higher_is_better: bool = False,
    patience: int | None = None,
    devices: Sequence[Any] | None = None,
    compute_dtype: DTypeLike | None = None,
    progress: bool = False,
    checkpoint: str | os.PathLike | None = None,
    resume: bool = False,
    on_epoch: Callable[[Record], None] | None = None,
) -> Fit:
    """Train a model by any source of gradients (of a loss, or a local rule's) through optax.

    - `data`: a pytree of arrays with samples first. Each epoch visits a new random order in
      batches of `batch_size`; what does not fill a batch waits for another epoch. Data that a
      device's memory does not hold comes without `batch_size`: anything that can be iterated over
      once an epoch and yields batches, pytrees of numpy arrays with samples first (a list, a
      `grain.DataLoader`), or a function of the epoch, from 0, that returns such an iterable. Sizes
      and order of the batches are then the loader's: many, as grain's, go through the same order
      each time, and a function can give each epoch a seed.
    - `gradient(model, batch, key) -> (gradient, metrics)`: in the model's structure, of the batch's
      mean; metrics are scalars. An `IncrementalGradient` makes several updates on each batch.
    - `trainable`: which leaves move: a pytree of bools in the model's structure, or a filter.
    - `augment(batch, key) -> batch`: what each batch goes through first, such as random shifts.
    - `evaluate(model, validation) -> metrics` after each epoch. With `monitor` naming one of them,
      the best model so far is kept and returned, and training stops after `patience` epochs
      without a better one.
    - `devices`: such as `jax.devices()`. Each batch is divided among them by samples; model,
      optimizer state and arrays of `data` are whole on each, as is the model that is returned. The
      numbers are those of one device but for the rounding of sums, whatever the gradient is: XLA
      divides the one program. An `eqx.error_if` that fails on one of several devices ends the
      process, as the others wait for it.
    - `compute_dtype`: `"bfloat16"`, for accelerators (on a CPU it is slower). The gradient sees the
      real numbers of model and batch, after `augment`, in it; parameters, optimizer state, means of
      metrics and `evaluate` stay as precise as they are. Not float16, of which losses would have to
      be scaled; and not for gradients that run `simulate`, whose time is in single precision.
    - `checkpoint`: a file, rewritten whole after each epoch; with `resume` a file that is there is
      gone on from, bitwise as if training had never stopped, where the devices are as many and a
      loader's batches those that would have come.
    - `on_epoch(record)`: called with each epoch's record, also those read from a checkpoint.

    Raises `ValueError` or `TypeError` for arguments that do not fit, and `FloatingPointError` when
    a metric is no longer finite; the checkpoint then is that of the epoch before.
    """
    samples = None
    mesh = None if devices is None else mesh_of(devices)
    if batch_size is None:
        refuse_no_loader(data)
    else:
        samples = samples_of(data)
        if not 1 <= batch_size <= samples:
            raise ValueError(
                f"batch_size must be between 1 and the {samples} samples, got {batch_size}."
            )
        refuse_unequal_parts(batch_size, mesh, "batch_size")
    if epochs < 1:
        raise ValueError(f"epochs must be at least 1, got {epochs}.")
    if (evaluate is None) != (validation is None):
        raise ValueError("validation data and evaluate go together: give both or neither.")
    if patience is not None and monitor is None:
        raise ValueError(f"patience={patience} needs a monitor, the metric to watch.")
    if resume and checkpoint is None:
        raise ValueError("resume needs a checkpoint, the file to go on from.")

    spec = _as_spec(trainable, model)
    dtype = as_compute_dtype(compute_dtype)
    training = placed(Training(gradient, optimizer, spec, augment, dtype, mesh), mesh)
    start = optimizer.init(eqx.filter(model, spec))
    now = _Progress(model, start, model if monitor else None, jnp.zeros((), jnp.int32))
    identity = {
        "batch_size": batch_size,
        "samples": samples,
        "key": np.asarray(jr.key_data(key)).tolist(),
        "compute_dtype": None if dtype is None else dtype.name,
    }
    history: list[Record] = []
    if resume and checkpoint is not None and os.path.exists(checkpoint):
        now, history = _resumed(checkpoint, now, identity)
        for record in history:
            _tell(on_epoch, record)

    now, key, validation = placed(now, mesh), placed(key, mesh), placed_by_size(validation, mesh)
    data = data if batch_size is None else placed(data, mesh)
    bar = _bar(progress, epochs, len(history))
    best = _best_epoch(history, monitor, higher_is_better)
    while len(history) < epochs and not _waited(history, best, patience):
        epoch = len(history)
        moved, opt_state, train = _epoch(
            training, now.model, now.optimizer_state, data, batch_size, key, epoch
        )
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


def _epoch(
    training: Training,
    model: Any,
    optimizer_state: PyTree,
    data: Any,
    batch_size: int | None,
    key: PRNGKeyArray,
    epoch: int,
) -> tuple[Any, PyTree, Mapping[str, Any]]:
    key = jr.fold_in(key, epoch)
    if batch_size is None:
        return over_batches(training, model, optimizer_state, data, epoch, key)
    return over_arrays(training, model, optimizer_state, data, batch_size, key)


@eqx.filter_jit
def _evaluated(evaluate: Evaluate, model: Any, data: PyTree) -> Metrics:
    arrays, rest = eqx.partition(model, eqx.is_array)

    def metrics(arrays: PyTree) -> Metrics:
        return evaluate(eqx.combine(arrays, rest), data)

    return with_fast_convolutions(metrics)(arrays)


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


def _floats(prefix: str, metrics: Mapping[str, Any]) -> Record:
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
