"""Operations counted by NeuroBench, and ours of what its networks sent: equal, to the last one."""

import functools

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import neurojax as nj
from neurojax import spiking
from neurojax.metrics import (
    Operations,
    convolution,
    dense_connection,
    footprint,
    membrane_updates,
    per_sample,
    sparsity,
    synaptic_operations,
)

SAMPLES, STEPS, BATCH = 10, 6, 4
THRESHOLDS = {"whole": 3.0, "frames": 2.0}

# Sums of means of layers are rounded; one operation more or less would be 1e-5 of any of them.
rounded = functools.partial(pytest.approx, rel=1e-14)


@pytest.fixture(scope="module")
def inputs():
    rng = np.random.default_rng(0)

    def sparse(*shape):
        return (rng.normal(size=shape) * (rng.random(shape) < 0.7)).astype(np.float32)

    spikes = rng.integers(-1, 2, (SAMPLES, STEPS, 12)).astype(np.float32)
    spikes[::2, :3] = 0  # membranes that rest, and later steps in which all change
    graded = sparse(SAMPLES, STEPS, 12)
    graded[:, 2] = 0
    mixed = graded.copy()
    mixed[:, 4] = spikes[:, 4]  # one step of spikes among graded messages
    return {
        "images": sparse(SAMPLES, 2, 9, 7),
        "spikes": spikes,
        "graded": graded,
        "mixed": mixed,
        "conv1": sparse(4, 2, 3, 3),
        "conv2": sparse(3, 4, 2, 3),
        "readout": sparse(5, 24),
        "hidden": sparse(8, 12),
        "output": sparse(3, 8),
        "frames": sparse(SAMPLES, STEPS, 2, 9, 7),
        "batch": BATCH,
        "thresholds": np.array([THRESHOLDS["whole"], THRESHOLDS["frames"]]),
    }


@pytest.fixture(scope="module")
def neurobench(oracle, inputs):
    return oracle("neurobench_operations", **inputs)


def connections(x, network):
    if network == "images":
        return [
            convolution(x["conv1"], (2, 9, 7), stride=2, padding=1),
            convolution(x["conv2"], (4, 5, 4), stride=(1, 2), padding=[(2, 2), (0, 0)]),
            dense_connection(x["readout"]),
        ]
    return [dense_connection(x["hidden"]), dense_connection(x["output"])]


def all_of(results, network, name):
    """Arrays `name.0`, `name.1`, ... of a network."""
    keys = sorted(k for k in results if k.startswith(f"{network}.{name}."))
    return [results[k] for k in keys]


def counted(results, x, network):
    return [
        synaptic_operations(connection, sent)
        for connection, sent in zip(
            connections(x, network), all_of(results, network, "input"), strict=True
        )
    ]


@pytest.mark.parametrize("network", ["images", "spikes", "graded"])
def test_synaptic_operations(network, inputs, neurobench):
    layers = [per_sample(c, samples=SAMPLES) for c in counted(neurobench, inputs, network)]
    ours = sum(layers, start=Operations())
    assert ours.macs == rounded(float(neurobench[f"{network}.macs"]))
    assert ours.acs == rounded(float(neurobench[f"{network}.acs"]))
    assert ours.dense == rounded(float(neurobench[f"{network}.dense"]))
    assert (ours.macs > 0) == (network != "spikes") and (ours.acs > 0) == (network != "images")


def test_a_step_of_spikes_among_graded_messages(inputs, neurobench):
    """NeuroBench prices that step by itself, as ours does when it is handed steps one by one."""
    first = neurobench["mixed.input.0"]
    connection = connections(inputs, "mixed")[0]
    whole = per_sample(synaptic_operations(connection, first), samples=SAMPLES)
    step = per_sample(synaptic_operations(connection, first[:, 4]), samples=SAMPLES)
    assert step.acs > 0 and step.macs == 0 and whole.acs == 0
    assert float(neurobench["mixed.macs"]) == rounded(whole.macs - step.acs)

    second = per_sample(counted(neurobench, inputs, "mixed")[1], samples=SAMPLES)
    assert float(neurobench["mixed.acs"]) == rounded(step.acs + second.acs)


@pytest.mark.parametrize("network", ["images", "spikes", "graded"])
def test_sparsity_and_footprint(network, inputs, neurobench):
    weights = ["conv1", "conv2", "readout"] if network == "images" else ["hidden", "output"]
    activations = all_of(neurobench, network, "activation")
    theirs = float(neurobench[f"{network}.activation_sparsity"])
    assert sparsity(activations) == rounded(theirs)
    ours = sparsity([inputs[name] for name in weights])
    assert abs(ours - neurobench[f"{network}.connection_sparsity"]) <= 5e-5  # it has four decimals
    assert footprint(all_of(neurobench, network, "state")) == neurobench[f"{network}.footprint"]


@pytest.mark.parametrize("network", ["spikes", "graded"])
def test_membrane_updates(network, neurobench):
    """snnTorch's membranes start at zero and keep between steps what they had after the last."""
    membranes = all_of(neurobench, network, "membrane")
    updates = 0
    for after in membranes:
        before = np.concatenate([np.zeros_like(after[:, :1]), after[:, :-1]], axis=1)
        updates += int(membrane_updates(before, after).sum())
    assert updates / SAMPLES == neurobench[f"{network}.membrane_updates"]
    resting = STEPS * sum(after.shape[2] for after in membranes) * SAMPLES - updates
    assert resting > 0


def with_weights(layer, weight):
    """Biases as in the oracle: no count may show them."""
    layer = eqx.tree_at(lambda x: x.weight, layer, jnp.asarray(weight))
    if layer.bias is None:
        return layer
    return eqx.tree_at(lambda x: x.bias, layer, jnp.full_like(layer.bias, 0.25))


def whole_network(x, name):
    """snnTorch's network in ours: `mem = β mem + I` for β = 1/2."""
    key = jr.key(0)
    how = {"resistance": 2.0, "v_threshold": THRESHOLDS[name], "soft_reset": name == "whole"}
    neurons = nj.LIF(tau_m=float(1 / np.log(2)), **how)
    if name == "whole":
        return spiking.sequential(
            with_weights(eqx.nn.Linear(12, 8, use_bias=False, key=key), x["hidden"]),
            neurons,
            with_weights(eqx.nn.Linear(8, 3, use_bias=False, key=key), x["output"]),
            neurons,
        )
    second = eqx.nn.Conv2d(4, 3, (2, 3), stride=(1, 2), padding=(2, 0), key=key)
    return spiking.sequential(
        with_weights(eqx.nn.Conv2d(2, 4, 3, stride=2, padding=1, key=key), x["conv1"]),
        neurons,
        with_weights(second, x["conv2"]),
        neurons,
        jnp.ravel,
        with_weights(eqx.nn.Linear(24, 5, key=key), x["readout"]),
        neurons,
    )


@pytest.mark.parametrize(("name", "data"), [("whole", "spikes"), ("frames", "frames")])
def test_a_whole_network(name, data, inputs, neurobench):
    """Run by ours, it spikes when snnTorch's does; all that NeuroBench counts of it is equal.

    (After a reset by subtraction none of these is still above threshold: there they differ.)
    """
    network, sent = whole_network(inputs, name), np.moveaxis(inputs[data], 0, 1)
    neurons = [n for n, node in network.nodes.items() if isinstance(node.module, nj.LIF)]
    seen = spiking.run(network, sent, record=neurons).recorded
    for name_of_ours, theirs in zip(neurons, all_of(neurobench, name, "activation"), strict=True):
        np.testing.assert_array_equal(np.asarray(seen[name_of_ours]).swapaxes(0, 1), theirs)
        assert 0.01 < theirs.mean() < 0.5

    found = spiking.measure(network, sent, batch_size=3)
    assert found.total.macs == rounded(float(neurobench[f"{name}.macs"]))
    assert found.total.acs == rounded(float(neurobench[f"{name}.acs"]))
    assert found.total.dense == rounded(float(neurobench[f"{name}.dense"]))
    assert found.total.updates == rounded(float(neurobench[f"{name}.membrane_updates"]))
    assert found.activation_sparsity == rounded(float(neurobench[f"{name}.activation_sparsity"]))
    theirs = float(neurobench[f"{name}.connection_sparsity"])
    assert abs(found.connection_sparsity - theirs) <= 5e-5  # it has four decimals
    assert found.total.acs > 0 and (found.total.macs > 0) == (name == "frames")
