"""Loops over steps: fast on a CPU, and with a gradient that remembers little."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
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

# The name by which a solver marks what is dear to compute and cheap to keep (`checkpoint_name`).
SOLVED = "solved"

Body = Callable[[PyTree], tuple[PyTree, PyTree]]


def scan(body: Body, carry: PyTree, length: int) -> tuple[PyTree, PyTree]:
    """`body(carry) -> (carry, out)` repeated; outs are stacked.

    Each body is rematerialised in the gradient, so that only the carry is stored for each step, and
    what is marked as SOLVED; where those are many, blocks of about sqrt(length) are rematerialised
    as well.
    """
    if length == 0 or jax.default_backend() != "cpu" or _bytes(carry) > NATIVE_STATE_LIMIT:
        return _rematerialised(body, carry, length)
    program, shape = jax.make_jaxpr(body, return_shape=True)(carry)
    known = set(NATIVE_OPERATIONS.split()).issuperset(_operations(program.jaxpr))
    # XLA drops what is done with empty arrays, and then has no place for what it was done with.
    if not known or any(x.size == 0 for x in program.consts):
        return _rematerialised(body, carry, length)
    return _native(program, jax.tree.structure(shape), carry, length)


def _native(
    program: ClosedJaxpr, structure: PyTree, carry: PyTree, length: int
) -> tuple[PyTree, PyTree]:
    """The loop as one function of XLA's.

    What the body closes over are its arguments, and barriers stand around it: of a large constant
    within it, of its results taken apart inside, or of an argument that it does not use since a
    constant took its place, XLA makes wrong code or none. `jax.jit` keeps it a part of a program
    where its gradient is taken outside one: as a whole program it would not be marked itself, only
    what is within it.
    """

    def loop(carry: PyTree, closed_over: list[Array]) -> tuple[PyTree, PyTree]:
        step = jaxpr_as_fun(ClosedJaxpr(program.jaxpr, closed_over))

        def body(carry: PyTree) -> tuple[PyTree, PyTree]:
            return jax.tree.unflatten(structure, step(*jax.tree.leaves(carry)))

        with set_xla_metadata(xla_cpu_small_call=None, inlineable=None):
            return _rematerialised(body, carry, length)

    @jax.jit
    def marked(carry: PyTree, closed_over: list[Array]) -> tuple[PyTree, PyTree]:
        arguments = _barred((carry, closed_over))
        with set_xla_metadata(xla_cpu_small_call="true", inlineable="false"):
            return _barred(jax.jit(loop)(*arguments))

    return marked(carry, [jnp.asarray(x) for x in program.consts])


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


def _rematerialised(body: Body, carry: PyTree, length: int) -> tuple[PyTree, PyTree]:
    kept = jax.checkpoint_policies.save_only_these_names(SOLVED)
    step = jax.checkpoint(lambda c, _: body(c), prevent_cse=False, policy=kept)
    if length * _bytes(carry) <= STACKED_STATES_LIMIT:
        return jax.lax.scan(step, carry, length=length)
    block = round(length**0.5)

    @jax.checkpoint
    def steps(c: PyTree, _: None) -> tuple[PyTree, PyTree]:
        return jax.lax.scan(step, c, length=block)

    carry, out = jax.lax.scan(steps, carry, length=length // block)
    out = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), out)
    carry, rest = jax.lax.scan(step, carry, length=length % block)
    return carry, jax.tree.map(lambda a, b: jnp.concatenate([a, b]), out, rest)


def _operations(jaxpr: Any) -> Iterator[str]:
    """Names of the operations in a program, those of the programs within it included."""
    for equation in jaxpr.eqns:
        within = list(jaxprs_in_params(equation.params))
        if not within or equation.primitive.name in ("scan", "while", "cond"):
            yield equation.primitive.name
        for each in within:
            yield from _operations(each)


def _bytes(tree: PyTree) -> int:
    return sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(tree))
