"""Weights of few bits: on their grid, with the gradient of those that are held."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import neurojax as nj
from neurojax.core import kept_positive, plain
from neurojax.spiking import fast_sigmoid, quantised, run, sequential


def network(getkey):
    return sequential(
        eqx.nn.Conv2d(1, 2, 3, key=getkey()),
        nj.LIF(tau_m=5.0, resistance=8.0, surrogate=fast_sigmoid(5.0)),
        jnp.ravel,
        eqx.nn.Linear(8, 3, key=getkey()),
    )


@pytest.mark.parametrize("bits", [3, 4, 8])
@pytest.mark.parametrize("per_channel", [False, True])
def test_weights_are_rounded_to_whole_multiples_of_a_scale(getkey, bits, per_channel):
    model = network(getkey)
    few = quantised(model, bits, per_channel=per_channel)
    top = 2 ** (bits - 1) - 1
    for name in ("0.Conv2d", "3.Linear"):
        weight = np.asarray(model.nodes[name].module.weight)
        held, seen = few.nodes[name].module.weight, plain(few).nodes[name].module.weight
        axes = tuple(range(1, weight.ndim)) if per_channel else None
        scale = np.abs(weight).max(axes, keepdims=True) / top
        np.testing.assert_allclose(seen, np.round(weight / scale) * scale, rtol=1e-6, atol=1e-7)
        levels = np.asarray(held.levels)
        np.testing.assert_array_equal(levels, np.round(levels))
        np.testing.assert_array_equal(held.levels * held.scale, seen)
        assert np.abs(levels).max() == top
        assert np.abs(seen - weight).max() <= scale.max() / 2 * (1 + 1e-5)
    assert plain(few).nodes["3.Linear"].module.bias is model.nodes["3.Linear"].module.bias


def test_two_bits_are_ternary(getkey):
    weight = jax.random.normal(getkey(), (4, 200))
    layer = eqx.tree_at(lambda m: m.weight, eqx.nn.Linear(200, 4, key=getkey()), weight)
    seen = np.asarray(plain(quantised(layer, 2, per_channel=True)).weight)
    for row, w in zip(seen, np.asarray(weight), strict=True):
        large = np.abs(w) > 0.7 * np.abs(w).mean()
        np.testing.assert_allclose(row, np.sign(w) * large * np.abs(w)[large].mean(), rtol=1e-5)
        # Nearly the best of all thresholds, each with its best scale.
        errors = []
        for threshold in np.abs(w):
            above = np.abs(w) >= threshold
            errors.append(((w - np.sign(w) * above * np.abs(w)[above].mean()) ** 2).sum())
        assert ((w - row) ** 2).sum() < 1.03 * min(errors)


def test_zeros_stay_zeros(getkey):
    layer = eqx.tree_at(lambda m: m.weight, eqx.nn.Linear(3, 2, key=getkey()), jnp.zeros((2, 3)))
    for bits in (2, 5):
        np.testing.assert_array_equal(plain(quantised(layer, bits)).weight, 0)


def test_the_gradient_is_that_of_the_rounded_weight(getkey):
    x = jax.random.normal(getkey(), (6, 3, 1, 4, 4))
    few = quantised(network(getkey), 3)

    @eqx.filter_jit
    def value_and_slope(model, how):
        def loss(model):
            return jnp.sum(jnp.sin(run(model, x, how=how).output))

        return eqx.filter_value_and_grad(loss)(model)

    value, slope = value_and_slope(few, "layers")
    expected, plain_slope = value_and_slope(plain(few), "layers")
    assert value == expected
    stepped, other = value_and_slope(few, "steps")
    np.testing.assert_allclose(stepped, value, rtol=1e-5)
    for a, b, c in zip(*map(jax.tree.leaves, (slope, plain_slope, other)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(a, c, rtol=1e-4, atol=1e-5)
    assert slope.nodes["0.Conv2d"].module.weight.weight.any()


def test_training_with_few_bits_beats_rounding_afterwards(getkey):
    x = jax.random.normal(getkey(), (256, 6))
    y = x @ jax.random.normal(getkey(), (6, 2))
    layer = eqx.nn.MLP(6, 2, 16, 1, key=getkey())

    def loss(model, batch, key):
        x, y = batch
        return jnp.mean((jax.vmap(plain(model))(x) - y) ** 2), {}

    def trained(model):
        fit = nj.learning.fit(
            model,
            (x, y),
            nj.learning.by_backprop(loss),
            optimizer=optax.adam(optax.cosine_decay_schedule(0.02, 40 * 8)),
            epochs=40,
            batch_size=32,
            key=jax.random.key(1),
        )
        return float(loss(fit.model, (x, y), None)[0]), fit.model

    _, whole = trained(layer)
    afterwards = float(loss(quantised(whole, 2), (x, y), None)[0])
    found, model = trained(quantised(layer, 2))
    assert found < 0.5 * afterwards  # of four other seeds, 0.13 to 0.28
    assert len(np.unique(plain(model).layers[0].weight)) == 3


def test_it_goes_with_other_held_parameters_and_other_bits(getkey):
    model = kept_positive(network(getkey), lambda n: n.nodes["1.LIF"].module.tau_m)
    weight = model.nodes["3.Linear"].module.weight
    few = quantised(quantised(model, 2), 8, per_channel=True)
    assert few.nodes["3.Linear"].module.weight.weight is weight
    seen = plain(few)
    np.testing.assert_allclose(seen.nodes["1.LIF"].module.tau_m, 5.0, rtol=1e-6)
    np.testing.assert_allclose(seen.nodes["3.Linear"].module.weight, weight, atol=2e-3)


def test_wrong_input(getkey):
    for bits in (1, 17):
        with pytest.raises(ValueError, match=f"bits must be between 2 and 16, got {bits}"):
            quantised(eqx.nn.Linear(2, 2, key=getkey()), bits)
    with pytest.raises(ValueError, match="quantised: LIF has no layer with weights"):
        quantised(nj.LIF(), 4)
