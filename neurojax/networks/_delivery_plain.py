"""Delivery by operations on whole arrays: plainly over all synapses, over those of a limited number
of rows, or as a product of matrices."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from ._delivery_targets import LARGEST, Layout, dense, source_of_rows

# "compact" has room for one row in this many, and at least for so many rows: at 0.1 ms a step, the
# spikes of a population of neurons at 300 Hz each.
COMPACT_ONE_IN, COMPACT_LEAST = 32, 16
# GPUs and TPUs would round what they multiply to half of the digits.
EXACT = lax.Precision.HIGHEST


def deliver(
    spikes: Float[Array, "batch n_pre"],
    weights: Array,
    index: Array,
    starts: Array,
    *,
    layout: Layout,
) -> Float[Array, "batch n_post"]:
    """What arrives, over all synapses."""
    source = source_of_rows(index, starts, layout)

    def of_sample(spikes: Array) -> Array:
        none = jnp.zeros(layout.n_post + 1, spikes.dtype)
        return none.at[index].add(spikes[source][:, None] * weights)[:-1]

    return _each(of_sample, spikes)


def gather(
    weights: Array,
    arriving: Float[Array, "batch n_post"],
    felt: Bool[Array, "*batch_n_pre"],
    index: Array,
    starts: Array,
    *,
    layout: Layout,
) -> Float[Array, "batch n_pre"]:
    """Of each neuron that is felt, the sum over its synapses of weight times `arriving` there."""

    def of_sample(arriving: Array) -> Array:
        rows = jnp.sum(weights * jnp.pad(arriving, (0, 1))[index], axis=1)
        if not layout.split:
            return rows
        none = jnp.zeros(layout.n_pre, rows.dtype)
        return none.at[source_of_rows(index, starts, layout)].add(rows)

    return jnp.where(felt, _each(of_sample, arriving), 0)


def outer(
    spikes: Float[Array, "batch n_pre"],
    arriving: Float[Array, "batch n_post"],
    index: Array,
    starts: Array,
    *,
    layout: Layout,
) -> Float[Array, "rows width"]:
    """Of each synapse, the sum over the batch of spike times `arriving` where it goes."""
    source = source_of_rows(index, starts, layout)

    def add(rows: Array, sample: tuple[Array, Array]) -> tuple[Array, None]:
        spikes, arriving = sample
        return rows + spikes[source][:, None] * jnp.pad(arriving, (0, 1))[index], None

    return lax.scan(add, jnp.zeros(index.shape, arriving.dtype), (spikes, arriving))[0]


def _each(function: Callable[[Array], Array], samples: Array) -> Array:
    """Of each sample; in turn, for the memory of all synapses times all samples is too much."""
    if samples.shape[0] == 1:
        return function(samples[0])[None]
    return lax.map(function, samples)


class Events(NamedTuple):
    """The rows that something is sent through, as many as there is room for; `fits` tells whether
    these are all. `value` is 0 where there is none."""

    sample: Int[Array, " room"]
    row: Int[Array, " room"]
    value: Float[Array, " room"]
    fits: Bool[Array, ""]


def compact_deliver(
    spikes: Float[Array, "batch n_pre"],
    weights: Array,
    index: Array,
    starts: Array,
    *,
    layout: Layout,
) -> Float[Array, "batch n_post"]:
    """What arrives, by one scatter of a limited number of rows; by `deliver` if there are more."""
    events = _compacted(spikes, index, starts, layout)

    def few() -> Array:
        sent = weights if weights.ndim == 0 else weights[events.row]
        none = jnp.zeros((spikes.shape[0], layout.n_post + 1), spikes.dtype)
        to = index[events.row]
        sample = jnp.broadcast_to(events.sample[:, None], to.shape)
        return none.at[sample, to].add(events.value[:, None] * sent)[:, :-1]

    def many() -> Array:
        return deliver(spikes, weights, index, starts, layout=layout)

    return lax.cond(events.fits, few, many)


def compact_outer(
    spikes: Float[Array, "batch n_pre"],
    arriving: Float[Array, "batch n_post"],
    index: Array,
    starts: Array,
    *,
    layout: Layout,
) -> Float[Array, "rows width"]:
    """`outer`, of a limited number of rows; of all if there are more."""
    events = _compacted(spikes, index, starts, layout)

    def few() -> Array:
        there = jnp.pad(arriving, ((0, 0), (0, 1)))[events.sample[:, None], index[events.row]]
        none = jnp.zeros(index.shape, arriving.dtype)
        return none.at[events.row].add(events.value[:, None] * there)

    def many() -> Array:
        return outer(spikes, arriving, index, starts, layout=layout)

    return lax.cond(events.fits, few, many)


def _compacted(spikes: Array, index: Array, starts: Array, layout: Layout) -> Events:
    """Each event's place is the number of those before it."""
    values = spikes[:, source_of_rows(index, starts, layout)]
    rows = values.shape[1]
    if values.size > LARGEST:
        raise ValueError(
            "deliver: spikes must be of at most 2**31 - 1 rows times samples for backend "
            f"'compact', got {rows} rows for {values.shape[0]} samples."
        )
    flat = values.reshape(-1)
    room = min(max(flat.size // COMPACT_ONE_IN, COMPACT_LEAST), flat.size)
    count = jnp.cumsum(flat != 0, dtype=jnp.int32)
    place = jnp.where(flat != 0, count - 1, room)
    none = jnp.zeros(room, jnp.int32)
    which = none.at[place].set(jnp.arange(flat.size, dtype=jnp.int32), mode="drop")
    there = jnp.arange(room, dtype=jnp.int32) < count[-1]
    value = jnp.where(there, flat[which], 0)
    return Events(which // rows, which % rows, value, count[-1] <= room)


def dense_deliver(
    spikes: Float[Array, "batch n_pre"],
    weights: Array,
    index: Array,
    starts: Array,
    *,
    layout: Layout,
) -> Float[Array, "batch n_post"]:
    """What arrives, as a product with the matrix of weights."""
    return jnp.matmul(spikes, dense(weights, index, starts, layout), precision=EXACT)


def dense_gather(
    weights: Array,
    arriving: Float[Array, "batch n_post"],
    felt: Bool[Array, "*batch_n_pre"],
    index: Array,
    starts: Array,
    *,
    layout: Layout,
) -> Float[Array, "batch n_pre"]:
    """`gather`, as a product with the matrix transposed."""
    return jnp.where(
        felt, jnp.matmul(arriving, dense(weights, index, starts, layout).T, precision=EXACT), 0
    )


def dense_outer(
    spikes: Float[Array, "batch n_pre"],
    arriving: Float[Array, "batch n_post"],
    index: Array,
    starts: Array,
    *,
    layout: Layout,
) -> Float[Array, "rows width"]:
    """`outer`, picked from the product of the two."""
    product = jnp.matmul(spikes.T, arriving, precision=EXACT)
    if layout.aligned:
        return jnp.where(index < layout.n_post, product, 0)
    source = source_of_rows(index, starts, layout)[:, None]
    return jnp.pad(product, ((0, 0), (0, 1)))[source, index]
