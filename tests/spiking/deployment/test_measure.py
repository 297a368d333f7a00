"""Measures of whole networks against numpy and against loops over each operation."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from flax import nnx

import neurojax as nj
from neurojax import neurons, spiking
from neurojax.metrics import HARDWARE, Operations

STEPS, SAMPLES = 6, 5


def sparse(seed, *shape, density=0.6):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=shape) * (rng.random(shape) < density)).astype(np.float32)


def linear(weight):
    layer = eqx.nn.Linear(*weight.shape[::-1], use_bias=False, key=jr.key(0))
    return eqx.tree_at(lambda x: x.weight, layer, jnp.asarray(weight))


def spikes(seed, *shape):
    return (np.random.default_rng(seed).random(shape) < 0.3).astype(np.float32)


LIF = nj.LIF(tau_m=2.0, soft_reset=True)


def leaky(current):
    """The potentials after each step and the spikes of neurons driven by `current` [time, ...]."""
    decay, v, after, fired = np.exp(-0.5), np.zeros(current.shape[1:]), [], []
    for x in current:
        v = decay * v + (1 - decay) * x
        fired.append(v > 1)
        v = v - fired[-1]
        after.append(v)
    return np.array(after), np.array(fired)


def operations(weight, sent):
    """One by one: a nonzero input at a nonzero weight."""
    return sum(
        1.0
        for step in sent.reshape(-1, sent.shape[-1])
        for row in weight
        for w, x in zip(row, step, strict=True)
        if w != 0 and x != 0
    )


def updates(v):
    return v[0].size + sum((a != b).sum() for a, b in itertools.pairwise(v))


@pytest.fixture
def two_layers():
    return 4 * abs(sparse(0, 7, 4)), 3 * abs(sparse(1, 3, 7))


def test_a_spiking_network(two_layers):
    first, second = two_layers
    network = spiking.sequential(linear(first), LIF, linear(second), LIF)
    data = spikes(2, STEPS, SAMPLES, 4)
    data[:, 0] = 0  # a sample in which nothing happens
    found = spiking.measure(network, data)
    v1, fired1 = leaky(data @ first.T)
    v2, fired2 = leaky(fired1 @ second.T)
    assert 0 < fired1.mean() < 1 and 0 < fired2.mean() < 1
    assert found.layers == {
        "0.Linear": Operations(acs=operations(first, data) / SAMPLES, dense=STEPS * 28.0),
        "1.LIF": Operations(updates=updates(v1) / SAMPLES),
        "2.Linear": Operations(acs=operations(second, fired1) / SAMPLES, dense=STEPS * 21.0),
        "3.LIF": Operations(updates=updates(v2) / SAMPLES),
    }
    assert found.left_out == ()
    fired = np.concatenate([fired1.ravel(), fired2.ravel()])
    assert found.activation_sparsity == pytest.approx(1 - fired.mean(), rel=1e-12)
    weights = np.concatenate([first.ravel(), second.ravel()])
    assert found.connection_sparsity == pytest.approx((weights == 0).mean(), rel=1e-12)
    neuron = sum(x.nbytes for x in jax.tree.leaves(LIF))
    assert found.footprint == 4 * (28 + 21) + 2 * neuron


def test_graded_inputs_are_multiplied(two_layers):
    network = spiking.sequential(linear(two_layers[0]), LIF, linear(two_layers[1]))
    image = abs(sparse(3, SAMPLES, 4))
    found = spiking.measure(network, spiking.direct_code(image, STEPS))
    first, last = found.layers["0.Linear"], found.layers["2.Linear"]
    assert first.macs == STEPS * operations(two_layers[0], image) / SAMPLES and first.acs == 0
    assert last.acs > 0 and last.macs == 0


def test_recurrent_connections(two_layers):
    """What neurons gave a step ago, through weights, back to them; and two steps ago to others."""
    first, second = two_layers
    back = sparse(4, 7, 7)
    network = spiking.SpikingNetwork(
        {
            "in": spiking.Node(linear(first), "input"),
            "back": spiking.Node(linear(back), spiking.Previous("hidden")),
            "hidden": spiking.Node(LIF, "in", "back"),
            "out": spiking.Node(linear(second), spiking.Previous("hidden", 2)),
        },
        "out",
    )
    data = spikes(5, STEPS, SAMPLES, 4)
    found = spiking.measure(network, data)
    fired = spiking.run(network, data, record=("hidden",)).recorded["hidden"]
    fired = np.asarray(fired)
    assert 0 < fired.mean() < 1
    assert found.layers["back"].acs == operations(back, fired[:-1]) / SAMPLES
    assert found.layers["out"].acs == operations(second, fired[:-2]) / SAMPLES
    assert found.layers["back"].dense == STEPS * 49.0


@pytest.mark.parametrize("batch_size", [1, 2, 4, 100])
def test_batches_change_nothing(two_layers, batch_size):
    network = spiking.sequential(linear(two_layers[0]), LIF, linear(two_layers[1]))
    data = spikes(6, STEPS, SAMPLES, 4)
    whole = spiking.measure(network, data, batch_size=SAMPLES)
    assert spiking.measure(network, data, batch_size=batch_size) == whole


def relu_network(two_layers):
    first, second = two_layers
    return [linear(first - 1), jax.nn.relu, linear(second)]


def test_a_conventional_network(two_layers):
    layers = relu_network(two_layers)
    data = sparse(7, SAMPLES, 4)
    hidden = np.maximum(data @ np.asarray(layers[0].weight).T, 0)
    found = spiking.measure(layers, data, batch_size=2)
    assert found.layers == {
        "0.Linear": Operations(macs=operations(layers[0].weight, data) / SAMPLES, dense=28.0),
        "2.Linear": Operations(macs=operations(two_layers[1], hidden) / SAMPLES, dense=21.0),
    }
    assert found.left_out == ("1.relu",)
    assert found.activation_sparsity == pytest.approx((hidden == 0).mean(), rel=1e-12)
    assert found.footprint == 4 * (28 + 21)
    lambdas = [layers[0], eqx.nn.Lambda(jax.nn.relu), layers[2]]
    assert spiking.measure(eqx.nn.Sequential(lambdas), data) == found


def test_containers_are_looked_into(two_layers):
    """A perceptron as a node is the nodes of its layers."""
    data = sparse(8, STEPS, SAMPLES, 4)
    mlp = eqx.nn.MLP(4, 3, 7, 1, key=jr.key(0))
    inside = spiking.SpikingNetwork({"mlp": spiking.Node(mlp, "input")}, "mlp")
    alone = spiking.measure(mlp, data.reshape(-1, 4))
    found = spiking.measure(inside, data)
    assert list(found.layers) == ["mlp.0.Linear", "mlp.2.Linear"]
    assert found.total.macs == pytest.approx(alone.total.macs * STEPS, rel=1e-12)
    assert found.activation_sparsity == pytest.approx(alone.activation_sparsity, rel=1e-12)


def avg_pool(x):
    with jax.numpy_dtype_promotion("standard"):  # flax divides by an integer
        return nnx.avg_pool(x, (2, 2), strides=(2, 2))


def test_convolutions_pools_and_normalisation_of_both_libraries():
    """One network in Equinox's layout and in flax's: the same counts."""
    images = sparse(9, SAMPLES, 2, 6, 6)
    kernel, readout = jnp.asarray(sparse(10, 3, 2, 3, 3)), jnp.asarray(sparse(11, 4, 27))
    model, state = eqx.nn.make_with_state(eqx.nn.Sequential)(
        [
            eqx.nn.Conv2d(2, 3, 3, padding=1, use_bias=False, key=jr.key(0)),
            eqx.nn.BatchNorm(3, "batch", mode="batch", inference=True),
            eqx.nn.Lambda(jax.nn.relu),
            eqx.nn.AvgPool2d(2, 2),
            eqx.nn.Lambda(jnp.ravel),
            eqx.nn.Linear(27, 4, use_bias=False, key=jr.key(1)),
        ]
    )
    model = eqx.tree_at(lambda m: (m[0].weight, m[5].weight), model, (kernel, readout))
    found = spiking.measure(model, images, state=state)
    assert found.left_out == ("1.BatchNorm", "2.relu", "3.AvgPool2d", "4.ravel")

    rngs = nnx.Rngs(0)
    conv = nnx.Conv(2, 3, (3, 3), padding=1, use_bias=False, rngs=rngs)
    conv.kernel = nnx.Param(kernel.transpose(2, 3, 1, 0))
    dense = nnx.Linear(27, 4, use_bias=False, rngs=rngs)
    dense.kernel = nnx.Param(readout.reshape(4, 3, 3, 3).transpose(2, 3, 1, 0).reshape(27, 4))
    flax_model = nnx.Sequential(
        conv,
        nnx.BatchNorm(3, use_running_average=True, rngs=rngs),
        nnx.relu,
        avg_pool,
        lambda x: x.reshape(len(x), -1),
        dense,
    )
    other = spiking.measure(flax_model, images.transpose(0, 2, 3, 1))
    assert other.total == found.total
    assert other.activation_sparsity == found.activation_sparsity > 0
    assert other.connection_sparsity == found.connection_sparsity
    assert other.left_out[:4] == ("1.BatchNorm", "2.relu", "3.avg_pool", "4.<lambda>")


def test_what_is_an_activation():
    """Not what is linear, nor a sum, nor a membrane without a threshold."""
    network = spiking.SpikingNetwork(
        {
            "double": spiking.Node(lambda x: 2 * x, "input"),
            "tanh": spiking.Node(jnp.tanh, "double"),
            "prelu": spiking.Node(eqx.nn.PReLU(), "tanh"),
            "sum": spiking.Node(jnp.add, "prelu", "tanh"),
            "norm": spiking.Node(eqx.nn.LayerNorm(4), "sum"),
            "membrane": spiking.Node(neurons.LeakyIntegrator(), "norm"),
        },
        "membrane",
    )
    data = sparse(12, STEPS, SAMPLES, 4)
    found = spiking.measure(network, data)
    assert found.activation_sparsity == pytest.approx((data == 0).mean(), rel=1e-12)
    assert list(found.layers) == ["membrane"]
    assert found.left_out == ("double", "tanh", "prelu", "sum", "norm")
    assert np.isnan(found.connection_sparsity)


def test_energy_is_printed_by_node(two_layers):
    network = spiking.sequential(linear(two_layers[0]), jnp.ravel, LIF)
    data = spikes(13, STEPS, SAMPLES, 4)
    estimate = nj.energy(network, data)
    acs = operations(two_layers[0], data) / SAMPLES
    assert estimate.low == estimate.high == pytest.approx(0.9 * acs)
    lines = repr(estimate).splitlines()
    assert [line.split()[0] for line in lines[2:5]] == ["0.Linear", "2.LIF", "total"]
    assert lines[-1] == "  nodes without operations: 1.ravel"
    loihi = nj.energy(network, data, hardware=HARDWARE["Loihi"])
    membrane = spiking.measure(network, data).layers["2.LIF"].updates
    assert loihi.low == pytest.approx(23.6 * acs + 72.8 * membrane)


def test_a_spiking_network_beside_its_twin(two_layers):
    layers = relu_network(two_layers)
    image = abs(sparse(14, 20, 4))
    network = spiking.from_ann(layers, image)
    beside = nj.metrics.compare_energies(
        {
            "conventional": nj.energy(layers, image),
            "spiking": nj.energy(network, spiking.rate_code(image / 4, 2, jr.key(0))),
        }
    )
    assert "spiking takes" in str(beside)
    assert beside.estimates["spiking"].total.macs == 0


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (eqx.nn.GRUCell(4, 4, key=jr.key(0)), "'0.GRUCell', GRUCell, has weights whose operations"),
        (spiking.Layer(nj.LIF((4,)), np.ones((4, 4))), "'0.Layer', Layer, has weights"),
        (eqx.nn.Conv1d(1, 1, 3, padding_mode="REFLECT", padding=1, key=jr.key(0)), "taps of a"),
    ],
)
def test_weights_that_cannot_be_counted_are_refused(module, message):
    shape = (1, 4) if isinstance(module, eqx.nn.Conv1d) else (4,)
    with pytest.raises(ValueError, match=message):
        spiking.measure(spiking.sequential(module), np.ones((2, 1, *shape), np.float32))


def test_bad_input_is_refused(two_layers):
    network, layers = spiking.sequential(linear(two_layers[0]), LIF), relu_network(two_layers)
    data = np.ones((2, 3, 4), np.float32)
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        spiking.measure(network, data, batch_size=0)
    with pytest.raises(ValueError, match=r"data must be \[time, samples, ...\].*has shape \(4,\)"):
        spiking.measure(network, data[0, 0])
    with pytest.raises(ValueError, match=r"has shape \(2, 0, 4\)"):
        spiking.measure(network, data[:, :0])
    with pytest.raises(ValueError, match="data"):
        spiking.measure(network, data * np.nan)
    with pytest.raises(TypeError, match="must be an array, got a dict"):
        spiking.measure(layers, {"input": data[0]})
    with pytest.raises(ValueError, match=r"layer 0.Linear does not take one sample of shape"):
        spiking.measure(layers, data)
    with pytest.raises(ValueError, match="cannot see how LIF joins its layers"):
        spiking.measure(LIF, data)
    with pytest.raises(ValueError, match="the model has no layers"):
        spiking.measure([], data)
    with pytest.raises(ValueError, match=r"layer 1.Dropout is in training mode"):
        spiking.measure([layers[0], eqx.nn.Dropout(0.5)], data[0])
    with pytest.raises(TypeError, match=r"layer 1.int cannot be called: 3"):
        spiking.measure([layers[0], 3], data[0])
    with pytest.raises(ValueError, match=r"Loihi has no energy for multiply.*'0.Linear' has"):
        nj.energy(layers, 2 * data[0], hardware=HARDWARE["Loihi"])
