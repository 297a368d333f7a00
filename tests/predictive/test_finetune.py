"""Fine-tuning: what moves, what stays, what is learnt, and how divergence is told."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

from neurojax.learning import fit
from neurojax.predictive import (
    BackpropRule,
    Categorical,
    Hierarchy,
    PredictiveCoding,
    accuracy,
    finetune,
    from_backprop,
    mlp,
    predict,
    to_backprop,
)

# One optimizer for all: a new one would be compiled anew.
ADAM = optax.adam(1e-2)
CENTRES = jnp.array([[2.0, 0.0], [-1.0, 1.7], [-1.0, -1.7]])


def task(samples: int = 120) -> tuple:
    """Points around three corners, and which corner it was."""
    labels = jr.randint(jr.key(1), (samples,), 0, 3)
    x = CENTRES[labels] + 0.5 * jr.normal(jr.key(2), (samples, 2))
    return x, jax.nn.one_hot(labels, 3), labels


def network() -> Hierarchy:
    return mlp((2, 10, 10, 3), jr.key(0), activation=jnp.tanh, output=Categorical())


def training(**changes) -> dict:
    how = {"optimizer": ADAM, "epochs": 4, "batch_size": 20, "key": jr.key(3)}
    return how | changes


# The spec of three energies that are not trained.
NOTHING = jax.tree.map(lambda _: False, network().energies)


def assert_same(a, b) -> None:
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("rule", ["pc", "bp"])
def test_it_learns(rule: str):
    x, y, labels = task()
    before = network()
    assert float(accuracy(before, x, labels)) < 0.7
    trained, history, best = finetune(before, (x, y), rule=rule, **training(epochs=10))
    assert float(accuracy(trained, x, labels)) > 0.9
    energies = [record["train/energy"] for record in history]
    assert energies[-1] < 0.5 * energies[0]
    assert [record["epoch"] for record in history] == list(range(1, 11))
    assert best is None
    assert ("train/relaxation" in history[0]) == (rule == "pc")
    assert_same(before, network())


@pytest.mark.parametrize(
    ("name", "rule"), [("pc", PredictiveCoding(steps=7, step_size=0.05)), ("bp", BackpropRule())]
)
def test_a_rules_name_stands_for_its_gradient_in_fit(name: str, rule):
    x, y, _ = task()
    named = finetune(network(), (x, y), rule=name, steps=7, step_size=0.05, **training())
    weights = eqx.tree_at(lambda h: h.energies, jax.tree.map(lambda _: True, network()), NOTHING)
    given = fit(network(), (x, y), rule, trainable=weights, **training())
    assert_same(named.model, given.model)
    assert named.history == given.history


def test_a_gradient_of_ones_own():
    x, y, _ = task()

    def ones(model, batch, key):
        return jax.tree.map(jnp.ones_like, model), {"samples": jnp.asarray(float(len(batch[0])))}

    how = training(optimizer=optax.sgd(0.5), epochs=1)
    trained, history, _ = finetune(network(), (x, y), rule=ones, **how)
    for layer, before in zip(trained.layers, network().layers, strict=True):
        np.testing.assert_allclose(layer.weight, before.weight - 3, atol=1e-5)  # 6 updates
    assert history == [{"epoch": 1, "train/samples": 20.0}]


def test_only_weights_move():
    x, y, _ = task()
    hierarchy = network()
    trained = finetune(hierarchy, (x, y), **training()).model
    assert_same(trained.energies, hierarchy.energies)  # a precision is not trained
    for after, before in zip(trained.layers, hierarchy.layers, strict=True):
        assert not np.array_equal(after.weight, before.weight)
        assert after.bias is not None and before.bias is not None
        assert not np.array_equal(after.bias, before.bias)


@pytest.mark.parametrize("rule", ["pc", "bp"])
def test_frozen_layers_stay_bitwise(rule: str):
    x, y, _ = task()
    hierarchy = network()
    how = training(optimizer=optax.adamw(1e-2, weight_decay=0.1))
    trained = finetune(hierarchy, (x, y), rule=rule, freeze=[0, 2], **how).model
    for number in (0, 2):
        assert_same(trained.layers[number], hierarchy.layers[number])
    assert not np.array_equal(trained.layers[1].weight, hierarchy.layers[1].weight)


@pytest.mark.parametrize("number", [3, -1])
def test_a_layer_that_is_not_there_cannot_be_frozen(number: int):
    x, y, _ = task()
    with pytest.raises(ValueError, match=f"freeze has no layer {number}: layers are 0 to 2"):
        finetune(network(), (x, y), freeze=[number], **training())


def test_an_unknown_rule():
    x, y, _ = task()
    with pytest.raises(ValueError, match=r"rule must be 'pc', 'bp' or a gradient.*'hebb'"):
        finetune(network(), (x, y), rule="hebb", **training())


def test_inference_that_diverges_stops_training():
    x, y, _ = task()
    told = []
    message = r"raised the energy by .* in epoch 1: give a smaller step_size"
    with pytest.raises(FloatingPointError, match=message):
        finetune(network(), (x, y), step_size=1.9, on_epoch=told.append, **training())
    assert told == []


def test_an_overflow_stops_training():
    x, y, _ = task()
    with pytest.raises(FloatingPointError, match="diverged in epoch 1: train/energy is"):
        finetune(network(), (x, y), step_size=50.0, steps=100, **training())


def test_a_backprop_network_is_trained_by_predictive_coding_and_given_back():
    x, y, labels = task()
    model = eqx.nn.MLP(2, 3, 10, 2, jnp.tanh, key=jr.key(5))
    trained = finetune(from_backprop(model), (x, y), **training(epochs=10)).model
    back = to_backprop(trained)
    np.testing.assert_allclose(jax.vmap(back)(x), predict(trained, x), atol=1e-5)
    assert float(jnp.mean(jnp.argmax(jax.vmap(back)(x), axis=1) == labels)) > 0.9


def test_inference_to_a_tolerance_trains_too():
    x, y, _ = task()
    history = finetune(network(), (x, y), tolerance=1e-3, steps=200, **training()).history
    assert history[-1]["train/energy"] < history[0]["train/energy"]
    assert 0 < history[0]["train/relaxation"] < 100


def test_stopping_and_going_on_is_bitwise(tmp_path):
    x, y, _ = task()
    whole = finetune(network(), (x, y), **training())
    how = {"checkpoint": tmp_path / "pc.safetensors"}
    finetune(network(), (x, y), **training(epochs=2), **how)
    resumed = finetune(network(), (x, y), resume=True, **training(), **how)
    assert_same(resumed.model, whole.model)
    assert resumed.history == whole.history
