"""Loops over steps: fast on a CPU, and with a gradient that remembers little."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun, jaxprs_in_params
from jaxtyping import Array, PyTree

from ._convolutions import with_fast_convolutions
from ._native import (
    NATIVE_STATE_LIMIT,
    bytes_of,
    inlined,
    is_large,
    is_native,
    native,
    reverse_limit,
    unless_differentiated,
)

# A gradient stores one state a step; beyond this many bytes (about a core's cache) it stores one
# in about sqrt(steps): recomputing the steps between costs no more than the memory did. (But what
# comes out of each step is then written twice.)
STACKED_STATES_LIMIT = 2**22
# Products of matrices and convolutions cost more than that memory.
DEAR_STATES_LIMIT = 2**28

# A small step costs a GPU the launches of its kernels: eight steps in a pass of the loop halve that
# (27 and 12 ms for jaxpike on a T4, says its source). On a CPU they are several times slower.
UNROLLED_STEPS, SMALL_EQUATIONS = 8, 200

# The name by which a solver marks what is dear to compute and cheap to keep (`checkpoint_name`).
SOLVED = "solved"

Body = Callable[[PyTree, PyTree], tuple[PyTree, PyTree]]


def scan(body: Body, carry: PyTree, rows: PyTree, length: int) -> tuple[PyTree, PyTree]:
    """`body(carry, row) -> (carry, out)` for each of the `length` rows of an array; outs are
    stacked.

    Each body is rematerialised in the gradient, so that only the carry is stored for each step, and
    what is marked as SOLVED, unless its gradient needs no more than that; where those are many,
    blocks of about sqrt(length) are rematerialised as well.
    """
    body = with_fast_convolutions(body)
    if length < 4 or _is_stackable(body, carry, rows, length):
        return _loop(body, carry, rows, length, 1)
    block = round(length**0.5)
    whole = length - length % block
    carry, out = _loop(body, carry, jax.tree.map(lambda x: x[:whole], rows), whole // block, block)
    out = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), out)
    if whole == length:
        return carry, out
    last = jax.tree.map(lambda x: x[whole:], rows)
    carry, rest = _loop(body, carry, last, length - whole, 1)
    return carry, jax.tree.map(lambda a, b: jnp.concatenate([a, b]), out, rest)


def _is_stackable(body: Body, carry: PyTree, rows: PyTree, length: int) -> bool:
    """Whether a gradient may well store all states: few bytes for what they cost, or no more than
    what the loop takes and gives, which is all in memory in any case."""
    stacked = length * bytes_of(carry)
    if stacked <= STACKED_STATES_LIMIT:
        return True
    row = _row_of(rows)
    program, (_, out) = jax.make_jaxpr(body, return_shape=True)(carry, row)
    if stacked <= DEAR_STATES_LIMIT and _is_dear(program.jaxpr):
        return True
    return bytes_of(row) + bytes_of(out) >= bytes_of(carry)


def _is_dear(jaxpr: Any) -> bool:
    """Whether a program has products of matrices or convolutions."""
    return any(
        equation.primitive.name in ("dot_general", "conv_general_dilated")
        or any(map(_is_dear, jaxprs_in_params(equation.params)))
        for equation in jaxpr.eqns
    )


def _row_of(rows: PyTree) -> PyTree:
    """What a row of them looks like."""
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), rows)


def _loop(
    body: Body, carry: PyTree, rows: PyTree, blocks: int, block: int
) -> tuple[PyTree, PyTree]:
    """`blocks` times `block` steps, natively where that can be."""
    # Of a loop of one step XLA makes wrong native code.
    if blocks < 2 or jax.default_backend() != "cpu" or bytes_of(carry) > NATIVE_STATE_LIMIT:
        return _rematerialised(body, carry, rows, blocks, block)
    program, shape = jax.make_jaxpr(body, return_shape=True)(carry, _row_of(rows))
    # XLA drops what is done with empty arrays, and then has no place for what it was done with.
    if not is_native(program.jaxpr) or any(x.size == 0 for x in program.consts):
        return _rematerialised(body, carry, rows, blocks, block)

    program = inlined(program)

    def loop(carry: PyTree, rows: PyTree, closed_over: list[Array]) -> tuple[PyTree, PyTree]:
        """What the body closes over are arguments."""
        step = jaxpr_as_fun(ClosedJaxpr(program.jaxpr, closed_over))

        def body(carry: PyTree, row: PyTree) -> tuple[PyTree, PyTree]:
            return jax.tree.unflatten(
                jax.tree.structure(shape), step(*jax.tree.leaves((carry, row)))
            )

        return _rematerialised(body, carry, rows, blocks, block)

    closed_over = [jnp.asarray(x) for x in program.consts]
    run = native(loop)
    arrays = [*jax.tree.leaves(carry), *closed_over]
    if any(is_large(x) for x in arrays) or bytes_of(carry) > reverse_limit(program.jaxpr):
        run = unless_differentiated(run, loop)
    return run(carry, rows, closed_over)


def _rematerialised(
    body: Body, carry: PyTree, rows: PyTree, blocks: int, block: int
) -> tuple[PyTree, PyTree]:
    row = _row_of(rows)
    step = _step(body, carry, row)
    unroll = 1
    if jax.default_backend() != "cpu" and _is_small(body, carry, row):
        unroll = UNROLLED_STEPS
    if block == 1:
        return jax.lax.scan(step, carry, rows, length=blocks, unroll=min(unroll, blocks))

    @jax.checkpoint
    def steps(carry: PyTree, rows: PyTree) -> tuple[PyTree, PyTree]:
        return jax.lax.scan(step, carry, rows, length=block, unroll=min(unroll, block))

    in_blocks = jax.tree.map(lambda x: x.reshape(blocks, block, *x.shape[1:]), rows)
    return jax.lax.scan(steps, carry, in_blocks, length=blocks)


def _step(body: Body, carry: PyTree, row: PyTree) -> Body:
    """The body rematerialised, or as it is where its gradient then remembers no more."""
    kept = jax.checkpoint_policies.save_only_these_names(SOLVED)
    again = jax.checkpoint(body, prevent_cse=False, policy=kept)
    if not _is_small(body, carry, row):
        return again
    return body if _remembered(body, carry, row) <= _remembered(again, carry, row) else again


def _remembered(body: Body, carry: PyTree, row: PyTree) -> float | int:
    """Bytes between a body and its gradient."""
    return bytes_of(jax.eval_shape(lambda *x: jax.vjp(body, *x)[1], carry, row))


def _is_small(body: Body, carry: PyTree, row: PyTree) -> bool:
    """Whether a body is quickly traced again, and has no calls to the host, without derivatives."""
    jaxpr = jax.make_jaxpr(body)(carry, row).jaxpr
    return len(jaxpr.eqns) <= SMALL_EQUATIONS and not _calls_back(jaxpr)


def _calls_back(jaxpr: Any) -> bool:
    return any(
        "callback" in equation.primitive.name
        or any(map(_calls_back, jaxprs_in_params(equation.params)))
        for equation in jaxpr.eqns
    )
