"""Pooling: as Equinox's, in value and in gradient, also of equal values."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurojax.spiking import AvgPool2d, MaxPool2d, run, sequential

POOLS = [(MaxPool2d, eqx.nn.MaxPool2d), (AvgPool2d, eqx.nn.AvgPool2d)]


@pytest.mark.parametrize(("ours", "theirs"), POOLS)
@pytest.mark.parametrize("size", [2, (3, 2)])
@pytest.mark.parametrize("spikes", [False, True])
def test_they_are_equinox_s_in_value_and_gradient(getkey, ours, theirs, size, spikes):
    x = jax.random.normal(getkey(), (5, 3, 12, 8))
    if spikes:
        x = (x > 0.8).astype(jnp.float32)
    slope = jax.random.normal(getkey(), (5, 3, 12 // np.ravel(size)[0], 8 // np.ravel(size)[-1]))

    def value_and_gradient(pool):
        loss = lambda x: (jnp.sum(jax.vmap(pool)(x) * slope), jax.vmap(pool)(x))  # noqa: E731
        gradient, value = jax.jit(jax.grad(loss, has_aux=True))(x)
        return value, gradient

    value, gradient = value_and_gradient(ours(size))
    expected, expected_gradient = value_and_gradient(theirs(size, size))
    np.testing.assert_allclose(value, expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-6, atol=1e-7)


def test_in_a_network(getkey):
    network = sequential(MaxPool2d(2), AvgPool2d((1, 3)))
    x = jax.random.normal(getkey(), (4, 2, 3, 4, 6))
    layers, steps = (run(network, x, how=how).output for how in ("layers", "steps"))
    assert layers.shape == (4, 2, 3, 2, 1)
    np.testing.assert_allclose(layers, steps, rtol=1e-6)
    with pytest.raises(
        ValueError, match=r"'0.MaxPool2d'.*image of \(4, 5\) .* windows of \(2, 2\)"
    ):
        run(network, x[..., :5])
