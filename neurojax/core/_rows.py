"""Rows picked from an array and summed into one, each the transpose of the other.

Unlike `x[index]` and `x.at[index].add`, both are loops that can be part of a native one on a CPU
(`_native.py`); XLA cannot make native code of a scatter, which is the gradient of a gather.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array, Float, PyTree

from ._native import native_if_small

Rows = tuple[int, ...]


def take_rows(x: Float[Array, "n *shape"], index: Rows) -> Float[Array, "k *shape"]:
    """Those rows of x."""
    return _take.bind(x, index=index, size=x.shape[0])


def spread_rows(
    rows: Float[Array, "k *shape"], index: Rows, size: int
) -> Float[Array, "size *shape"]:
    """Zeros, to which each row is added at its index, which may repeat."""
    return _spread.bind(rows, index=index, size=size)


def for_each_row(
    count: int, step: Callable[[Array, PyTree[Array]], PyTree[Array]], carry: PyTree[Array]
) -> PyTree[Array]:
    """`carry = step(k, carry)` for k from 0 to count − 1, unsigned: an index is then not looked at
    for being negative. Not differentiable in reverse.

    `fori_loop` of a known length is a scan, with a counter more, which is kept in memory: a third
    of the time of a loop over rows.
    """

    def next_row(state: tuple[Array, PyTree[Array]]) -> tuple[Array, PyTree[Array]]:
        k, carry = state
        return k + 1, step(k, carry)

    return jax.lax.while_loop(lambda state: state[0] < count, next_row, (jnp.uint32(0), carry))[1]


def row(x: Float[Array, "n *shape"] | Array, k: Array) -> Array:
    """x[k]."""
    return jax.lax.dynamic_index_in_dim(x, k, 0, keepdims=False)


def with_row(x: Float[Array, "n *shape"], value: Array, k: Array) -> Float[Array, "n *shape"]:
    """x, with value at k."""
    return jax.lax.dynamic_update_index_in_dim(x, value, k, 0)


_take, _spread = Primitive("take_rows"), Primitive("spread_rows")


def _take_loop(x: Array, *, index: Rows, size: int) -> Array:
    at = jnp.asarray(np.array(index, np.uint32))
    none = jnp.zeros((len(index), *x.shape[1:]), x.dtype)
    return for_each_row(len(index), lambda k, rows: with_row(rows, row(x, row(at, k)), k), none)


def _spread_loop(rows: Array, *, index: Rows, size: int) -> Array:
    at = jnp.asarray(np.array(index, np.uint32))

    def add(k: Array, x: Array) -> Array:
        to = row(at, k)
        return with_row(x, row(x, to) + row(rows, k), to)

    return for_each_row(len(index), add, jnp.zeros((size, *rows.shape[1:]), rows.dtype))


def _take_at_once(x: Array, *, index: Rows, size: int) -> Array:
    return x[np.array(index, np.int32)]


def _spread_at_once(rows: Array, *, index: Rows, size: int) -> Array:
    return jnp.zeros((size, *rows.shape[1:]), rows.dtype).at[np.array(index, np.int32)].add(rows)


def _define(
    primitive: Primitive, at_once: Any, loop: Any, length: Any, transpose: Primitive
) -> None:
    def batched(operands: Any, axes: Any, **how: Any) -> tuple[Array, int]:
        (x,), (axis,) = operands, axes
        return primitive.bind(jnp.moveaxis(x, axis, -1), **how), x.ndim - 1

    def natively(x: Array, **how: Any) -> Array:
        return native_if_small(partial(loop, **how), x)

    primitive.def_impl(jax.jit(at_once, static_argnames=("index", "size")))
    primitive.def_abstract_eval(
        lambda x, *, index, size: x.update(shape=(length(index, size), *x.shape[1:]))
    )
    ad.deflinear2(primitive, lambda out, x, **how: [transpose.bind(out, **how)])
    batching.primitive_batchers[primitive] = batched
    mlir.register_lowering(primitive, mlir.lower_fun(at_once, multiple_results=False))
    mlir.register_lowering(
        primitive, mlir.lower_fun(natively, multiple_results=False), platform="cpu"
    )


_define(_take, _take_at_once, _take_loop, lambda index, size: len(index), _spread)
_define(_spread, _spread_at_once, _spread_loop, lambda index, size: size, _take)
