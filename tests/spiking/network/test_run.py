"""Networks over time: by their equations, each way the same, from chunk to chunk and run to run."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import neurojax as nj
from neurojax.spiking import Node, Previous, SpikingNetwork, fast_sigmoid, run, sequential

WAYS = [{}, {"how": "layers"}, {"how": "steps"}, {"chunk": 5}, {"chunk": 3, "how": "steps"}]


def lif(**parameters):
    return nj.LIF(
        **{"tau_m": 5.0, "resistance": 6.0, "soft_reset": True, "surrogate": fast_sigmoid(5.0)}
        | parameters
    )


def spikes(getkey, steps=13, samples=3, inputs=6, p=0.4):
    return jax.random.bernoulli(getkey(), p, (steps, samples, inputs)).astype(jnp.float32)


def chain(getkey):
    return sequential(
        eqx.nn.Linear(6, 8, key=getkey()),
        lif(),
        eqx.nn.Linear(8, 7, key=getkey()),
        nj.neurons.AdaptiveLIF(tau_m=8.0, resistance=9.0, delta_theta=0.3),
        eqx.nn.Linear(7, 5, key=getkey()),
        nj.neurons.CurrentLIF(
            (5,), tau_m=np.linspace(4.0, 9.0, 5), resistance=20.0, refractory=1.5
        ),
        nj.neurons.LeakyIntegrator(tau_m=10.0),
    )


def recurrent(getkey):
    """Two groups with cycles, a skip, a look back from outside of a cycle, two sources of one."""
    linear = lambda n, m: eqx.nn.Linear(n, m, key=getkey())  # noqa: E731
    return SpikingNetwork(
        {
            "in": Node(linear(6, 8), "input"),
            "first": Node(lif(refractory=2.0), "in", "first to first"),
            "first to first": Node(linear(8, 8), Previous("first")),
            "to second": Node(linear(8, 7), "first"),
            "skip": Node(linear(6, 7), Previous("input", 3)),
            "second": Node(lif(), "to second", "skip", "second to second", Previous("both", 2)),
            "second to second": Node(linear(7, 7), Previous("second", 2)),
            "both": Node(lambda x, y: x[:7] - y, "first", "second"),
            "readout": Node(linear(7, 4), Previous("second")),
            "membrane": Node(nj.neurons.LeakyIntegrator(), "readout"),
        },
        "membrane",
    )


def convolutional(getkey):
    return sequential(
        eqx.nn.Conv2d(1, 3, 3, padding=1, key=getkey()),
        lif(),
        eqx.nn.MaxPool2d(2, 2),
        jnp.ravel,
        eqx.nn.Linear(12, 4, key=getkey()),
        lif(),
    )


@pytest.mark.parametrize("network", [chain, recurrent, convolutional])
def test_all_ways_agree_in_value_and_gradient(getkey, network):
    model = network(getkey)
    x = 2 * spikes(getkey, inputs=16).reshape(13, 3, 1, 4, 4)
    if network is not convolutional:
        x = x.reshape(13, 3, 16)[..., :6]

    @eqx.filter_jit
    def loss(model, x, how):
        def of(arguments):
            model, x = arguments
            output = run(model, x, **how).output
            return jnp.sum(output * jnp.cos(jnp.arange(output.size)).reshape(output.shape)), output

        return eqx.filter_value_and_grad(of, has_aux=True)((model, x))

    (_, output), slope = loss(model, x, {})
    assert float(jnp.abs(output).mean()) > 0
    slopes = jax.tree.leaves(slope)
    assert sum(bool(jnp.any(s != 0)) for s in slopes) > 0.6 * len(slopes)
    for how in WAYS[1:]:
        (_, other), other_slope = loss(model, x, how)
        np.testing.assert_allclose(other, output, rtol=1e-5, atol=1e-6)
        for a, b in zip(jax.tree.leaves(other_slope), slopes, strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-4 * float(jnp.abs(b).max() + 1e-3))


def test_a_layer_is_the_recursion_of_deep_learning(getkey):
    """`u = β u + I`, spike above 1, `u −= 1`: snnTorch's Leaky, and its readout without a reset."""
    beta = 0.8
    parameters = {"tau_m": -1 / np.log(beta), "resistance": 1 / (1 - beta)}
    first, second = (eqx.nn.Linear(6, n, key=getkey()) for n in (6, 6))
    network = sequential(first, lif(**parameters), second, nj.neurons.LeakyIntegrator(**parameters))
    x = spikes(getkey)
    found = run(network, x, record=["1.LIF", "1.LIF.v"])

    (w, b), (w_out, b_out) = (
        (np.asarray(layer.weight).T, np.asarray(layer.bias)) for layer in (first, second)
    )
    u, v = np.zeros((3, 6)), np.zeros((3, 6))
    for n in range(len(x)):
        u = beta * u + np.asarray(x[n]) @ w + b
        s = (u > 1).astype(float)
        u = u - s
        v = beta * v + s @ w_out + b_out
        np.testing.assert_array_equal(found.recorded["1.LIF"][n], s)
        np.testing.assert_allclose(found.recorded["1.LIF.v"][n], u, atol=1e-5)
        np.testing.assert_allclose(found.output[n], v, atol=1e-5)
    assert found.recorded["1.LIF"].mean() > 0.03


def test_a_layer_is_the_neuron_that_is_simulated(getkey):
    """A neuron of shape () for each element, one of a shape for each sample; arrivals of those with
    synapses."""
    current = jnp.asarray(np.random.default_rng(0).normal(1.0, 1.0, (40, 2, 4)), jnp.float32)
    for neuron in (
        nj.LIF(tau_m=4.0, refractory=2.0),
        nj.LIF((4,), tau_m=np.array([3.0, 4.0, 5.0, 6.0]), refractory=2.0),
        nj.Izhikevich(),
    ):
        output = run(sequential(neuron), current, dt=0.5).output
        wide = dataclasses.replace(neuron, shape=(4,))
        for sample in range(2):
            alone = nj.simulate(wide, current[:, sample], t1=20.0, dt=0.5, record=["raster"])
            np.testing.assert_array_equal(output[:, sample], alone["raster"])
    synaptic = nj.neurons.CurrentLIF((4,), resistance=5.0)
    output = run(sequential(synaptic), current, dt=0.5).output
    alone = nj.simulate(
        synaptic, t1=20.0, dt=0.5, incoming=nj.Series(current[:, 1]), record=["raster"]
    )
    np.testing.assert_array_equal(output[:, 1], alone["raster"])
    assert output.mean() > 0.02


def test_values_of_earlier_steps():
    network = SpikingNetwork(
        {"late": Node(lambda x, y: x + 10 * y, Previous("input", 2), "input")}, "late"
    )
    x = jnp.arange(1.0, 6.0)[:, None, None]
    np.testing.assert_array_equal(run(network, x).output.ravel(), [10, 20, 31, 42, 53])


@pytest.mark.parametrize("how", [{}, {"how": "steps"}, {"chunk": 4}])
def test_a_run_goes_on_where_another_ended(getkey, how):
    network = recurrent(getkey)
    x = 2 * spikes(getkey, steps=20)
    whole = run(network, x, record=["first"])
    first = run(network, x[:7], record=["first"], **how)
    second = run(network, x[7:], record=["first"], state=first.state, **how)
    np.testing.assert_allclose(
        jnp.concatenate([first.output, second.output]), whole.output, atol=1e-5
    )
    assert int(second.state.step) == 20
    spiked = jnp.concatenate([first.recorded["first"], second.recorded["first"]])
    np.testing.assert_array_equal(spiked, whole.recorded["first"])


def test_random_spikes_are_the_same_each_way(getkey):
    noisy = lif(escape=nj.neurons.EscapeNoise(rate=100.0, width=0.3))
    network = sequential(eqx.nn.Linear(6, 8, key=getkey()), noisy)
    x, key = spikes(getkey), getkey()
    outputs = [run(network, x, key=key, **how).output for how in WAYS]
    for output in outputs[1:]:
        np.testing.assert_array_equal(output, outputs[0])
    assert 0.02 < outputs[0].mean() < 0.98
    assert jnp.any(outputs[0][:, 0] != outputs[0][:, 1])
    with pytest.raises(ValueError, match="spikes at random and needs a key"):
        run(network, x)


def test_flax_modules_are_modules(getkey):
    layer = nnx.Linear(6, 4, rngs=nnx.Rngs(0))
    x = spikes(getkey)
    output = run(sequential(layer, lif()), x).output
    ours = eqx.tree_at(
        lambda l: (l.weight, l.bias),
        eqx.nn.Linear(6, 4, key=getkey()),
        (layer.kernel[...].T, layer.bias[...]),  # pyright: ignore[reportOptionalSubscript]
    )
    np.testing.assert_array_equal(output, run(sequential(ours, lif()), x).output)


def test_time_constants_that_stay_positive(getkey):
    network = sequential(eqx.nn.Linear(6, 8, key=getkey()), lif())
    held = nj.core.kept_positive(network, lambda n: n.nodes["1.LIF"].module.tau_m)
    x = spikes(getkey)

    def rate(network):
        return jnp.mean(run(network, x, how="layers").output)

    value, slope = eqx.filter_value_and_grad(rate)(held)
    plain, plain_slope = eqx.filter_value_and_grad(rate)(network)
    np.testing.assert_allclose(value, plain, rtol=1e-6)
    log_slope = slope.nodes["1.LIF"].module.tau_m.log
    np.testing.assert_allclose(log_slope, 5.0 * plain_slope.nodes["1.LIF"].module.tau_m, rtol=1e-4)
    far = eqx.apply_updates(held, jax.tree.map(lambda g: -1e4 * g / jnp.abs(log_slope), slope))
    assert float(nj.core.plain(far).nodes["1.LIF"].module.tau_m) >= 0


def test_memory_of_the_gradient_in_chunks(getkey):
    """With chunks of √T it grows as √T, and without as T."""
    network = sequential(
        eqx.nn.Linear(6, 64, key=getkey()), lif(), eqx.nn.Linear(64, 2, key=getkey())
    )

    def bytes_of(steps, chunk):
        def loss(network, x):
            return jnp.mean(run(network, x, chunk=chunk).output ** 2)

        x = jnp.ones((steps, 16, 6))
        compiled = eqx.filter_jit(eqx.filter_grad(loss)).lower(network, x).compile()
        return compiled.compiled.memory_analysis().temp_size_in_bytes

    state = 16 * 64 * 4
    assert bytes_of(1024, 1024) > 1024 * state
    growth = bytes_of(1024, 32) / bytes_of(256, 16)
    assert bytes_of(1024, 32) < 1024 * state / 2
    assert growth < 2.6


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"inputs": jnp.ones(5)}, r"inputs must be \[time, samples, ...\].*\(5,\)"),
        ({"inputs": jnp.full((5, 2, 6), jnp.nan)}, "inputs.*holds NaN"),
        ({"inputs": {"x": jnp.ones((5, 2, 6))}}, "inputs must be of input, got x"),
        ({"inputs": jnp.ones((5, 2, 7))}, r"'0.Linear', Linear, refuses .*\(7,\)"),
        ({"dt": -1.0}, "dt must be positive, got -1.0"),
        ({"how": "fast"}, "how must be .*'fast'"),
        ({"chunk": 0}, "chunk must be a positive number of steps, got 0"),
        ({"record": ["1.LIF.w"]}, "no '1.LIF.w'; known are 0.Linear, 1.LIF, 1.LIF.v"),
    ],
)
def test_what_is_refused(getkey, how, message):
    arguments = {
        "network": sequential(eqx.nn.Linear(6, 8, key=getkey()), lif()),
        "inputs": jnp.ones((5, 2, 6)),
    } | how
    with pytest.raises(ValueError, match=message):
        run(arguments.pop("network"), arguments.pop("inputs"), **arguments)


def test_states_and_sources_that_do_not_fit(getkey):
    network = sequential(eqx.nn.Linear(6, 8, key=getkey()), lif())
    state = run(network, jnp.ones((5, 2, 6))).state
    with pytest.raises(ValueError, match=r"has shape \(2, 8\), .* has \(3, 8\)"):
        run(network, jnp.ones((5, 3, 6)), state=state)
    two = SpikingNetwork({"cells": Node(lif(), "a", "b")}, "cells", ("a", "b"))
    with pytest.raises(
        ValueError, match=r"'cells' sums sources of different shapes, \(3,\), \(4,\)"
    ):
        run(two, {"a": jnp.ones((5, 2, 3)), "b": jnp.ones((5, 2, 4))})
    with pytest.raises(ValueError, match="inputs must be a dict of a, b"):
        run(two, jnp.ones((5, 2, 3)))
    shaped = sequential(nj.LIF((7,)))
    with pytest.raises(ValueError, match=r"'0.LIF', LIF, refuses input of shape \(6,\)"):
        run(shaped, jnp.ones((5, 2, 6)))
    lost = SpikingNetwork({"a": Node(lambda x: x, Previous("a"))}, "a")
    with pytest.raises(ValueError, match="the shapes of a depend on each other"):
        run(lost, jnp.ones((5, 2, 6)))
