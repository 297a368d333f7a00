"""Connections of layers against the Jacobians of these layers: an entry for each operation."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from flax import nnx

from neurojax.metrics import connection_of, convolution, weights_of

RNGS = nnx.Rngs(0)
KEY = jr.key(0)

LAYERS = [
    (eqx.nn.Linear(5, 3, key=KEY), (5,)),
    (eqx.nn.Linear("scalar", 3, key=KEY), ()),
    (eqx.nn.Conv1d(2, 3, 3, stride=2, padding=1, key=KEY), (2, 7)),
    (eqx.nn.Conv2d(2, 4, (3, 2), stride=(1, 2), padding=((1, 0), (2, 1)), key=KEY), (2, 6, 5)),
    (eqx.nn.Conv2d(4, 6, 3, groups=2, padding="SAME", key=KEY), (4, 5, 5)),
    (eqx.nn.Conv2d(2, 3, 2, padding="SAME_LOWER", key=KEY), (2, 5, 4)),
    (eqx.nn.Conv2d(2, 3, 3, dilation=(2, 1), stride=2, padding=2, key=KEY), (2, 7, 6)),
    (eqx.nn.Conv3d(1, 2, 2, key=KEY), (1, 3, 4, 3)),
    (nnx.Linear(5, 3, rngs=RNGS), (5,)),
    (nnx.Linear(5, 3, rngs=RNGS), (2, 4, 5)),
    (nnx.Conv(2, 3, 3, padding="CAUSAL", kernel_dilation=2, rngs=RNGS), (7, 2)),
    (nnx.Conv(2, 4, (3, 3), strides=2, rngs=RNGS), (6, 5, 2)),
    (nnx.Conv(4, 6, (3, 2), feature_group_count=2, padding=1, rngs=RNGS), (5, 5, 4)),
    (nnx.Conv(2, 3, (3, 3), padding=((0, 2), 1), strides=(1, 2), rngs=RNGS), (6, 5, 2)),
    (nnx.Conv(2, 3, (3, 3), padding="VALID", kernel_dilation=(1, 2), rngs=RNGS), (6, 6, 2)),
]


def with_weights(layer, change):
    if isinstance(layer, eqx.Module):
        return eqx.tree_at(lambda x: x.weight, layer, change(layer.weight))  # pyright: ignore[reportAttributeAccessIssue]
    layer = nnx.clone(layer)
    layer.kernel = nnx.Param(change(layer.kernel[...]))
    return layer


def with_zeros(weights):
    return jnp.where(jr.uniform(KEY, weights.shape) < 0.4, 0, weights)


def pairs(layer, shape):
    """Whether each output hears of each input."""
    return np.asarray(jax.jacobian(layer)(jnp.ones(shape))) != 0


@pytest.mark.parametrize(("layer", "shape"), LAYERS)
def test_each_operation_is_an_entry_of_the_jacobian(layer, shape):
    sparse = with_weights(layer, with_zeros)
    found = connection_of(sparse, shape)
    outputs = tuple(range(np.ndim(layer(jnp.ones(shape)))))
    np.testing.assert_array_equal(found.fan_out, pairs(sparse, shape).sum(outputs))
    assert found.dense == pairs(with_weights(layer, jnp.ones_like), shape).sum()
    assert float(jnp.mean(weights_of(sparse) == 0)) > 0.2


def test_what_goes_back_through_groups_and_dilations():
    layer = with_weights(
        eqx.nn.Conv2d(4, 6, 3, groups=2, dilation=2, stride=2, padding=1, key=KEY), with_zeros
    )
    how = {"stride": 2, "padding": 1, "dilation": 2, "groups": 2}
    found = convolution(layer.weight, (4, 7, 8), transposed=True, **how)
    np.testing.assert_array_equal(found.fan_out, pairs(layer, (4, 7, 8)).sum((3, 4, 5)))


@pytest.mark.parametrize(
    ("layer", "shape", "error", "message"),
    [
        (
            eqx.nn.Conv1d(1, 1, 3, padding=1, padding_mode="CIRCULAR", key=KEY),
            (1, 5),
            ValueError,
            "taps of a Conv1d with padding_mode=CIRCULAR",
        ),
        (nnx.Conv(1, 1, 3, padding="REFLECT", rngs=RNGS), (5, 1), ValueError, "padding=REFLECT"),
        (nnx.Conv(1, 1, 3, input_dilation=2, rngs=RNGS), (5, 1), ValueError, "input_dilation=2"),
        (
            nnx.Conv(1, 1, 3, mask=jnp.ones((3, 1, 1)), rngs=RNGS),
            (5, 1),
            ValueError,
            "with mask",
        ),
        (eqx.nn.LayerNorm(3), (3,), TypeError, "Linear or Conv, got LayerNorm"),
        (jax.nn.relu, (3,), TypeError, "Linear or Conv, got relu"),
    ],
)
def test_what_cannot_be_counted_is_refused(layer, shape, error, message):
    with pytest.raises(error, match=message):
        connection_of(layer, shape)


def test_groups_and_dilations_that_do_not_fit_are_refused():
    kernel = jnp.ones((4, 2, 3))
    with pytest.raises(ValueError, match="groups must divide the 4 outputs, got 3"):
        convolution(kernel, (6, 9), groups=3)
    with pytest.raises(ValueError, match=r"takes 4 channels, image .* has 2"):
        convolution(kernel, (2, 9), groups=2)
    with pytest.raises(ValueError, match="dilation must be positive, one or 1 numbers, got 0"):
        convolution(kernel, (2, 9), dilation=0)
    with pytest.raises(ValueError, match="smaller than the kernel's 11"):
        convolution(kernel, (2, 9), dilation=5)
