"""Residual blocks: by their equations, of the right shapes, as identities, deep ones trained."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj
from neurojax.spiking import (
    fast_sigmoid,
    folded,
    membrane_shortcut_block,
    run,
    sequential,
    sew_block,
    with_statistics,
)


def lif():
    return nj.LIF(tau_m=3.0, resistance=4.0, soft_reset=True, surrogate=fast_sigmoid(5.0))


def spikes(getkey, channels, steps=5, samples=6):
    return jax.random.bernoulli(getkey(), 0.3, (steps, samples, channels, 5, 6)).astype(jnp.float32)


# The recursion and layers of a block, in numpy.


def convolved(x, conv):
    (k, _), (stride, _) = conv.kernel_size, conv.stride
    x = np.pad(x, [(0, 0)] * 3 + [(k // 2, k // 2)] * 2)
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), (3, 4))[
        :, :, :, ::stride, ::stride
    ]
    return np.einsum("tscxyij,ocij->tsoxy", windows, np.asarray(conv.weight, np.float64))


def normalised(x):
    mean, variance = (f((0, 1, 3, 4), keepdims=True) for f in (x.mean, x.var))
    return (x - mean) / np.sqrt(variance + 1e-5)


def fired(x):
    v, out = np.zeros(x.shape[1:]), []
    for now in x:
        v = v + (1 - np.exp(-1 / 3)) * (4 * now - v)
        out.append((v > 1).astype(float))
        v = v - out[-1]
    return np.array(out)


G = {"add": lambda a, s: a + s, "and": lambda a, s: a * s, "iand": lambda a, s: (1 - a) * s}


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(
    ("connect", "channels", "stride"), [("add", 3, 1), ("and", 3, 2), ("iand", 4, 1)]
)
def test_a_sew_block_is_its_equation(getkey, connect, channels, stride):
    block = sew_block(3, channels, lif, connect=connect, stride=stride, key=getkey())
    x = spikes(getkey, 3).astype(jnp.float64)
    found = run(block, x).output
    assert found.shape == (5, 6, channels, -(-5 // stride), -(-6 // stride))

    conv = lambda name: block.nodes[name].module  # noqa: E731
    x = np.asarray(x)
    a = fired(normalised(convolved(x, conv("branch.0.Conv2d"))))
    a = fired(normalised(convolved(a, conv("branch.3.Conv2d"))))
    changed = "shortcut.0.Conv2d" in block.nodes
    assert changed == (stride == 2 or channels == 4)
    s = fired(normalised(convolved(x, conv("shortcut.0.Conv2d")))) if changed else x
    np.testing.assert_array_equal(found, G[connect](a, s))
    assert 0.05 < a.mean() < 0.6


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(("channels", "stride"), [(3, 1), (4, 2)])
def test_a_membrane_shortcut_block_is_its_equation(getkey, channels, stride):
    block = membrane_shortcut_block(3, channels, lif, stride=stride, key=getkey())
    x = jax.random.normal(getkey(), (5, 6, 3, 5, 6), jnp.float64)
    found = run(block, x).output

    conv = lambda name: block.nodes[name].module  # noqa: E731
    x = np.asarray(x)
    y = normalised(convolved(fired(x), conv("branch.1.Conv2d")))
    y = normalised(convolved(fired(y), conv("branch.4.Conv2d")))
    changed = "shortcut.0.Conv2d" in block.nodes
    assert changed == (stride == 2)
    s = normalised(convolved(x, conv("shortcut.0.Conv2d"))) if changed else x
    np.testing.assert_allclose(found, y + s, atol=1e-9)


def test_a_branch_that_is_silent_leaves_the_identity(getkey):
    """The residual mapping that blocks are made for; of "and", a branch that always spikes."""
    x = spikes(getkey, 3)
    for connect, shift in (("add", 0.0), ("iand", 0.0), ("and", 10.0)):
        block = sew_block(3, 3, lif, connect=connect, key=getkey())
        norm = block.nodes["branch.4.BatchNorm"].module
        last = eqx.tree_at(lambda m: (m.scale, m.shift), norm, (jnp.zeros(3), jnp.full(3, shift)))
        block = eqx.tree_at(lambda b: b.nodes["branch.4.BatchNorm"].module, block, last)
        np.testing.assert_array_equal(run(block, x).output, x)


def deep(getkey):
    return sequential(
        membrane_shortcut_block(2, 3, lif, key=getkey()),
        lif(),
        sew_block(3, 3, lif, connect="iand", key=getkey()),
    )


def test_blocks_in_a_row_agree_in_both_ways_and_folded(getkey):
    x = spikes(getkey, 2)
    model = eqx.nn.inference_mode(with_statistics(deep(getkey), x))
    assert "0.SpikingNetwork.shortcut.1.BatchNorm" in model.nodes

    @eqx.filter_jit
    def value_and_slope(model, how):
        def loss(model):
            output = run(model, x, how=how).output
            return jnp.sum(jnp.sin(output)), output

        return eqx.filter_value_and_grad(loss, has_aux=True)(model)

    (_, output), one = value_and_slope(model, "layers")
    (_, stepped), other = value_and_slope(model, "steps")
    np.testing.assert_allclose(stepped, output, atol=1e-5)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4 * float(jnp.abs(a).max() + 1e-3))
    np.testing.assert_allclose(run(folded(model), x).output, output, atol=1e-5)
    assert not any("BatchNorm" in name for name in folded(model).nodes)


def test_wrong_input(getkey):
    for block in (sew_block, membrane_shortcut_block):
        with pytest.raises(ValueError, match=f"{block.__name__}: stride must be positive, got 0"):
            block(3, 3, lif, stride=0, key=getkey())
    with pytest.raises(ValueError, match="connect must be one of add, and, iand, got 'or'"):
        sew_block(3, 3, lif, connect="or", key=getkey())
