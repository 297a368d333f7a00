"""Spiking networks from trained ones: the error of their rates against a bound that falls as 1 / T,
and their accuracy beside that of the network they come from."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from flax import nnx
from sklearn.datasets import load_digits

from neurojax import spiking
from neurojax.learning import by_backprop, fit


def given(network, x, steps, record=()):
    """What a network gives in each step of a constant input, and what was recorded."""
    run = spiking.run(network, spiking.direct_code(x, steps), record=record)
    return np.asarray(run.output), {n: np.asarray(r) for n, r in run.recorded.items()}


@pytest.mark.parametrize("steps", [4, 16, 64, 256])
def test_rates_are_the_activations_within_a_bound(steps):
    """Where the counts of incoming spikes are off by at most C, the drive of a neuron is off by at
    most E = max Σ|w| C, summed over time. With activations of at most a spike a step its potential
    stays between −2 E and 1 + 2 E, and its own count is off by at most 1/2 + 3 E. Under a constant
    current E = 0."""
    model = eqx.nn.MLP(8, 4, 24, 3, key=jr.key(0))
    x = jr.normal(jr.key(1), (50, 8))
    network = spiking.from_ann(model, x, percentile=100)
    output, seen = given(network, x, steps, ("1.IF", "3.IF", "5.IF"))
    off, activation = 0.5, x
    for place in (0, 2, 4):
        layer, weights = model.layers[place // 2], network.nodes[f"{place}.Linear"].module.weight
        activation = jax.nn.relu(jax.vmap(layer)(activation))
        if place:
            off = 0.5 + 3 * most(weights) * off
        counts = seen[f"{place + 1}.IF"].sum(0)
        assert np.abs(counts - steps * activation / activation.max()).max() <= off + 1e-3
    error = np.abs(output[-1] - steps * jax.vmap(model)(x)).max()
    assert error <= most(network.nodes["6.Linear"].module.weight) * off


def most(weights):
    return float(jnp.abs(weights).sum(1).max())


def test_the_error_falls_with_the_steps():
    """32 times the steps, and some 32 times less error."""
    model = eqx.nn.MLP(8, 4, 24, 2, key=jr.key(2))
    x = jr.normal(jr.key(3), (50, 8))
    output, _ = given(spiking.from_ann(model, x, percentile=100), x, 512)
    due = jax.vmap(model)(x)
    errors = [float(jnp.abs(output[t - 1] / t - due).mean()) for t in (16, 512)]
    assert errors[0] / 64 < errors[1] < errors[0] / 16


def test_activations_above_the_percentile_are_cut_off():
    """One activation of a hundred is ten times the others: the 99th percentile is near those."""
    layer = eqx.nn.Linear(1, 1, use_bias=False, key=jr.key(0))
    layer = eqx.tree_at(lambda x: x.weight, layer, jnp.ones((1, 1)))
    x = jnp.linspace(0.01, 1.0, 100)[:, None].at[-1].set(10.0)
    spikes, _ = given(spiking.from_ann([layer, jax.nn.relu], x, percentile=99), x, 200)
    scale = float(np.percentile(x, 99))
    assert scale < 1.1
    np.testing.assert_allclose(
        scale * spikes.mean(0), np.minimum(x, scale), atol=0.5 * scale / 200 + 1e-6
    )


def test_inputs_as_spikes():
    """The same network takes spikes whose rates are the inputs."""
    model = eqx.nn.MLP(8, 4, 24, 1, key=jr.key(5))
    x = jr.uniform(jr.key(6), (50, 8))
    network = spiking.from_ann(model, x, percentile=100)
    output = spiking.run(network, spiking.rate_code(x, 1024, jr.key(4))).output[-1] / 1024
    due = jax.vmap(model)(x)
    assert float(jnp.abs(output - due).mean()) < 0.1 * float(jnp.std(due))


def statistics(key, channels):
    """Running means and variances, and a scale and bias, that change much."""
    keys = jr.split(key, 4)
    mean, bias = 0.3 * jr.normal(keys[0], (channels,)), 0.3 * jr.normal(keys[1], (channels,))
    return mean, jr.uniform(keys[2], (channels,)) + 0.1, jr.normal(keys[3], (channels,)), bias


def equinox_network():
    """A model, its state, and what it gives for samples."""
    key = jr.key(7)
    model, state = eqx.nn.make_with_state(eqx.nn.Sequential)(
        [
            eqx.nn.Conv2d(2, 6, 3, padding=1, use_bias=False, key=key),
            eqx.nn.BatchNorm(6, "batch", mode="batch"),
            eqx.nn.Lambda(jax.nn.relu),
            eqx.nn.AvgPool2d(2, 2),
            eqx.nn.Sequential([eqx.nn.Conv2d(6, 8, 2, groups=2, key=key)]),
            eqx.nn.AvgPool2d(2, 1),
            eqx.nn.Lambda(jax.nn.relu),
            eqx.nn.Dropout(0.5),
            eqx.nn.Lambda(jnp.ravel),
            eqx.nn.Linear(8, 9, use_bias=False, key=key),
            eqx.nn.BatchNorm(9, "batch", mode="ema"),
            eqx.nn.Lambda(lambda x: jnp.maximum(x, 0)),
            eqx.nn.Linear(9, 9, key=key),
            eqx.nn.Linear(9, 5, key=key),
        ]
    )
    mean, var, scale, bias = statistics(jr.key(8), 6)
    state = state.set(model[1].batch_state_index, (mean, var))
    model = eqx.tree_at(lambda m: (m[1].weight, m[1].bias), model, (scale, bias))
    mean, var, scale, bias = statistics(jr.key(9), 9)
    state = state.set(model[10].ema_state_index, (mean, var))
    model = eqx.tree_at(lambda m: (m[10].weight, m[10].bias), model, (scale, bias))
    model = eqx.nn.inference_mode(model)
    return model, state, jax.jit(jax.vmap(lambda x: model(x, state)[0]))


def avg_pool(x):
    with jax.numpy_dtype_promotion("standard"):  # flax divides by an integer
        return nnx.avg_pool(x, (2, 2), strides=(2, 2))


def flax_network():
    rngs = nnx.Rngs(0)
    norms = [nnx.BatchNorm(6, rngs=rngs), nnx.BatchNorm(9, rngs=rngs)]
    for seed, norm in enumerate(norms):
        values = statistics(jr.key(seed), norm.num_features)
        norm.mean[...], norm.var[...] = values[:2]
        norm.scale[...], norm.bias[...] = values[2:]  # pyright: ignore[reportOptionalSubscript]
    model = nnx.Sequential(
        nnx.Conv(2, 6, (3, 3), use_bias=False, rngs=rngs),
        norms[0],
        nnx.relu,
        avg_pool,
        nnx.Sequential(nnx.Conv(6, 8, (3, 3), padding="VALID", rngs=rngs)),
        nnx.relu,
        lambda x: x.reshape(len(x), -1),
        nnx.Dropout(0.5, rngs=rngs),
        nnx.Linear(8, 9, rngs=rngs),
        norms[1],
        nnx.relu,
        nnx.Linear(9, 5, rngs=rngs),
    )
    model.eval()
    return model, None, model


@pytest.mark.parametrize(
    ("network", "shape"), [(equinox_network, (2, 6, 6)), (flax_network, (6, 6, 2))]
)
def test_convolutions_pools_and_normalisation(network, shape):
    """What the readout gives on average nears the model's output as the steps grow."""
    model, state, call = network()
    x = jr.normal(jr.key(10), (20, *shape))
    converted = spiking.from_ann(model, x, percentile=100, state=state)
    names = [name for name in converted.nodes if "IF" in name]
    assert len(names) == 3 and not any("Norm" in name or "Drop" in name for name in converted.nodes)
    kept = {n: x.module for n, x in converted.nodes.items() if "Conv" in n or "Linear" in n}
    assert all(type(module).__name__ == name.rpartition(".")[2] for name, module in kept.items())
    output, _ = given(converted, x, 1024)
    due = np.asarray(call(x))
    errors = [np.abs(output[t - 1] / t - due).mean() / due.std() for t in (32, 1024)]
    assert errors[1] < min(0.02, errors[0] / 16)


def test_accuracy_on_digits():
    """Within a point of the network that it comes from, after 64 steps."""
    images, labels = load_digits(return_X_y=True)
    images, labels = jnp.asarray(images / 16, jnp.float32), jnp.asarray(labels, jnp.int32)
    train, test = (images[:1200], labels[:1200]), (images[1200:], labels[1200:])

    def loss(model, batch, key):
        x, y = batch
        logits = jax.vmap(model)(x)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), {}

    trained = fit(
        eqx.nn.MLP(64, 10, 64, 2, key=jr.key(0)),
        train,
        by_backprop(loss),
        optimizer=optax.adam(3e-3),
        epochs=30,
        batch_size=50,
        key=jr.key(1),
    ).model

    def accuracy(logits):
        return float(np.mean(np.argmax(logits, 1) == test[1]))

    before = accuracy(jax.vmap(trained)(test[0]))
    output, _ = given(spiking.from_ann(trained, train[0]), test[0], 64)
    assert before > 0.9
    assert accuracy(output[-1]) > before - 0.01


LINEAR = eqx.nn.Linear(4, 4, key=jr.key(0))
CONV = eqx.nn.Conv2d(1, 2, 3, key=jr.key(0))
RELU = jax.nn.relu
X = np.linspace(0.1, 1, 12, dtype=np.float32).reshape(3, 4)
IMAGES = np.random.default_rng(0).normal(size=(3, 1, 5, 5)).astype(np.float32)
RNGS = nnx.Rngs(0)


@pytest.mark.parametrize(
    ("layers", "data", "message"),
    [
        ([CONV, RELU, eqx.nn.MaxPool2d(2, 2)], IMAGES, "layer 2.MaxPool2d is neither .* average"),
        ([LINEAR, jax.nn.gelu], X, "layer 1.gelu is neither ReLU nor linear"),
        ([LINEAR, jax.nn.softmax], X, "layer 1.softmax is neither ReLU nor linear"),
        ([LINEAR, eqx.nn.PReLU()], X, "layer 1.PReLU has weights and is neither Linear nor Conv"),
        ([LINEAR, eqx.nn.LayerNorm(4)], X, "layer 1.LayerNorm has weights"),
        ([LINEAR, eqx.nn.Dropout()], X, "layer 1.Dropout is in training mode"),
        ([RELU, LINEAR], X, "layer 0.relu follows no Linear or Conv of its own"),
        ([LINEAR, RELU, jnp.negative, RELU], X, "layer 3.relu follows no Linear or Conv"),
        ([jnp.negative], X, "the model has no Linear or Conv"),
        ([], X, "the model has no layers"),
        ([LINEAR, LINEAR, CONV], X, r"layer 2.Conv2d does not take one sample of shape \(4,\)"),
        (LINEAR, X, "cannot see how Linear joins its layers: give them as a list"),
        ([LINEAR, lambda x: RELU(x - 999), LINEAR], X, "1.<lambda> is neither ReLU"),
        ([eqx.nn.Linear(4, 1, key=jr.key(0)), jax.nn.relu6], X, "layer 1.relu6 is neither ReLU"),
        (
            [LINEAR, RELU, nnx.BatchNorm(4, use_running_average=True, rngs=RNGS)],
            X,
            "layer 2.BatchNorm must directly follow a Linear or Conv",
        ),
        (
            [LINEAR, nnx.BatchNorm(4, use_running_average=True, rngs=RNGS)],
            X,
            "layer 1.BatchNorm must directly follow a Linear or Conv of its library",
        ),
        ([LINEAR, nnx.BatchNorm(4, rngs=RNGS)], X, "layer 1.BatchNorm is in training mode"),
    ],
)
def test_layers_without_a_counterpart_are_refused(layers, data, message):
    with pytest.raises(ValueError, match=message):
        spiking.from_ann(layers, data)


def test_bad_arguments_are_refused():
    for percentile in (0, 100.5):
        with pytest.raises(ValueError, match=f"percentile must be above 0 .*, got {percentile}"):
            spiking.from_ann([LINEAR], X, percentile=percentile)
    with pytest.raises(ValueError, match=r"data must be \[samples, \*shape\], got shape \(3,\)"):
        spiking.from_ann([LINEAR], X[:, 0])
    with pytest.raises(ValueError, match="data"):
        spiking.from_ann([LINEAR], X * np.nan)
    silent = eqx.tree_at(lambda x: (x.weight, x.bias), LINEAR, (-jnp.ones((4, 4)), -jnp.ones(4)))
    with pytest.raises(ValueError, match=r"99.9 percentile of the activations of layer 1.relu"):
        spiking.from_ann([silent, RELU], X)
    norm, _ = eqx.nn.make_with_state(eqx.nn.BatchNorm)(4, "batch", mode="batch", inference=True)
    with pytest.raises(ValueError, match=r"layer 1.BatchNorm has running statistics: give state"):
        spiking.from_ann([LINEAR, norm], X)
