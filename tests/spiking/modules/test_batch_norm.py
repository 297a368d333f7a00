"""Batch normalisation over time: by its equation, with stored statistics, folded."""

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
    BatchNorm,
    Node,
    Previous,
    SpikingNetwork,
    fast_sigmoid,
    folded,
    run,
    sequential,
    with_statistics,
)


def lif():
    return nj.LIF(tau_m=5.0, resistance=6.0, soft_reset=True, surrogate=fast_sigmoid(5.0))


def filled(norm, getkey):
    """With a scale and a shift that are not the first ones."""
    scale = 1 + 0.3 * jax.random.normal(getkey(), norm.scale.shape)
    shift = 0.3 * jax.random.normal(getkey(), norm.shift.shape)
    return eqx.tree_at(lambda m: (m.scale, m.shift), norm, (scale, shift))


def convolutional(getkey, use_bias=True):
    return sequential(
        eqx.nn.Conv2d(2, 3, 3, 2, padding=1, use_bias=use_bias, key=getkey()),
        filled(BatchNorm(3, threshold=1.0), getkey),
        lif(),
        jnp.ravel,
        eqx.nn.Linear(12, 5, use_bias=use_bias, key=getkey()),
        filled(BatchNorm(5, threshold=0.7), getkey),
        nj.neurons.LeakyIntegrator(tau_m=4.0),
    )


def images(getkey, steps=6, samples=8):
    return jax.random.normal(getkey(), (steps, samples, 2, 4, 4)) + 0.5


@pytest.mark.parametrize("space", [(), (4,), (4, 3)])
def test_it_is_the_equation(getkey, space):
    norm = filled(BatchNorm(5, threshold=0.6, alpha=0.5), getkey)
    x = 3 * jax.random.normal(getkey(), (7, 4, 5, *space)) + 2
    found = run(sequential(norm), x)

    axes = (0, 1, *range(3, x.ndim))
    x = np.asarray(x, np.float64)
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    expand = lambda a: np.asarray(a).reshape(5, *(1 for _ in space))  # noqa: E731
    normal = 0.5 * 0.6 * (x - mean) / np.sqrt(variance + 1e-5)
    expected = expand(norm.scale) * normal + expand(norm.shift)
    np.testing.assert_allclose(found.output, expected, atol=2e-6)
    state = found.state.systems["0.BatchNorm"]
    np.testing.assert_allclose(state.mean[0], mean.ravel(), rtol=1e-5)
    np.testing.assert_allclose(state.variance[3], variance.ravel(), rtol=1e-5)


@pytest.mark.usefixtures("x64")
def test_its_gradient_is_that_of_differences(getkey, differences):
    x = jax.random.normal(getkey(), (3, 2, 2, 2))
    norm = filled(BatchNorm(2, threshold=0.6), getkey)

    def loss(arguments):
        x, scale, shift = arguments
        model = eqx.tree_at(lambda m: (m.scale, m.shift), norm, (scale, shift))
        return jnp.sum(jnp.sin(run(sequential(model), x).output))

    point = (x, norm.scale, norm.shift)
    slope, _ = ravel_pytree(jax.grad(loss)(point))
    np.testing.assert_allclose(slope, differences(loss, point, 1e-5), atol=1e-8)


def test_statistics_of_the_same_inputs_give_what_training_gives(getkey):
    """Layer by layer: a norm's inputs are those that the norms before it gave in the same run."""
    network, x = convolutional(getkey), images(getkey)
    trained = run(network, x)
    known = eqx.nn.inference_mode(with_statistics(network, x))
    assert not network.nodes["1.BatchNorm"].module.inference
    for how in ("layers", "steps"):
        found = run(known, x, how=how)
        np.testing.assert_allclose(found.output, trained.output, atol=1e-5)
    # In inference a sample does not depend on the others, and time may be cut.
    alone = run(known, x[:, 2:3], chunk=2)
    np.testing.assert_allclose(alone.output[:, 0], trained.output[:, 2], atol=1e-5)
    # Statistics come anew, of norms in inference mode too.
    again = with_statistics(known, 2 * x).nodes["1.BatchNorm"].module
    assert again.inference
    twice = with_statistics(network, 2 * x).nodes["1.BatchNorm"].module
    np.testing.assert_array_equal(again.mean, twice.mean)


def test_both_ways_agree_in_gradient(getkey):
    x = images(getkey)
    network = eqx.nn.inference_mode(with_statistics(convolutional(getkey), x))

    @eqx.filter_jit
    def slope(network, how):
        return eqx.filter_grad(lambda n: jnp.sum(jnp.sin(run(n, x, how=how).output)))(network)

    one, other = slope(network, "layers"), slope(network, "steps")
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * float(jnp.abs(a).max() + 1e-3))
    # Statistics are not learned.
    norm = one.nodes["1.BatchNorm"].module
    assert not norm.mean.any() and not norm.variance.any() and norm.scale.any()


@pytest.mark.parametrize("use_bias", [True, False])
def test_folded_is_the_same_with_fewer_nodes(getkey, use_bias):
    network, x = convolutional(getkey, use_bias), images(getkey)
    network = eqx.nn.inference_mode(with_statistics(network, x))
    fewer = folded(network)
    assert [n for n in network.nodes if n not in fewer.nodes] == ["1.BatchNorm", "5.BatchNorm"]
    conv = fewer.nodes["0.Conv2d"].module
    assert isinstance(conv, eqx.nn.Conv2d) and conv.stride == (2, 2)
    names = ["2.LIF", "0.Conv2d"]
    found, expected = run(fewer, x, record=names), run(network, x, record=["2.LIF", "1.BatchNorm"])
    np.testing.assert_allclose(found.output, expected.output, atol=1e-5)
    np.testing.assert_array_equal(found.recorded["2.LIF"], expected.recorded["2.LIF"])
    np.testing.assert_allclose(
        found.recorded["0.Conv2d"], expected.recorded["1.BatchNorm"], atol=1e-5
    )


def test_a_graph_is_folded_too(getkey):
    """Cycles and looks back by the norm's name go on by the layer's."""
    network = SpikingNetwork(
        {
            "in": Node(eqx.nn.Linear(3, 4, key=getkey()), "input"),
            "norm": Node(BatchNorm(4), "in"),
            "neuron": Node(lif(), "norm", "back"),
            "back": Node(eqx.nn.Linear(4, 4, key=getkey()), Previous("neuron")),
            "out": Node(lambda a, b: a + b, Previous("norm", 2), "neuron"),
            "head": Node(eqx.nn.Linear(4, 2, key=getkey()), "out"),
            "last": Node(BatchNorm(2), "head"),
        },
        "last",
    )
    x = jax.random.normal(getkey(), (9, 5, 3))
    network = eqx.nn.inference_mode(with_statistics(network, x))
    fewer = folded(network)
    assert fewer.output == "head" and set(fewer.nodes) == {"in", "neuron", "back", "out", "head"}
    np.testing.assert_allclose(run(fewer, x).output, run(network, x).output, atol=1e-5)


def test_training_and_its_validation(getkey):
    """`evaluate` sets the statistics of some training samples: compiled, one more run."""
    x = jax.random.normal(getkey(), (64, 5, 3)) + 1
    y = (x.mean(1)[:, 0] > 0).astype(jnp.int32)
    network = sequential(
        eqx.nn.Linear(3, 8, key=getkey()), BatchNorm(8), lif(), eqx.nn.Linear(8, 2, key=getkey())
    )

    def loss(network, batch, key):
        x, y = batch
        logits = run(network, jnp.moveaxis(x, 1, 0)).output.mean(0)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), {}

    def evaluate(network, validation):
        some, batch = validation
        known = with_statistics(eqx.nn.inference_mode(network), jnp.moveaxis(some, 1, 0))
        return {"loss": loss(known, batch, None)[0]}

    fit = nj.learning.fit(
        network,
        (x, y),
        nj.learning.by_backprop(loss),
        optimizer=optax.adam(0.03),
        epochs=5,
        batch_size=16,
        key=getkey(),
        validation=(x[:32], (x[32:], y[32:])),
        evaluate=evaluate,
    )
    losses = [record["validation/loss"] for record in fit.history]
    assert losses[-1] < 0.6 * losses[0]


def test_wrong_input(getkey):
    x = jnp.ones((3, 2, 4))
    wrong: list[dict[str, Any]] = [{"channels": 0}, {"threshold": 0.0}, {"alpha": -1.0}]
    for arguments in wrong:
        with pytest.raises(
            ValueError, match=f"BatchNorm: {next(iter(arguments))} must be positive"
        ):
            BatchNorm(**{"channels": 3, **arguments})
    with pytest.raises(ValueError, match=r"node '0.BatchNorm'.*3 channels, got an input of \(4,\)"):
        run(sequential(BatchNorm(3)), x)
    with pytest.raises(ValueError, match=r"node '0.BatchNorm'.*needs statistics"):
        run(sequential(BatchNorm(4, inference=True)), x)
    with pytest.raises(ValueError, match=r"'0.BatchNorm', BatchNorm, needs all time at once"):
        run(sequential(BatchNorm(4)), x, how="steps")
    with pytest.raises(ValueError, match="the network has no BatchNorm"):
        with_statistics(sequential(lif()), x)


def test_what_cannot_be_folded(getkey):
    x = jnp.ones((3, 2, 4))
    linear = eqx.nn.Linear(4, 4, key=getkey())
    with pytest.raises(ValueError, match="needs statistics"):
        folded(sequential(linear, BatchNorm(4)))
    first = with_statistics(sequential(BatchNorm(4)), x)
    with pytest.raises(ValueError, match=r"BatchNorm '0.BatchNorm' must follow one Linear or Conv"):
        folded(first)
    nodes = {"a": Node(linear, "input"), "norm": Node(BatchNorm(4), "a")}
    sum_of_both = SpikingNetwork({**nodes, "sum": Node(jnp.add, "a", "norm")}, "sum")
    with pytest.raises(
        ValueError, match=r"'a' is taken not only by BatchNorm 'norm', but also.*sum"
    ):
        folded(with_statistics(sum_of_both, x))
    with pytest.raises(ValueError, match=r"'a' is taken not only.*the output"):
        folded(with_statistics(SpikingNetwork(nodes, "a"), x))
