"""Synapses with delays: their kernel by its formula, gradients by differences, a delay found."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

import neurojax as nj
from neurojax.spiking import (
    Delay,
    LearnableDelays,
    fast_sigmoid,
    quantised,
    rounded,
    run,
    sequential,
    sigma_schedule,
    with_sigma,
)

WAYS = ["layers", "steps"]


def by_loops(x, layer):
    """The formula, one synapse and one step at a time."""
    weight, delays, sigma = (
        np.asarray(a, float) for a in (layer.weight, layer.delays, layer.sigma)
    )
    out = np.zeros((*x.shape[:2], len(weight)))
    for o, i in np.ndindex(weight.shape):
        kernel = np.exp(-((np.arange(layer.max_delay + 1) - delays[o, i]) ** 2) / (2 * sigma**2))
        kernel = weight[o, i] * kernel / kernel.sum()
        for t in range(len(x)):
            for n in range(min(layer.max_delay, t) + 1):
                out[t, :, o] += kernel[n] * x[t - n, :, i]
    return out


@pytest.mark.parametrize("sigma", [0.3, 2.0])
@pytest.mark.parametrize("how", WAYS)
def test_it_is_the_formula(getkey, how, sigma):
    layer = LearnableDelays(3, 2, 5, sigma, key=getkey())
    x = jax.random.normal(getkey(), (11, 4, 3))
    found = run(sequential(layer), x, how=how).output
    np.testing.assert_allclose(found, by_loops(np.asarray(x), layer), atol=1e-6)


@pytest.mark.usefixtures("x64")
def test_gradients_are_those_of_differences(getkey, differences):
    layer = LearnableDelays(2, 2, 4, 1.2, key=getkey())
    x = jax.random.normal(getkey(), (7, 3, 2))

    def loss(arguments):
        weight, delays, x = arguments
        model = eqx.tree_at(lambda m: (m.weight, m.delays), layer, (weight, delays))
        return jnp.sum(jnp.sin(3 * run(sequential(model), x).output))

    point = (layer.weight, layer.delays, x)
    slope, _ = ravel_pytree(jax.grad(loss)(point))
    np.testing.assert_allclose(slope, differences(loss, point, 1e-5), atol=1e-8)


def test_runs_go_on_from_each_other_in_either_way(getkey):
    network = sequential(LearnableDelays(3, 2, 5, 1.0, key=getkey()))
    x = jax.random.normal(getkey(), (9, 2, 3))
    whole = run(network, x).output
    for first, second in (WAYS, WAYS[::-1]):
        one = run(network, x[:4], how=first)
        other = run(network, x[4:], how=second, state=one.state)
        found = jnp.concatenate([one.output, other.output])
        np.testing.assert_allclose(found, whole, atol=1e-6)


def test_rounded_delays_are_fixed_ones(getkey):
    """Delays out of bounds count as the bounds, halves go one way only."""
    layer = LearnableDelays(2, 2, 5, 0.5, key=getkey())
    delays = jnp.array([[1.4, 2.5], [-3.0, 9.0]])
    layer = eqx.tree_at(lambda m: m.delays, layer, delays)
    x = jax.random.normal(getkey(), (9, 3, 2))
    whole = rounded(sequential(layer, jnp.tanh)).nodes["0.LearnableDelays"].module
    np.testing.assert_array_equal(whole.delays, [[1, 2], [0, 5]])
    both = sum(
        run(sequential(Delay(np.array(d, int))), x[..., [i, i]]).output
        * layer.weight[None, None, :, i]
        for i, d in enumerate(whole.delays.T)
    )
    for model in (whole, with_sigma(layer, 0.0)):
        for how in WAYS:
            found = run(sequential(model), x, how=how).output
            np.testing.assert_allclose(found, both, atol=1e-6)


def test_gradients_out_of_bounds_only_lead_back(getkey):
    layer = LearnableDelays(1, 1, 6, 2.0, key=getkey())
    x = jnp.zeros((20, 1, 1)).at[5].set(1.0)

    def slope(delay, due):
        model = eqx.tree_at(lambda m: m.delays, layer, jnp.full((1, 1), delay))
        model = eqx.tree_at(lambda m: m.weight, model, jnp.ones((1, 1)))

        def loss(model):
            return -run(sequential(model), x).output[5 + due, 0, 0]

        return float(eqx.filter_grad(loss)(model).delays[0, 0])

    assert slope(-1.0, 0) == 0 and slope(7.0, 6) == 0  # the bound is best
    assert slope(-1.0, 3) < 0 < slope(7.0, 3)


def test_delays_are_learned_as_sigma_shrinks(getkey):
    """Two spike trains are to arrive with delays 2 and 9; they start 6 and 3."""
    layer = LearnableDelays(2, 1, 12, 6.0, key=getkey())
    start = (jnp.array([[6.0, 3.0]]), jnp.ones((1, 2)))
    layer = eqx.tree_at(lambda m: (m.delays, m.weight), layer, start)
    x = jax.random.bernoulli(getkey(), 0.1, (64, 50, 2)).astype(jnp.float32)
    target = run(sequential(Delay(np.array([2, 9]))), jnp.moveaxis(x, 1, 0)).output.sum(-1)

    def loss(model, batch, key):
        x, target = batch
        output = run(sequential(model), jnp.moveaxis(x, 1, 0)).output[..., 0]
        return jnp.mean((output - target.T) ** 2), {"sigma": model.sigma}

    steps = 8 * 20
    schedule = optax.exponential_decay(6.0, steps, 0.25 / 6.0)
    fit = nj.learning.fit(
        layer,
        (x, target.T),
        nj.learning.by_backprop(loss),
        optimizer=optax.chain(optax.adamw(0.1, weight_decay=1e-3), sigma_schedule(schedule)),
        epochs=20,
        batch_size=8,
        key=getkey(),
    )
    np.testing.assert_allclose(fit.model.sigma, 0.25, rtol=1e-4)
    np.testing.assert_allclose(fit.model.delays, [[2, 9]], atol=0.3)
    # Kernels that wide are one step, but for a thousandth: no weight makes up for their tails.
    final = rounded(fit.model)
    np.testing.assert_array_equal(final.delays, [[2, 9]])
    np.testing.assert_allclose(final.weight, 1, atol=0.05)


def test_in_a_network_with_weights_of_few_bits(getkey):
    network = sequential(
        LearnableDelays(3, 4, 5, 1.0, key=getkey()),
        nj.LIF(tau_m=5.0, resistance=8.0, surrogate=fast_sigmoid(5.0)),
        LearnableDelays(4, 2, 5, 1.0, key=getkey()),
    )
    network = quantised(network, 4)
    x = jax.random.normal(getkey(), (12, 4, 3))

    @eqx.filter_jit
    def slope(network, how):
        return eqx.filter_grad(lambda n: jnp.sum(jnp.sin(run(n, x, how=how).output)))(network)

    one, other = slope(network, "layers"), slope(network, "steps")
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * float(jnp.abs(a).max() + 1e-3))
    assert one.nodes["0.LearnableDelays"].module.weight.weight.any()


def test_wrong_input(getkey):
    def of(**changed: Any) -> LearnableDelays:
        good: dict[str, Any] = dict(in_features=3, out_features=2, max_delay=5, sigma=1.0)
        return LearnableDelays(**{**good, **changed}, key=getkey())

    for name in ("in_features", "out_features", "max_delay"):
        with pytest.raises(ValueError, match=f"LearnableDelays: {name} must be positive, got 0"):
            of(**{name: 0})
    with pytest.raises(ValueError, match=r"sigma must not be negative, got -1\.0"):
        of(sigma=-1.0)
    layer = of()
    with pytest.raises(ValueError, match=r"with_sigma: sigma must not be negative"):
        with_sigma(layer, -2.0)
    with pytest.raises(ValueError, match=r"'0.LearnableDelays'.*it takes \(3,\), got \(4,\)"):
        run(sequential(layer), jnp.ones((4, 1, 4)))
    optimizer = sigma_schedule(optax.constant_schedule(1.0))
    with pytest.raises(ValueError, match="sigma must be among what is trained"):
        none = eqx.tree_at(lambda m: m.sigma, layer, None)
        optimizer.update(none, optimizer.init(none), none)
