"""Convolutions in loops: the same numbers in XLA's own layout, and fast."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import neurojax as nj
from neurojax.core._convolutions import with_fast_convolutions
from neurojax.predictive import chain, infer

LAYOUTS = {
    "NCHW": (("NCHW", "OIHW", "NCHW"), (2, 3, 9, 8), (4, 3, 3, 3)),
    "NHWC": (("NHWC", "HWIO", "NHWC"), (2, 9, 8, 3), (3, 3, 3, 4)),
    "mixed": (("HNWC", "IWOH", "CWNH"), (9, 2, 8, 3), (3, 3, 4, 3)),
}
HOW = {
    "strides": {"window_strides": (2, 1), "padding": ((1, 1), (0, 2))},
    "dilated": {"window_strides": (1, 1), "padding": "VALID", "rhs_dilation": (2, 1)},
    "transposed": {"window_strides": (1, 1), "padding": ((2, 2), (1, 1)), "lhs_dilation": (2, 1)},
}


@pytest.mark.parametrize("how", HOW.values(), ids=HOW)
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_the_same_convolution_and_gradients(layout, how):
    numbers, image, kernel = layout
    x, w = jr.normal(jr.key(0), image), jr.normal(jr.key(1), kernel)

    def convolved(x, w):
        return jax.lax.conv_general_dilated(x, w, dimension_numbers=numbers, **how)

    def gradients(x, w):
        return jax.grad(lambda x, w: jnp.sum(convolved(x, w) ** 3), argnums=(0, 1))(x, w)

    for function in (convolved, gradients):
        found, due = with_fast_convolutions(function)(x, w), function(x, w)
        for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(due), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * float(jnp.abs(b).max()))


def test_groups_and_programs_within_programs():
    w = jr.normal(jr.key(1), (6, 1, 3, 3))

    @jax.jit
    def convolved(x):
        return jax.lax.conv_general_dilated(
            x, w, (1, 1), "SAME", feature_group_count=3, dimension_numbers=("NCHW", "OIHW", "NCHW")
        )

    def looped(x):
        def body(c, _):
            c = jax.lax.cond(c.sum() > 0, convolved, lambda c: jnp.tile(c, (1, 2, 1, 1)), c)
            return c[:, ::2], None

        return jax.lax.scan(body, x, length=3)[0]

    x = jr.normal(jr.key(0), (2, 3, 5, 5))
    np.testing.assert_allclose(with_fast_convolutions(looped)(x), looped(x), rtol=1e-4, atol=1e-4)


def test_every_convolution_of_a_simulations_loop_is_of_the_librarys_layout():
    convolution = eqx.nn.Conv2d(4, 8, 3, padding=1, key=jr.key(0))
    deeper = eqx.nn.Conv2d(8, 4, 3, padding=1, key=jr.key(1))
    model = chain([convolution, lambda z: deeper(jax.nn.relu(z))], (4, 6, 6))
    clamps = {"input": jnp.ones((2, 4, 6, 6)), "output": jnp.ones((2, 4, 6, 6))}

    for how in ({}, {"tolerance": 1e-3}):
        text = jax.jit(lambda c, how=how: infer(model, c, steps=5, **how).energy).lower(clamps)
        lines = [x for x in text.as_text().splitlines() if "stablehlo.convolution" in x]
        within = [x for x in lines if "[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]" in x]
        assert len(within) >= 2  # up and down
        assert len(lines) - len(within) <= 3  # before the loop and behind it


def test_a_gradient_goes_through_it():
    convolution = eqx.nn.Conv2d(1, 1, 3, padding=1, key=jr.key(0))

    class Blurs(nj.System):
        module: eqx.nn.Conv2d

        def initial_state(self, key=None):
            return jnp.ones((1, 4, 4))

        def vector_field(self, t, state, drive):
            return self.module(state) - state

    def end(module):
        return jnp.sum(nj.simulate(Blurs(module), t1=0.3, dt=0.1).final.state ** 2)

    gradient = eqx.filter_grad(end)(convolution)
    h = 1e-2
    up, down = (
        end(eqx.tree_at(lambda m: m.bias, convolution, replace_fn=lambda b, s=s: b + s * h))
        for s in (1, -1)
    )
    np.testing.assert_allclose(gradient.bias.sum(), (up - down) / (2 * h), rtol=1e-2)


def test_those_of_a_gradient_through_a_rematerialised_loop():
    w = jr.normal(jr.key(1), (2, 2, 3, 3)) / 4

    @jax.checkpoint
    def step(c, _):
        return jnp.tanh(jax.lax.conv_general_dilated(c, w, (1, 1), "SAME")), None

    def slope(x):
        return jax.grad(lambda x: jnp.sum(jax.lax.scan(step, x, length=3)[0] ** 2))(x)

    x = jr.normal(jr.key(0), (2, 2, 5, 5))
    fast = jax.jit(with_fast_convolutions(slope))
    np.testing.assert_allclose(fast(x), slope(x), rtol=1e-4, atol=1e-5)
    lines = [
        line for line in fast.lower(x).as_text().splitlines() if "stablehlo.convolution" in line
    ]
    assert lines
    assert all("[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]" in line for line in lines)
