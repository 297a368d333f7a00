"""The limits in which predictive coding's updates are backprop's.

As the output pulls ever less (its precision goes to zero) settled errors become backprop's, with a
difference of first order: Whittington & Bogacz 2017, Neural Computation 29(5) (large variance of
the output); Millidge et al. 2023, ICLR, arXiv:2206.02629 (the infinitesimal inference limit). A
target close to the prediction is not enough: the settled error is S⁻¹ times the feed-forward one,
however small that is. Along the way there, before anything has settled, each layer's update passes
through backprop's exactly: Song et al. 2020, NeurIPS 33, arXiv:2103.04689.
"""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from neurojax.predictive import BackpropRule, Gaussian, PredictiveCoding, infer, mlp, predict
from neurojax.predictive._diagnostics import edge_cosines
from neurojax.predictive._rules import weight_gradient

pytestmark = pytest.mark.usefixtures("x64")


def network_and_batch(precision: float = 1.0, error: float = 1.0):
    """The target is at `error` · δ from the prediction."""
    output = Gaussian(precision)
    hierarchy = mlp((4, 8, 8, 3), jr.key(0), activation=jnp.tanh, output=output)
    x, delta = jr.normal(jr.key(1), (6, 4)), jr.normal(jr.key(2), (6, 3))
    return hierarchy, (x, predict(hierarchy, x) + error * delta)


def updates(hierarchy, batch):
    local, _ = PredictiveCoding(steps=500, step_size=0.2)(hierarchy, batch)
    backprop, _ = BackpropRule()(hierarchy, batch)
    return local, backprop


def distances(local, backprop) -> np.ndarray:
    """Between each layer's gradients, relative to backprop's size."""
    return np.array([distance(a, b) for a, b in zip(local.edges, backprop.edges, strict=True)])


def distance(a, b) -> float:
    x, y = (np.concatenate([leaf.ravel() for leaf in jax.tree.leaves(t)]) for t in (a, b))
    return float(np.linalg.norm(x - y) / np.linalg.norm(y))


def test_a_weak_output_makes_updates_backprops():
    weak = updates(*network_and_batch(precision=1e-2))
    weaker = updates(*network_and_batch(precision=1e-3))
    assert distances(*weak).min() > 1e-4  # not backprop under another name
    assert distances(*weaker).max() < 3e-3
    np.testing.assert_allclose(distances(*weak) / distances(*weaker), 10, rtol=0.2)
    assert all(1 - cosine < 1e-5 for cosine in edge_cosines(*weaker).values())


def test_a_small_output_error_alone_does_not():
    near = distances(*updates(*network_and_batch(error=1e-2)))
    nearer = distances(*updates(*network_and_batch(error=1e-3)))
    assert nearer.min() > 0.1
    np.testing.assert_allclose(near, nearer, rtol=0.05)


def test_steps_of_one_pass_through_backprop():
    """After k steps of size 1 the error has come k layers down, and is backprop's there."""
    hierarchy, (x, y) = network_and_batch()
    clamps = {"input": x, "output": y}
    backprop, _ = BackpropRule()(hierarchy, (x, y))
    for n in range(3):
        steps = 2 - n
        state = hierarchy.feedforward(clamps)
        if steps:
            state = infer(hierarchy, clamps, steps=steps, step_size=1.0).activities
        _, local = weight_gradient(hierarchy, state, clamps)
        assert distance(local.edges[n], backprop.edges[n]) < 1e-13


def test_backprop_is_the_gradient_of_the_mean_output_energy():
    hierarchy, (x, y) = network_and_batch()

    def loss(layers):
        z = x
        for n, layer in enumerate(layers):
            z = (z if n == 0 else jnp.tanh(z)) @ layer.weight.T
            z = z + jnp.broadcast_to(layer.bias, z.shape)
        return 0.5 * jnp.mean(jnp.sum((z - y) ** 2, axis=1))

    gradient, metrics = BackpropRule()(hierarchy, (x, y))
    layers = [edge.module for edge in hierarchy.edges]
    value, due = jax.value_and_grad(loss)(layers)
    np.testing.assert_allclose(metrics["energy"], value, rtol=1e-12)
    for a, b in zip(jax.tree.leaves(gradient.edges), jax.tree.leaves(due), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-14)
