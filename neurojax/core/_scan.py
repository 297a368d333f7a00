"""Loops over steps: fast on a CPU, and with a gradient that remembers little."""

import os
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import jaxlib.version
from jax.custom_derivatives import SymbolicZero
from jax.experimental.xla_metadata import set_xla_metadata
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun, jaxprs_in_params
from jaxtyping import Array, PyTree

# A gradient stores one state a step; beyond this many bytes (about a core's cache) it stores one
# in about sqrt(steps): recomputing the steps between costs no more than the memory did.
STACKED_STATES_LIMIT = 2**22

# XLA on a CPU makes one native function of a loop that it takes for small. Of any other it
# dispatches each operation of each step, a microsecond and a hand-over between threads each. It
# can be told that a loop is small: this halves the time of 1,000 Hodgkin-Huxley neurons, and the
# processor's of 100,000. A native loop has one thread: on two cores it is as fast as two threads at
# 4 MB of state, on more they win sooner. Loops of these operations are so compiled; matrix
# products, scatters (and so gathers, whose gradient they are) and calls to the host cannot be.
NATIVE_STATE_LIMIT = 2**23 // (os.cpu_count() or 1)
NATIVE_OPERATIONS = """
abs add add_any and bitcast_convert_type broadcast_in_dim ceil clamp concatenate
convert_element_type copy cos div dynamic_slice dynamic_update_slice eq erf exp exp2 expm1 floor ge
gt integer_pow iota is_finite le lgamma log log1p logistic lt max min mul name ne neg nonbatchable
not optimization_barrier or pad population_count pow random_bits random_fold_in random_unwrap
random_wrap reduce_and reduce_max reduce_min reduce_or reduce_sum rem reshape rev round rsqrt scan
select_n shift_left shift_right_arithmetic shift_right_logical sign sin slice split spread_rows sqrt
square squeeze stack stop_gradient sub take_rows tan tanh threefry2x32 transpose unstack while xor
"""

# In reverse, of large arrays, that is not so: a call within may be divided among threads, which is
# no native code, and what all elements of an array share is summed over them.
NESTED_REVERSE_LIMIT = 2**17
# From 0.11 on, sums over as many elements are YNNPACK's.
LIBRARY_SUMS = jaxlib.version.__version_info__ >= (0, 11)
LIBRARY_SUM_SIZE = 4096

# The name by which a solver marks what is dear to compute and cheap to keep (`checkpoint_name`).
SOLVED = "solved"

Body = Callable[[PyTree], tuple[PyTree, PyTree]]


def scan(body: Body, carry: PyTree, length: int) -> tuple[PyTree, PyTree]:
    """`body(carry) -> (carry, out)` repeated; outs are stacked.

    Each body is rematerialised in the gradient, so that only the carry is stored for each step, and
    what is marked as SOLVED; where those are many, blocks of about sqrt(length) are rematerialised
    as well.
    """
    if length < 4 or length * _bytes(carry) <= STACKED_STATES_LIMIT:
        return _loop(body, carry, length, 1)
    block = round(length**0.5)
    carry, out = _loop(body, carry, length // block, block)
    out = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), out)
    if length % block == 0:
        return carry, out
    carry, rest = _loop(body, carry, length % block, 1)
    return carry, jax.tree.map(lambda a, b: jnp.concatenate([a, b]), out, rest)


def _loop(body: Body, carry: PyTree, blocks: int, block: int) -> tuple[PyTree, PyTree]:
    """`blocks` times `block` steps, natively where that can be."""
    if blocks == 0 or jax.default_backend() != "cpu" or _bytes(carry) > NATIVE_STATE_LIMIT:
        return _rematerialised(body, carry, blocks, block)
    program, shape = jax.make_jaxpr(body, return_shape=True)(carry)
    # XLA drops what is done with empty arrays, and then has no place for what it was done with.
    if not _is_native(program.jaxpr) or any(x.size == 0 for x in program.consts):
        return _rematerialised(body, carry, blocks, block)

    def loop(carry: PyTree, closed_over: list[Array]) -> tuple[PyTree, PyTree]:
        """What the body closes over are arguments."""
        step = jaxpr_as_fun(ClosedJaxpr(program.jaxpr, closed_over))

        def body(carry: PyTree) -> tuple[PyTree, PyTree]:
            return jax.tree.unflatten(jax.tree.structure(shape), step(*jax.tree.leaves(carry)))

        return _rematerialised(body, carry, blocks, block)

    closed_over = [jnp.asarray(x) for x in program.consts]
    native = _native(loop)
    arrays = [*jax.tree.leaves(carry), *closed_over]
    limit = NESTED_REVERSE_LIMIT if _loops(program.jaxpr) else NATIVE_STATE_LIMIT
    if any(_is_large(x) for x in arrays) or _bytes(carry) > limit:
        native = _unless_differentiated(native, loop)
    return native(carry, closed_over)


Loop = Callable[[PyTree, list[Array]], tuple[PyTree, PyTree]]


def _native(loop: Loop) -> Loop:
    """The loop as one function of XLA's.

    Barriers stand around it: of a large constant within it, of its results taken apart inside, or
    of an argument that it does not use since a constant took its place, XLA makes wrong code or
    none. `jax.jit` keeps it a part of a program where its gradient is taken outside one: as a whole
    program it would not be marked itself, only what is within it.
    """

    def within(carry: PyTree, closed_over: list[Array]) -> tuple[PyTree, PyTree]:
        with set_xla_metadata(xla_cpu_small_call=None, inlineable=None):
            return loop(carry, closed_over)

    @jax.jit
    def marked(carry: PyTree, closed_over: list[Array]) -> tuple[PyTree, PyTree]:
        arguments = _barred((carry, closed_over))
        with set_xla_metadata(xla_cpu_small_call="true", inlineable="false"):
            return _barred(jax.jit(within)(*arguments))

    return marked


def _unless_differentiated(native: Loop, loop: Loop) -> Loop:
    """`native`, with the derivative of `loop`."""

    @jax.custom_jvp
    def run(carry: PyTree, closed_over: list[Array]) -> tuple[PyTree, PyTree]:
        return native(carry, closed_over)

    def moved(primals: Any, tangents: Any) -> tuple[PyTree, PyTree]:
        still = jax.tree.map(lambda t: isinstance(t, SymbolicZero), tangents, is_leaf=_is_zero)
        leaves, structure = jax.tree.flatten(primals)
        fixed = jax.tree.leaves(still)
        directions = jax.tree.leaves(tangents, is_leaf=_is_zero)

        def of(*moving: Array) -> tuple[PyTree, PyTree]:
            rest = iter(moving)
            return loop(
                *structure.unflatten(
                    [x if z else next(rest) for x, z in zip(leaves, fixed, strict=True)]
                )
            )

        return jax.jvp(
            of,
            [x for x, z in zip(leaves, fixed, strict=True) if not z],
            [t for t, z in zip(directions, fixed, strict=True) if not z],
        )

    run.defjvp(moved, symbolic_zeros=True)
    return run


def _is_zero(x: Any) -> bool:
    return isinstance(x, SymbolicZero)


def _barred(tree: PyTree) -> PyTree:
    """Each leaf behind a barrier of its own: of several at one, all have a tangent if one has."""
    return jax.tree.map(jax.lax.optimization_barrier, tree)


def decided(predicate: Callable[[PyTree], Array], state: PyTree) -> Array:
    """`predicate(state)`, stored on a CPU before anything uses it.

    XLA would decide anew in each use; and where new values of two leaves each need the old ones of
    both it would copy these in each step.
    """
    if jax.default_backend() != "cpu":
        return predicate(state)

    def unit(state: PyTree) -> tuple[Array, Array]:
        with set_xla_metadata(inlineable=None, xla_cpu_small_call=None):
            # A unit of one result could be taken for a loop that is divided among threads.
            return predicate(state), jnp.array(True)

    with set_xla_metadata(inlineable="false", xla_cpu_small_call=None):
        held, true = jax.jit(unit)(state)
    return held & true


def _rematerialised(body: Body, carry: PyTree, blocks: int, block: int) -> tuple[PyTree, PyTree]:
    kept = jax.checkpoint_policies.save_only_these_names(SOLVED)
    step = jax.checkpoint(lambda c, _: body(c), prevent_cse=False, policy=kept)
    if block == 1:
        return jax.lax.scan(step, carry, length=blocks)

    @jax.checkpoint
    def steps(c: PyTree, _: None) -> tuple[PyTree, PyTree]:
        return jax.lax.scan(step, c, length=block)

    return jax.lax.scan(steps, carry, length=blocks)


def _is_native(jaxpr: Any) -> bool:
    """Whether XLA makes native code of a program and of those within it."""
    for equation in jaxpr.eqns:
        name, within = equation.primitive.name, list(jaxprs_in_params(equation.params))
        own = not within or name in ("scan", "while", "cond")
        if own and name not in NATIVE_OPERATIONS.split():
            return False
        if name.startswith("reduce") and _is_large(equation.invars[0].aval):
            return False
        if not all(_is_native(each) for each in within):
            return False
    return True


def _loops(jaxpr: Any) -> bool:
    """Whether a program has a loop within it."""
    return any(
        equation.primitive.name in ("scan", "while", "take_rows", "spread_rows")
        or any(map(_loops, jaxprs_in_params(equation.params)))
        for equation in jaxpr.eqns
    )


def _is_large(x: Any) -> bool:
    """Whether XLA would leave a sum over x to a library, of which it makes no native code."""
    return LIBRARY_SUMS and x.size >= LIBRARY_SUM_SIZE


def _bytes(tree: PyTree) -> int:
    return sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(tree))
