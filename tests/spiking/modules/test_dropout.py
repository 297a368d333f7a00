"""Dropout over time: one mask for a run, drawn for each element."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj
from neurojax.spiking import Dropout, run, sequential

WAYS = ["layers", "steps"]


@pytest.mark.parametrize("how", WAYS)
def test_a_mask_is_held_over_time_and_drawn_for_each_element(getkey, how):
    network = sequential(Dropout(0.3))
    output = run(network, jnp.ones((7, 100, 50)), key=getkey(), how=how).output
    np.testing.assert_array_equal(output, np.broadcast_to(output[:1], output.shape))
    assert set(np.unique(output).tolist()) == {0.0, float(1 / np.float32(1 - 0.3))}
    # 5000 draws: five standard deviations of their mean.
    assert abs(float((output[0] == 0).mean()) - 0.3) < 5 * np.sqrt(0.3 * 0.7 / 5000)
    rows = {row.tobytes() for row in np.asarray(output[0])}
    assert len(rows) == 100


def test_both_ways_agree_in_value_and_gradient(getkey):
    network = sequential(
        eqx.nn.Linear(5, 6, key=getkey()), Dropout(0.5), nj.neurons.LeakyIntegrator(tau_m=3.0)
    )
    x, key = jax.random.normal(getkey(), (8, 4, 5)), getkey()

    @eqx.filter_jit
    def slope(network, how):
        def loss(network):
            output = run(network, x, key=key, how=how).output
            return jnp.sum(jnp.sin(output)), output

        return eqx.filter_grad(loss, has_aux=True)(network)

    (one, first), (other, second) = slope(network, "layers"), slope(network, "steps")
    np.testing.assert_allclose(first, second, atol=1e-6)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_a_later_run_goes_on_with_the_mask(getkey):
    network = sequential(Dropout(0.5))
    x, key = jnp.ones((6, 3, 20)), getkey()
    whole = run(network, x, key=key)
    first = run(network, x[:4], key=key)
    second = run(network, x[4:], key=getkey(), state=first.state)
    np.testing.assert_array_equal(jnp.concatenate([first.output, second.output]), whole.output)


def test_inference_mode_switches_it_off(getkey):
    network = sequential(Dropout(0.9), lambda x: 2 * x)
    x = jax.random.normal(getkey(), (3, 2, 4))
    for how in WAYS:
        found = run(eqx.nn.inference_mode(network), x, how=how)
        np.testing.assert_array_equal(found.output, 2 * x)
    # Also of a run that began in training.
    state = run(network, x, key=getkey()).state
    found = run(eqx.nn.inference_mode(network), x, state=state)
    np.testing.assert_array_equal(found.output, 2 * x)


def test_it_needs_a_key_and_a_probability():
    with pytest.raises(ValueError, match=r"Dropout: its mask is drawn, which needs a key"):
        run(sequential(Dropout(0.5)), jnp.ones((2, 1, 3)))
    for p in (-0.1, 1.0):
        with pytest.raises(ValueError, match=rf"Dropout: p must be in \[0, 1\), got {p}"):
            Dropout(p)
    np.testing.assert_array_equal(run(sequential(Dropout(0.0)), jnp.ones((2, 1, 3))).output, 1)


def test_equinox_dropout_draws_anew_in_each_step(getkey):
    network, x = sequential(eqx.nn.Dropout(0.5)), jnp.ones((4, 3, 200))
    key = getkey()
    by_layers, by_steps = (run(network, x, key=key, how=how).output for how in WAYS)
    np.testing.assert_array_equal(by_layers, by_steps)
    assert len({step.tobytes() for step in np.asarray(by_layers)}) == 4
    with pytest.raises(ValueError, match=r"node '0.Dropout' draws at random, which needs a key"):
        run(network, x)
    np.testing.assert_array_equal(run(eqx.nn.inference_mode(network), x).output, x)
