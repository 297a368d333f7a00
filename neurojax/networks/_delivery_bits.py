"""Delivery on a CPU: the spikes as bits, and loops over those that are set.

Nothing here is a scatter or a gather, so that all is one native function (`core.native`): of the
network CUBA (4,000 neurons, 2.4 spikes a step) half the time of one scatter for each spike.
"""

from collections.abc import Callable

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, PyTree, UInt32

from ..core import for_each_row, row, with_row
from ._delivery_targets import Layout

Function = Callable[..., Array]


def deliver(
    spikes: Float[Array, "batch n_pre"],
    weights: Array,
    index: Array,
    starts: Array,
    *,
    layout: Layout,
    compiled: Callable[[Function], Function],
) -> Float[Array, "batch n_post"]:
    """What arrives; the work is that of the synapses of the neurons that spiked."""

    def loop(words: Array, out: Array, spikes: Array, weights: Array, *rows: Array) -> Array:
        def add_aligned(b: Array, r: Array, value: Array, out: Array) -> Array:
            sent = weights if weights.ndim == 0 else row(weights, r)
            arriving = jnp.where(row(rows[0], r) < layout.n_post, value * sent, 0)
            return with_row(out, row(out, b) + jnp.pad(arriving, (0, 1)), b)

        def add_synapses(b: Array, r: Array, value: Array, out: Array) -> Array:
            def synapse(f: Array, out: Array) -> Array:
                to = _at(rows[0], r, f).astype(jnp.uint32)
                sent = weights if weights.ndim == 0 else _at(weights, r, f)
                return _put(out, _at(out, b, to) + value * sent, b, to)

            return for_each_row(index.shape[1], synapse, out)

        add = add_aligned if layout.aligned else add_synapses

        def event(b: Array, i: Array, out: Array) -> Array:
            value = _at(spikes, b, i)
            return _for_rows_of(i, rows[1:], lambda r, out: add(b, r, value, out), out)

        return _for_each_event(words, event, out)

    none = jnp.zeros((spikes.shape[0], layout.n_post + 1), spikes.dtype)
    rows = _rows(index, starts, layout)
    return compiled(loop)(_packed(spikes != 0), none, spikes, weights, *rows)[:, :-1]


def gather(
    weights: Array,
    arriving: Float[Array, "batch n_post"],
    felt: Bool[Array, "batch n_pre"],
    index: Array,
    starts: Array,
    *,
    layout: Layout,
    compiled: Callable[[Function], Function],
) -> Float[Array, "batch n_pre"]:
    """Of each neuron that is felt, the sum over its synapses of weight times `arriving` there."""

    def loop(words: Array, sums: Array, weights: Array, arriving: Array, *rows: Array) -> Array:
        def event(b: Array, i: Array, sums: Array) -> Array:
            def add(r: Array, total: Array) -> Array:
                there = _at_targets(arriving, b, rows[0], r)
                return total + jnp.sum(there * (weights if weights.ndim == 0 else row(weights, r)))

            zero = jnp.zeros((), arriving.dtype)
            return _put(sums, _for_rows_of(i, rows[1:], add, zero), b, i)

        return _for_each_event(words, event, sums)

    none = jnp.zeros(felt.shape, arriving.dtype)
    rows = _rows(index, starts, layout)
    return compiled(loop)(_packed(felt), none, weights, _with_slot(arriving), *rows)


def outer(
    spikes: Float[Array, "batch n_pre"],
    arriving: Float[Array, "batch n_post"],
    index: Array,
    starts: Array,
    *,
    layout: Layout,
    compiled: Callable[[Function], Function],
) -> Float[Array, "rows width"]:
    """Of each synapse, the sum over the batch of spike times `arriving` where it goes."""

    def loop(words: Array, spikes: Array, arriving: Array, *rows: Array) -> Array:
        def event(b: Array, i: Array, sums: Array) -> Array:
            def add(r: Array, sums: Array) -> Array:
                there = _at_targets(arriving, b, rows[0], r)
                return with_row(sums, row(sums, r) + _at(spikes, b, i) * there, r)

            return _for_rows_of(i, rows[1:], add, sums)

        return _for_each_event(words, event, jnp.zeros(index.shape, arriving.dtype))

    rows = _rows(index, starts, layout)
    return compiled(loop)(_packed(spikes != 0), spikes, _with_slot(arriving), *rows)


def _rows(index: Array, starts: Array, layout: Layout) -> tuple[Array, ...]:
    """What a loop needs to know of the rows: native code must use all that it is given."""
    return (index, starts) if layout.split else (index,)


def _with_slot(arriving: Float[Array, "batch n_post"]) -> Float[Array, "batch n_post+1"]:
    """With a zero where empty slots point to."""
    return jnp.pad(arriving, ((0, 0), (0, 1)))


def _for_each_event(
    words: UInt32[Array, "batch words"],
    step: Callable[[Array, Array, PyTree[Array]], PyTree[Array]],
    carry: PyTree[Array],
) -> PyTree[Array]:
    """`carry = step(b, i, carry)` for each event [b, i]: of one sample after another, in an order
    that depends on n alone."""

    def one_word(b: Array, k: Array, carry: PyTree[Array]) -> PyTree[Array]:
        def one_bit(state: tuple[Array, PyTree[Array]]) -> tuple[Array, PyTree[Array]]:
            word, carry = state
            lowest = word & -word
            i = lax.population_count(lowest - jnp.uint32(1)) * jnp.uint32(words.shape[1]) + k
            return word ^ lowest, step(b, i, carry)

        return lax.while_loop(lambda state: state[0] != 0, one_bit, (_at(words, b, k), carry))[1]

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


def _for_rows_of(
    i: Array,
    starts: tuple[Array, ...],
    step: Callable[[Array, PyTree[Array]], PyTree[Array]],
    carry: PyTree[Array],
) -> PyTree[Array]:
    """`carry = step(r, carry)` for each row r of neuron i, of which there is one without starts."""
    if not starts:
        return step(i, carry)
    first, end = (row(starts[0], k).astype(jnp.uint32) for k in (i, i + jnp.uint32(1)))

    def next_row(state: tuple[Array, PyTree[Array]]) -> tuple[Array, PyTree[Array]]:
        r, carry = state
        return r + jnp.uint32(1), step(r, carry)

    return lax.while_loop(lambda state: state[0] < end, next_row, (first, carry))[1]


def _at_targets(arriving: Array, b: Array, index: Array, r: Array) -> Float[Array, " width"]:
    """What arrives at the targets of row r."""

    def one(f: Array, there: Array) -> Array:
        return with_row(there, _at(arriving, b, _at(index, r, f).astype(jnp.uint32)), f)

    return for_each_row(index.shape[1], one, jnp.zeros(index.shape[1], arriving.dtype))


def _at(x: Array, i: Array, k: Array) -> Array:
    """x[i, k]; the indices are unsigned, and so not looked at for being negative."""
    return lax.dynamic_slice(x, (i, k), (1, 1)).reshape(())


def _put(x: Array, value: Array, i: Array, k: Array) -> Array:
    """x, with value at [i, k]."""
    return lax.dynamic_update_slice(x, value.reshape(1, 1), (i, k))
