"""Parts of a program as one native function each, on a CPU: `native`, and where that can be."""

import math
import os
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import jaxlib.version
from jax.custom_derivatives import SymbolicZero
from jax.experimental.xla_metadata import set_xla_metadata
from jax.extend.core import ClosedJaxpr, Primitive, jaxprs_in_params
from jax.interpreters import ad, batching, mlir
from jaxlib.mlir import ir
from jaxtyping import Array, Bool, PyTree

from ._programs import Rule, evaluated

# XLA on a CPU makes one native function of a call that it takes for small. Of a loop in any other
# it dispatches each operation of each step, a microsecond and a hand-over between threads each. It
# can be told that a call is small: this halves the time of 1,000 Hodgkin-Huxley neurons, and the
# processor's of 100,000. A native loop has one thread: on two cores it is as fast as two threads at
# 4 MB of state, on more they win sooner. Loops of these operations are so compiled; matrix
# products, scatters (and so gathers, whose gradient they are) and calls to the host cannot be.
NATIVE_STATE_LIMIT = 2**23 // (os.cpu_count() or 1)
NATIVE_OPERATIONS = """
abs add add_any and bitcast_convert_type broadcast_in_dim ceil clamp concatenate
convert_element_type copy cos decided div dynamic_slice dynamic_update_slice eq erf exp exp2 expm1
floor ge gt integer_pow iota is_finite le lgamma log log1p logistic lt max min mul name
native_argument native_result ne neg nonbatchable not optimization_barrier or pad population_count
pow random_bits random_fold_in random_unwrap random_wrap reduce_and reduce_max reduce_min reduce_or
reduce_sum rem reshape rev round rsqrt scan select_n shift_left shift_right_arithmetic
shift_right_logical sign sin slice split spread_rows sqrt square squeeze stack stop_gradient sub
take_rows tan tanh threefry2x32 transpose unstack while xor
"""

# In reverse, of large arrays, that is not so: a call within may be divided among threads, which is
# no native code, and what all elements of an array share is summed over them.
NESTED_REVERSE_LIMIT = 2**17
# What is stored of more than these is divided among threads as well.
DECIDED_LIMIT = 2**16
# So are sums over so many elements, which from 0.11 on are YNNPACK's: either has no native code.
LARGE_SUM_SIZE = 4096 if jaxlib.version.__version_info__ >= (0, 11) else 2**14


CALLS = ("jit", "pjit")


def native(function: Callable[..., PyTree]) -> Callable[..., PyTree]:
    """A function of arrays as one function of XLA's, where it is of `NATIVE_OPERATIONS`. It closes
    over no array that is traced.

    Barriers stand around it: of a large constant within it, of its results taken apart inside, or
    of an argument that it does not use since a constant took its place, XLA makes wrong code or
    none. `jax.jit` keeps it a part of a program where its gradient is taken outside one: as a whole
    program it would not be marked itself, only what is within it.
    """

    @jax.jit
    def run(*arguments: PyTree) -> PyTree:
        barred = jax.tree.map(_as_argument.bind, _barred(arguments))
        return _barred(jax.tree.map(_as_result.bind, jax.jit(function)(*barred)))

    return run


def _mark(context: Any, value: Any) -> list[Any]:
    """Marks the call that a value comes from as a small one, unless a transformation has made sums
    within it too large for that."""
    call, functions = value.owner, context.module_context.symbol_table
    if getattr(call, "name", None) == "func.call" and not _sums_much(call, functions):
        marks = {"xla_cpu_small_call": "true", "inlineable": "false"}
        attributes: dict[str, ir.Attribute] = {k: ir.StringAttr.get(v) for k, v in marks.items()}
        call.attributes["mhlo.frontend_attributes"] = ir.DictAttr.get(attributes)
    return [value]


def _sums_much(operation: Any, functions: Any) -> bool:
    """Whether a call, or what is called or looped within it, has a sum over many elements."""
    if operation.name == "stablehlo.reduce":
        return math.prod(operation.operands[0].type.shape) >= LARGE_SUM_SIZE
    if operation.name == "func.call":
        called = ir.FlatSymbolRefAttr(operation.attributes["callee"]).value
        return _sums_much(functions[called].operation, functions)
    blocks = (block for region in operation.regions for block in region)
    return any(_sums_much(each.operation, functions) for block in blocks for each in block)


# What a marked call takes and gives; of what it takes, the derivative in reverse is what a call
# gives. Metadata set around a call would go to all calls within, which are then not inlined.
_as_argument, _as_result = Primitive("native_argument"), Primitive("native_result")
for primitive in (_as_argument, _as_result):
    primitive.def_impl(lambda x: x)
    primitive.def_abstract_eval(lambda x: x)
    batching.defvectorized(primitive)
ad.deflinear2(_as_argument, lambda out, x: [_as_result.bind(out)])
ad.deflinear2(_as_result, lambda out, x: [out])
mlir.register_lowering(_as_argument, lambda context, x: [x])
mlir.register_lowering(_as_result, _mark, cacheable=False)


def native_if_small(function: Callable[..., PyTree], *arguments: PyTree) -> PyTree:
    """What the function makes of its arguments, natively on a CPU if these are within the limit."""
    if jax.default_backend() != "cpu" or bytes_of(arguments) > NATIVE_STATE_LIMIT:
        return function(*arguments)
    return native(function)(*arguments)


def unless_differentiated(
    native: Callable[..., PyTree], plain: Callable[..., PyTree]
) -> Callable[..., PyTree]:
    """`native`, with the derivative of `plain`."""

    @jax.custom_jvp
    def run(*arguments: PyTree) -> PyTree:
        return native(*arguments)

    def moved(primals: Any, tangents: Any) -> tuple[PyTree, PyTree]:
        leaves, structure = jax.tree.flatten(primals)
        directions = jax.tree.leaves(tangents, is_leaf=_is_zero)
        fixed = [_is_zero(t) for t in directions]

        def of(*moving: Array) -> PyTree:
            rest = iter(moving)
            arguments = [x if z else next(rest) for x, z in zip(leaves, fixed, strict=True)]
            return plain(*structure.unflatten(arguments))

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


def decided(predicate: Bool[Array, "..."]) -> Bool[Array, "..."]:
    """A predicate that, on a CPU, is stored before anything uses it.

    XLA would decide anew in each use; and where new values of two leaves each need the old ones of
    both it would copy these in each step.
    """
    return _decided.bind(predicate) if jax.default_backend() == "cpu" else predicate


def _stored(predicate: Array) -> Array:
    if size_of(predicate) > DECIDED_LIMIT:
        return predicate

    def unit(predicate: Array) -> tuple[Array, Array]:
        # A unit of one result could be taken for a loop that is divided among threads.
        return predicate, jnp.array(True)

    with set_xla_metadata(inlineable="false"):
        held, true = jax.jit(unit)(predicate)
    return held & true


_decided = Primitive("decided")
_decided.def_impl(lambda predicate: predicate)
_decided.def_abstract_eval(lambda predicate: predicate)
ad.deflinear2(_decided, lambda out, predicate: [out])
batching.defvectorized(_decided)
mlir.register_lowering(_decided, mlir.lower_fun(_stored, multiple_results=False))


def inlined(program: ClosedJaxpr) -> ClosedJaxpr:
    """The program without calls of others, which XLA would divide among threads where they are
    large, and with barriers before what is sliced: XLA cannot take slices of a constant."""

    def results(equation: Any, inputs: list[Any]) -> list[Any]:
        if equation.primitive.name in CALLS:
            return evaluated(equation.params["jaxpr"], inputs, rule)
        sliced, *start = inputs
        barred = jax.lax.optimization_barrier(sliced)
        return [equation.primitive.bind(barred, *start, **equation.params)]

    rule = Rule(lambda equation: equation.primitive.name in (*CALLS, "dynamic_slice"), results)
    return jax.make_jaxpr(lambda *x: evaluated(program, list(x), rule))(*program.in_avals)


def is_native(jaxpr: Any) -> bool:
    """Whether XLA makes native code of a program and of those within it."""
    for equation in jaxpr.eqns:
        name, within = equation.primitive.name, list(jaxprs_in_params(equation.params))
        own = not within or name in ("scan", "while", "cond")
        if own and name not in NATIVE_OPERATIONS.split():
            return False
        if name.startswith("reduce") and is_large(equation.invars[0].aval):
            return False
        if not all(is_native(each) for each in within):
            return False
    return True


def has_loop(jaxpr: Any) -> bool:
    """Whether a program has a loop within it."""
    return any(
        equation.primitive.name in ("scan", "while", "take_rows", "spread_rows")
        or any(map(has_loop, jaxprs_in_params(equation.params)))
        for equation in jaxpr.eqns
    )


def reverse_limit(jaxpr: Any) -> int:
    """Up to how many bytes of state the loop of a program is native code in reverse too."""
    return NESTED_REVERSE_LIMIT if has_loop(jaxpr) else NATIVE_STATE_LIMIT


def is_large(x: Any) -> bool:
    """Whether XLA would make no native code of a sum over x."""
    return size_of(x) >= LARGE_SUM_SIZE


def bytes_of(tree: PyTree) -> float | int:
    """Infinity where a size is symbolic, as in what is exported for any number of samples."""
    sizes = [(size_of(x), x.dtype.itemsize) for x in jax.tree.leaves(tree)]
    return sum(size * itemsize for size, itemsize in sizes)


def size_of(x: Any) -> float | int:
    return x.size if isinstance(x.size, int) else math.inf
