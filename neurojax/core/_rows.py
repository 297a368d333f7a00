"""Rows picked from an array and summed into one, each the transpose of the other.

Unlike `x[index]` and `x.at[index].add`, both are loops that can be part of a native one on a CPU
(`_scan.py`); XLA cannot make native code of a scatter, which is the gradient of a gather.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array, Float

Rows = tuple[int, ...]


def take_rows(x: Float[Array, "n *shape"], index: Rows) -> Float[Array, "k *shape"]:
    """Those rows of x."""
    return _take.bind(x, index=index, size=x.shape[0])


def spread_rows(
    rows: Float[Array, "k *shape"], index: Rows, size: int
) -> Float[Array, "size *shape"]:
    """Zeros, to which each row is added at its index, which may repeat."""
    return _spread.bind(rows, index=index, size=size)


_take, _spread = Primitive("take_rows"), Primitive("spread_rows")


def _take_loop(x: Array, *, index: Rows, size: int) -> Array:
    at = jnp.asarray(np.array(index, np.uint32))

    def one(k: Array, rows: Array) -> Array:
        row = jax.lax.dynamic_index_in_dim(x, _entry(at, k), 0, keepdims=False)
        return jax.lax.dynamic_update_index_in_dim(rows, row, k.astype(jnp.uint32), 0)

    return jax.lax.fori_loop(0, len(index), one, jnp.zeros((len(index), *x.shape[1:]), x.dtype))


def _spread_loop(rows: Array, *, index: Rows, size: int) -> Array:
    at = jnp.asarray(np.array(index, np.uint32))

    def one(k: Array, x: Array) -> Array:
        to = _entry(at, k)
        own = jax.lax.dynamic_index_in_dim(x, to, 0, keepdims=False)
        row = jax.lax.dynamic_index_in_dim(rows, k.astype(jnp.uint32), 0, keepdims=False)
        return jax.lax.dynamic_update_index_in_dim(x, own + row, to, 0)

    return jax.lax.fori_loop(0, len(index), one, jnp.zeros((size, *rows.shape[1:]), rows.dtype))


def _entry(at: Array, k: Array) -> Array:
    return jax.lax.dynamic_index_in_dim(at, k.astype(jnp.uint32), 0, keepdims=False)


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

    primitive.def_impl(jax.jit(at_once, static_argnames=("index", "size")))
    primitive.def_abstract_eval(
        lambda x, *, index, size: x.update(shape=(length(index, size), *x.shape[1:]))
    )
    ad.deflinear2(primitive, lambda out, x, **how: [transpose.bind(out, **how)])
    batching.primitive_batchers[primitive] = batched
    mlir.register_lowering(primitive, mlir.lower_fun(at_once, multiple_results=False))
    mlir.register_lowering(primitive, mlir.lower_fun(loop, multiple_results=False), platform="cpu")


_define(_take, _take_at_once, _take_loop, lambda index, size: len(index), _spread)
_define(_spread, _spread_at_once, _spread_loop, lambda index, size: size, _take)
