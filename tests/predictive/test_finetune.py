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
ADAM, SLOW = optax.adam(1e-2), optax.adam(1e-3)
DECAYS = optax.adamw(1e-2, weight_decay=0.1)
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


def modules(hierarchy: Hierarchy) -> list:
    return [edge.module for edge in hierarchy.edges]


def energies(hierarchy: Hierarchy) -> list:
    return [node.energy for node in hierarchy.nodes]


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
    all_of_it = jax.tree.map(lambda _: True, network())
    nothing = jax.tree.map(lambda _: False, energies(network()))
    weights = eqx.tree_at(energies, all_of_it, nothing)
    given = fit(network(), (x, y), rule, trainable=weights, **training())
    assert_same(named.model, given.model)
    assert named.history == given.history


def test_a_gradient_of_ones_own():
    x, y, _ = task()

    def ones(model, batch, key):
        return jax.tree.map(jnp.ones_like, model), {"samples": jnp.asarray(float(len(batch[0])))}

    how = training(optimizer=optax.sgd(0.5), epochs=1)
    trained, history, _ = finetune(network(), (x, y), rule=ones, **how)
    for layer, before in zip(modules(trained), modules(network()), strict=True):
        np.testing.assert_allclose(layer.weight, before.weight - 3, atol=1e-5)  # 6 updates
    assert history == [{"epoch": 1, "train/samples": 20.0}]


def test_only_weights_move():
    x, y, _ = task()
    hierarchy = network()
    trained = finetune(hierarchy, (x, y), **training()).model
    assert_same(energies(trained), energies(hierarchy))  # a precision is not trained
    for after, before in zip(modules(trained), modules(hierarchy), strict=True):
        assert not np.array_equal(after.weight, before.weight)
        assert after.bias is not None and before.bias is not None
        assert not np.array_equal(after.bias, before.bias)


@pytest.mark.parametrize("rule", ["pc", "bp"])
@pytest.mark.parametrize("freeze", [[0, 2], ["h1", "output"]])
def test_frozen_layers_stay_bitwise(rule: str, freeze: list):
    x, y, _ = task()
    hierarchy = network()
    trained = finetune(hierarchy, (x, y), rule=rule, freeze=freeze, **training(optimizer=DECAYS))
    before, after = modules(hierarchy), modules(trained.model)
    for number in (0, 2):
        assert_same(after[number], before[number])
    assert not np.array_equal(after[1].weight, before[1].weight)


@pytest.mark.parametrize("edge", [3, -1, "h3", "input"])
def test_an_edge_that_is_not_there(edge):
    x, y, _ = task()
    message = f"has no edge {edge!r}: edges are 0 to 2, to h1, h2, output"
    with pytest.raises(ValueError, match=f"freeze {message}"):
        finetune(network(), (x, y), freeze=[edge], **training())
    with pytest.raises(ValueError, match=f"learning_rates {message}"):
        finetune(network(), (x, y), learning_rates={edge: 0.5}, **training())


def test_learning_rates_are_factors_on_an_edges_updates():
    x, y, _ = task()
    how = training(optimizer=optax.sgd(0.5), epochs=1, batch_size=120)
    rates = {"output": 0.1, 0: 0.0}
    whole = finetune(network(), (x, y), **how).model
    scaled = finetune(network(), (x, y), learning_rates=rates, **how).model
    before = modules(network())
    assert_same(modules(scaled)[0], before[0])
    for number, factor in ((1, 1.0), (2, 0.1)):
        moved, due = (modules(h)[number].weight - before[number].weight for h in (scaled, whole))
        np.testing.assert_allclose(moved, factor * due, atol=1e-7)
    with pytest.raises(ValueError, match=r"learning_rates\['h1'\] must be at least 0, got -1"):
        finetune(network(), (x, y), learning_rates={"h1": -1.0}, **how)


def test_precision_is_of_the_nodes():
    """At ever greater precisions the activities cannot leave their predictions, and at an output
    that pushes as little the update is backprop's, layer by layer (Millidge et al. 2022)."""
    x, y, _ = task()
    how = training(optimizer=optax.sgd(1.0), epochs=1, batch_size=120)
    start = network()
    update = lambda h: [  # noqa: E731
        np.ravel(after.weight - before.weight)
        for after, before in zip(modules(h), modules(start), strict=True)
    ]
    by_backprop = update(finetune(start, (x, y), rule="bp", **how).model)

    def angle(precision: float) -> float:
        stiff = {"h1": precision, "h2": precision}
        steps = {"steps": 400, "step_size": 0.2 / precision}
        trained = finetune(start, (x, y), precision=stiff, **steps, **how).model
        assert [float(trained.by_name[n].energy.precision) for n in stiff] == [precision] * 2
        a, b = update(trained)[0], by_backprop[0]
        return float(np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b)))

    assert angle(50.0) < 0.25 * angle(1.0)
    with pytest.raises(
        ValueError, match="precision has no Gaussian node 'output': they are input,"
    ):
        finetune(start, (x, y), precision={"output": 2.0}, **how)
    with pytest.raises(ValueError, match="precision must be positive"):
        finetune(start, (x, y), precision={"h1": -2.0}, **how)


def test_an_unknown_rule():
    x, y, _ = task()
    with pytest.raises(ValueError, match=r"rule must be one of pc, .*, bp, or a gradient.*'hebb'"):
        finetune(network(), (x, y), rule="hebb", **training())


@pytest.mark.parametrize("rule", ["epc", "ipc", "pn", "nn", "cn", "ep"])
def test_every_rule_trains(rule: str):
    x, y, labels = task()
    optimizer = SLOW if rule == "ipc" else ADAM
    how = training(epochs=8, optimizer=optimizer, steps=10, step_size=0.05)
    trained = finetune(network(), (x, y), rule=rule, **how).model
    assert float(accuracy(trained, x, labels)) > 0.8


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


def test_a_loader_gives_the_batches():
    x, y, labels = task()
    batches = [(x[i::4], y[i::4]) for i in range(4)]
    trained = finetune(network(), batches, **training(epochs=20, batch_size=None)).model
    assert float(accuracy(trained, x, labels)) > 0.9


def test_stopping_and_going_on_is_bitwise(tmp_path):
    x, y, _ = task()
    whole = finetune(network(), (x, y), **training())
    how = {"checkpoint": tmp_path / "pc.safetensors"}
    finetune(network(), (x, y), **training(epochs=2), **how)
    resumed = finetune(network(), (x, y), resume=True, **training(), **how)
    assert_same(resumed.model, whole.model)
    assert resumed.history == whole.history
