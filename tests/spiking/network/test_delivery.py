"""What spikes send through weights is the product with them, however it is computed."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import neurojax as nj
from neurojax.spiking import Node, Previous, SpikingNetwork, run
from neurojax.spiking.network._delivery import delivered


def events(shape, share, key=0):
    spikes = jr.bernoulli(jr.key(key), share, shape).astype(jnp.float32)
    return spikes * jr.uniform(jr.key(key + 1), shape, minval=0.5)


@pytest.mark.parametrize("shape", [(1, 300, 256), (5, 1100, 1024)])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5])
def test_it_is_the_product(shape, share):
    samples, inputs, outputs = shape
    x, weights = events((samples, inputs), share), jr.normal(jr.key(2), (inputs, outputs))
    np.testing.assert_allclose(jax.jit(delivered)(x, weights), x @ weights, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("samples", "share", "few"), [(1, 0.05, True), (4, 0.05, False)])
def test_few_events_read_no_other_weights(samples, share, few):
    """A product of zeros with infinite weights is not a number; what is not read is not in it."""
    x = events((samples, 1200), share)
    silent = jnp.all(x == 0, axis=0)[:, None]
    weights = jnp.where(silent, jnp.inf, jr.normal(jr.key(2), (1200, 1024)))
    y = delivered(x, weights)
    assert bool(jnp.isfinite(y).all()) == few
    if few:
        kept = jnp.where(silent, 0.0, weights)
        np.testing.assert_allclose(y, x @ kept, rtol=1e-4, atol=1e-4)


def test_derivatives_are_those_of_the_product():
    x, weights = events((1, 256), 0.03), jr.normal(jr.key(2), (256, 300))
    ours, product = (lambda x, w, f=f: jnp.sin(f(x, w)).sum() for f in (delivered, jnp.matmul))
    for a, b in zip(
        jax.grad(ours, (0, 1))(x, weights), jax.grad(product, (0, 1))(x, weights), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
    along = (jnp.ones_like(x), jnp.ones_like(weights))
    np.testing.assert_allclose(
        jax.jvp(ours, (x, weights), along)[1], jax.jvp(product, (x, weights), along)[1], rtol=1e-3
    )


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0)])
def test_it_can_be_mapped(axes):
    x, weights = events((3, 1, 256), 0.03), jr.normal(jr.key(2), (3, 256, 300))
    given = tuple(a if axis == 0 else a[0] for a, axis in zip((x, weights), axes, strict=True))
    np.testing.assert_allclose(
        jax.vmap(delivered, axes)(*given), jax.vmap(jnp.matmul, axes)(*given), rtol=1e-4, atol=1e-4
    )


def test_a_network_gives_what_it_gives_by_products():
    """300 recurrent neurons: by steps and by layers, in value and gradient, as written out."""
    keys = jr.split(jr.key(3), 2)
    layers = [
        eqx.nn.Linear(300, 300, use_bias=bias, key=k)
        for bias, k in zip((True, False), keys, strict=True)
    ]
    x = events((20, 1, 300), 0.05)

    def network(first, back):
        neurons = nj.LIF(tau_m=5.0, resistance=25.0, soft_reset=True)
        nodes = {
            "in": Node(first, "input"),
            "back": Node(back, Previous("neurons")),
            "neurons": Node(neurons, "in", "back"),
        }
        return SpikingNetwork(nodes, "neurons")

    def output(layers, wrap, how):
        spikes = run(network(*map(wrap, layers)), x, how=how).output
        return jnp.sum(spikes @ jnp.arange(300.0)), spikes

    def product(layer):
        return lambda x: layer.weight @ x + (0.0 if layer.bias is None else layer.bias)

    grad = eqx.filter_jit(eqx.filter_value_and_grad(output, has_aux=True))
    (_, expected), slopes = grad(layers, product, "steps")
    shares = expected.mean((1, 2))
    assert shares.min() < 0.1 < shares.max()  # few come in some steps, many in others
    for how in ("steps", "layers"):
        (_, spikes), found = grad(layers, lambda layer: layer, how)
        np.testing.assert_array_equal(spikes, expected)
        for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(slopes), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3 * float(jnp.abs(b).max()))
