"""Rows picked and spread, as loops on a CPU and at once elsewhere."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from neurojax.core import spread_rows, take_rows
from neurojax.core._scan import scan

INDEX = (2, 0, 2, 1)


def rows(*shape: int) -> jax.Array:
    return jnp.asarray(np.random.default_rng(0).normal(size=shape))


@pytest.mark.parametrize("shape", [(5,), (5, 3), (5, 2, 3)])
def test_they_are_numpy_s(shape, x64):
    x = rows(*shape)
    np.testing.assert_array_equal(take_rows(x, INDEX), np.array(x)[list(INDEX)])
    expected = np.zeros((6, *shape[1:]))
    np.add.at(expected, list(INDEX), np.array(x)[:4])
    np.testing.assert_allclose(spread_rows(x[:4], INDEX, 6), expected, rtol=1e-15)
    np.testing.assert_allclose(
        jax.jit(lambda x: spread_rows(x, INDEX, 6))(x[:4]), expected, rtol=1e-15
    )


def test_gradients_and_batches(x64):
    x = rows(5, 3)

    def f(x):
        return spread_rows(jnp.sin(take_rows(jnp.asarray(x), INDEX)), INDEX, 5)

    check_grads(f, (x,), order=2)
    for axis in (0, 1):
        batched = jax.vmap(f, in_axes=axis, out_axes=axis)
        batch = x if axis else jnp.transpose(x)
        np.testing.assert_allclose(batched(batch), f(x) if axis else f(x).T, rtol=1e-15)


def test_they_are_part_of_native_loops(x64):
    """With their gradient: a scatter within one could not be compiled."""
    x = rows(5)

    def end(x):
        def body(y, _):
            return 0.5 * y + spread_rows(take_rows(y, INDEX), INDEX, 5), None

        return scan(body, x, None, 3)[0]

    matrix = np.zeros((5, 5))
    for k in INDEX:
        matrix[k, k] += 1
    power = np.linalg.matrix_power(0.5 * np.eye(5) + matrix, 3)
    np.testing.assert_allclose(end(x), power @ x, rtol=1e-14)
    np.testing.assert_allclose(jax.jit(jax.jacrev(end))(x), power, rtol=1e-14)
    text = jax.jit(jax.grad(lambda x: end(x).sum())).lower(x).compile().as_text() or ""
    assert 'xla_cpu_small_call="true"' in text
    assert " scatter(" not in text


def test_they_lower_for_accelerators():
    x = jnp.ones((5, 3))
    exported = jax.export.export(
        jax.jit(lambda x: spread_rows(take_rows(x, INDEX), INDEX, 6)), platforms=["cuda", "tpu"]
    )(x)
    assert "stablehlo.gather" in exported.mlir_module()
    assert "stablehlo.while" not in exported.mlir_module()
