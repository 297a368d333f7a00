"""One pass over the data: over arrays in a new order, or over the batches of a loader."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, PRNGKeyArray, PyTree

from ._devices import DIVIDED, placed, refuse_unequal_parts
from ._update import Keys, Training, mean_over_first, on_batch

# What is folded into the key of a loader's batch for `augment`: no update has this number.
AUGMENT = 2**31 - 1


@eqx.filter_jit
def over_arrays(
    training: Training,
    model: Any,
    optimizer_state: PyTree,
    data: PyTree,
    batch_size: int,
    key: PRNGKeyArray,
) -> tuple[Any, PyTree, PyTree]:
    """One pass over the data in a new order; metrics are means over its batches."""
    samples = samples_of(data)
    batches = samples // batch_size
    order = jr.permutation(key, samples)[: batches * batch_size].reshape(batches, batch_size)
    arrays, rest = eqx.partition(model, eqx.is_array)

    def next_batch(carry: PyTree, batch: tuple[Array, Array]) -> tuple[PyTree, PyTree]:
        arrays, optimizer_state = carry
        rows, number = batch
        key_of_batch = jr.fold_in(key, number)
        model, optimizer_state, metrics = on_batch(
            training,
            eqx.combine(arrays, rest),
            optimizer_state,
            jax.tree.map(lambda x: x[rows], data),
            Keys(key_of_batch, jr.fold_in(key_of_batch, batches)),
        )
        return (eqx.filter(model, eqx.is_array), optimizer_state), metrics

    (arrays, optimizer_state), metrics = jax.lax.scan(
        next_batch, (arrays, optimizer_state), (order, jnp.arange(batches))
    )
    return eqx.combine(arrays, rest), optimizer_state, mean_over_first(metrics)


def over_batches(
    training: Training,
    model: Any,
    optimizer_state: PyTree,
    loader: Any,
    epoch: int,
    key: PRNGKeyArray,
) -> tuple[Any, PyTree, Mapping[str, Any]]:
    """One pass over a loader's batches of an epoch, from 0; metrics are means over them.

    The device is at work on one batch while the loader makes the next; only two are on it.
    """
    fixed, unmoved = eqx.partition(training, eqx.is_array)
    arrays, rest = eqx.partition((model, optimizer_state), eqx.is_array)
    leaves, structure = jax.tree.flatten((unmoved, rest))
    batches: Any = loader(epoch) if callable(loader) else loader
    told = []
    for number, batch in enumerate(batches):
        jax.block_until_ready(told[-2:-1])
        arrays, metrics = _one_batch(
            (tuple(leaves), structure),
            fixed,
            arrays,
            _on_devices(batch, training.mesh),
            key,
            jnp.asarray(number),
        )
        told.append(metrics)
    if not told:
        raise ValueError(f"data: the loader gave no batch in epoch {epoch + 1}.")
    means = jax.tree.map(lambda *values: np.mean(values, axis=0), *jax.device_get(told))
    return *eqx.combine(arrays, rest), means


@partial(jax.jit, static_argnums=0)  # eqx.filter_jit would wait for the result
def _one_batch(
    static: tuple, fixed: PyTree, arrays: PyTree, batch: PyTree, key: PRNGKeyArray, number: Array
) -> tuple[PyTree, PyTree]:
    """The arrays of model and optimizer's state after a batch, and its metrics."""
    leaves, structure = static
    unmoved, rest = structure.unflatten(leaves)
    key = jr.fold_in(key, number)
    keys = Keys(key, jr.fold_in(key, AUGMENT))
    model, optimizer_state = eqx.combine(arrays, rest)
    training = eqx.combine(fixed, unmoved)
    model, optimizer_state, metrics = on_batch(training, model, optimizer_state, batch, keys)
    return eqx.filter((model, optimizer_state), eqx.is_array), metrics


def refuse_no_loader(data: Any) -> None:
    """Data without `batch_size` that is no loader of batches."""
    if isinstance(data, tuple | Mapping | np.ndarray | jax.Array):
        raise ValueError(
            "data of arrays needs a batch_size; without one, data is an iterable of batches or a "
            f"function of the epoch, got a {type(data).__name__}."
        )
    if isinstance(data, Iterator):
        raise ValueError(
            f"data is an iterator ({type(data).__name__}), spent after an epoch: give what it "
            "iterates over, or a function of the epoch that makes one."
        )
    if not callable(data) and not isinstance(data, Iterable):
        raise TypeError(
            "data without batch_size must be an iterable of batches or a function of the epoch, "
            f"got a {type(data).__name__}."
        )


def samples_of(data: PyTree) -> int:
    """Of a pytree of arrays, each with that many first."""
    leaves = jax.tree.leaves(data)
    for leaf in leaves:
        if not isinstance(leaf, np.ndarray | jax.Array):
            raise TypeError(
                f"data: every leaf must be an array, got a {type(leaf).__name__} (batch_size is "
                "for arrays, and not for a loader of batches)."
            )
    sizes = {x.shape[0] if x.ndim else 0 for x in leaves}
    if len(sizes) != 1:
        raise ValueError(
            f"data: every array needs the same number of samples, got {sorted(sizes)}."
        )
    return sizes.pop()


def _on_devices(batch: PyTree, mesh: Mesh | None) -> PyTree:
    """A loader's batch, copied: on a CPU jax would go on reading memory that a loader may reuse."""
    refuse_unequal_parts(samples_of(batch), mesh, "the samples of a batch")
    own = jax.tree.map(lambda x: x.copy() if isinstance(x, np.ndarray) else x, batch)
    return placed(own, mesh, DIVIDED)
