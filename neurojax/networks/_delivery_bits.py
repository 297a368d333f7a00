"""Delivery on a CPU: the spikes as bits, and loops over those that are set.

Nothing here is a scatter or a gather, so that all is one native function (`core.native`): of the
network CUBA (4,000 neurons, 2.4 spikes a step) half the time of one scatter for each spike.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, PyTree, UInt32

from ..core import for_each_row, row, with_row
from ._delivery_targets import Layout


def deliver(
    spikes: Float[Array, "batch n_pre"],
    weights: Array,
    index: Array,
    starts: Array | None,
    *,
    layout: Layout,
) -> Float[Array, "batch n_post"]:
    """What arrives; the work is that of the synapses of the neurons that spiked."""

    def event(b: Array, i: Array, out: Array) -> Array:
        return _rows_of(i, starts, lambda r, out: add(b, r, at(spikes, b, i), out), out)

    def add_aligned(b: Array, r: Array, value: Array, out: Array) -> Array:
        sent = weights if weights.ndim == 0 else row(weights, r)
        arriving = jnp.where(row(index, r) < layout.n_post, value * sent, 0)
        return with_row(out, row(out, b) + jnp.pad(arriving, (0, 1)), b)

    def add_synapses(b: Array, r: Array, value: Array, out: Array) -> Array:
        def synapse(f: Array, out: Array) -> Array:
            to = at(index, r, f).astype(jnp.uint32)
            sent = weights if weights.ndim == 0 else at(weights, r, f)
            return put(out, at(out, b, to) + value * sent, b, to)

        return for_each_row(index.shape[1], synapse, out)

    add = add_aligned if layout.aligned else add_synapses
    none = jnp.zeros((spikes.shape[0], layout.n_post + 1), spikes.dtype)
    return for_each_event(spikes != 0, event, none)[:, :-1]


def gather(
    weights: Array,
    arriving: Float[Array, "batch n_post"],
    felt: Bool[Array, "batch n_pre"],
    index: Array,
    starts: Array | None,
    *,
    layout: Layout,
) -> Float[Array, "batch n_pre"]:
    """Of each neuron that is felt, the sum over its synapses of weight times `arriving` there."""
    arriving = jnp.pad(arriving, ((0, 0), (0, 1)))

    def event(b: Array, i: Array, sums: Array) -> Array:
        def add(r: Array, total: Array) -> Array:
            there = _at_targets(arriving, b, index, r)
            return total + jnp.sum(there * (weights if weights.ndim == 0 else row(weights, r)))

        return put(sums, _rows_of(i, starts, add, jnp.zeros((), arriving.dtype)), b, i)

    return for_each_event(felt, event, jnp.zeros(felt.shape, arriving.dtype))


def outer(
    spikes: Float[Array, "batch n_pre"],
    arriving: Float[Array, "batch n_post"],
    index: Array,
    starts: Array | None,
    *,
    layout: Layout,
) -> Float[Array, "rows width"]:
    """Of each synapse, the sum over the batch of spike times `arriving` where it goes."""
    arriving = jnp.pad(arriving, ((0, 0), (0, 1)))

    def event(b: Array, i: Array, rows: Array) -> Array:
        def add(r: Array, rows: Array) -> Array:
            there = _at_targets(arriving, b, index, r)
            return with_row(rows, row(rows, r) + at(spikes, b, i) * there, r)

        return _rows_of(i, starts, add, rows)

    return for_each_event(spikes != 0, event, jnp.zeros(index.shape, arriving.dtype))


def for_each_event(
    events: Bool[Array, "batch n"],
    step: Callable[[Array, Array, PyTree[Array]], PyTree[Array]],
    carry: PyTree[Array],
) -> PyTree[Array]:
    """`carry = step(b, i, carry)` for each event [b, i]: of one sample after another, in an order
    that depends on n alone."""
    words = _packed(events)

    def one_word(b: Array, k: Array, carry: PyTree[Array]) -> PyTree[Array]:
        def one_bit(state: tuple[Array, PyTree[Array]]) -> tuple[Array, PyTree[Array]]:
            word, carry = state
            lowest = word & -word
            i = lax.population_count(lowest - jnp.uint32(1)) * jnp.uint32(words.shape[1]) + k
            return word ^ lowest, step(b, i, carry)

        return lax.while_loop(lambda state: state[0] != 0, one_bit, (at(words, b, k), carry))[1]

    def one_sample(b: Array, carry: PyTree[Array]) -> PyTree[Array]:
        return for_each_row(words.shape[1], lambda k, carry: one_word(b, k, carry), carry)

    return for_each_row(words.shape[0], one_sample, carry)


def _packed(events: Bool[Array, "batch n"]) -> UInt32[Array, "batch words"]:
    """Bit j of word k is event j · words + k: neighbours in neighbouring words, so that this is
    vector arithmetic. (The bytes of `core.packed`, for recordings, are four times as many to look
    at.)"""
    batch, n = events.shape
    parts = jnp.pad(events, ((0, 0), (0, -n % 32))).reshape(batch, 32, -1).astype(jnp.uint32)
    words = parts[:, 0]
    for j in range(1, 32):
        words = words | (parts[:, j] << jnp.uint32(j))
    return words


def _rows_of(
    i: Array,
    starts: Array | None,
    step: Callable[[Array, PyTree[Array]], PyTree[Array]],
    carry: PyTree[Array],
) -> PyTree[Array]:
    """`carry = step(r, carry)` for each row r of neuron i, of one row each without starts."""
    if starts is None:
        return step(i, carry)
    first, end = (row(starts, k).astype(jnp.uint32) for k in (i, i + jnp.uint32(1)))

    def next_row(state: tuple[Array, PyTree[Array]]) -> tuple[Array, PyTree[Array]]:
        r, carry = state
        return r + jnp.uint32(1), step(r, carry)

    return lax.while_loop(lambda state: state[0] < end, next_row, (first, carry))[1]


def _at_targets(arriving: Array, b: Array, index: Array, r: Array) -> Float[Array, " width"]:
    """What arrives at the targets of row r."""

    def one(f: Array, there: Array) -> Array:
        return with_row(there, at(arriving, b, at(index, r, f).astype(jnp.uint32)), f)

    return for_each_row(index.shape[1], one, jnp.zeros(index.shape[1], arriving.dtype))


def at(x: Array, i: Array, k: Array) -> Array:
    """x[i, k]; the indices are unsigned, and so not looked at for being negative."""
    return lax.dynamic_slice(x, (i, k), (1, 1)).reshape(())


def put(x: Array, value: Array, i: Array, k: Array) -> Array:
    """x, with value at [i, k]."""
    return lax.dynamic_update_slice(x, jax.lax.reshape(value, (1, 1)), (i, k))
