"""Gradients in bfloat16, and all that adds up in single precision."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from safetensors import safe_open

from neurojax.learning import by_backprop, fit
from neurojax.predictive import IncrementalPredictiveCoding, mlp, weights_of

# One optimizer for all: a new one would be compiled anew.
SGD, MOMENTUM = optax.sgd(0.1), optax.sgd(0.1, momentum=0.9)


class Network(eqx.Module):
    """With a counter, whose 1001 bfloat16 cannot hold."""

    layers: eqx.nn.MLP
    counter: jax.Array


def network() -> Network:
    return Network(eqx.nn.MLP(3, 4, 16, 1, key=jr.key(0)), jnp.array(1001))


def points(samples: int = 40) -> tuple:
    x = jr.normal(jr.key(1), (samples, 3))
    return x, jnp.argmax(x, axis=1)


def cross_entropy(model, batch, key):
    x, labels = batch
    scores = jax.nn.log_softmax(jax.vmap(model.layers)(x))
    return -jnp.mean(jnp.take_along_axis(scores, labels[:, None], axis=1)), {}


def training(**changes) -> dict:
    how = {"optimizer": SGD, "epochs": 3, "batch_size": 8, "key": jr.key(3)}
    return how | {"compute_dtype": "bfloat16"} | changes


def low(tree: Any) -> Any:
    return jax.tree.map(lambda x: x.astype(jnp.bfloat16) if eqx.is_inexact_array(x) else x, tree)


def test_it_is_casting_by_hand():
    """In one program, as fit has it: XLA rounds to bfloat16 less often than it is told to."""
    x, labels = points()
    gradient = by_backprop(cross_entropy)
    model, history, _ = fit(network(), (x, labels), gradient, **training())

    @eqx.filter_jit
    def step(model: Any, batch: Any) -> tuple[Any, jax.Array]:
        slope_of = eqx.filter_value_and_grad(cross_entropy, has_aux=True)
        (loss, _), slope = slope_of(low(model), low(batch), None)
        return eqx.apply_updates(model, jax.tree.map(lambda g: -0.1 * g.astype(float), slope)), loss

    by_hand, losses = network(), []
    for epoch in range(3):
        order = np.asarray(jr.permutation(jr.fold_in(jr.key(3), epoch), 40)).reshape(5, 8)
        for rows in order:
            by_hand, loss = step(by_hand, (x[rows], labels[rows]))
            assert loss.dtype == jnp.bfloat16
            losses.append(float(loss))

    found, due = (jax.tree.leaves(eqx.filter(m, eqx.is_array)) for m in (model, by_hand))
    for a, b in zip(found, due, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)
    due = np.mean(np.reshape(losses, (3, 5)), axis=1)
    np.testing.assert_allclose([record["train/loss"] for record in history], due, rtol=1e-6)
    single = fit(network(), (x, labels), gradient, **training(compute_dtype=None)).model
    assert np.max(np.abs(single.layers.layers[0].weight - found[0])) > 1e-4


def test_only_the_gradient_sees_it():
    seen = {}

    def dtypes(name, tree):
        leaves = jax.tree.leaves(eqx.filter(tree, eqx.is_array))
        seen[name] = {x.dtype.name for x in leaves}

    def gradient(model, batch, key):
        dtypes("model", model)
        dtypes("batch", batch)
        assert jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
        slope, _ = by_backprop(cross_entropy)(model, batch, key)
        dtypes("gradient", slope)
        return slope, {"counter": model.counter, "label": batch[1].max()}

    def augment(batch, key):
        dtypes("augment", batch)
        return batch

    def evaluate(model, data):
        dtypes("evaluate", (model, data))
        return {"loss": cross_entropy(model, data, None)[0]}

    watched = {"augment": augment, "evaluate": evaluate, "validation": points()}
    model, history, _ = fit(network(), points(), gradient, **training(**watched, epochs=1))
    assert seen == {
        "model": {"bfloat16", "int32"},
        "batch": {"bfloat16", "int32"},
        "gradient": {"bfloat16"},
        "augment": {"float32", "int32"},
        "evaluate": {"float32", "int32"},
    }
    assert (history[0]["train/counter"], history[0]["train/label"]) == (1001, 2)
    assert int(model.counter) == 1001


def test_parameters_and_optimizer_stay_in_single_precision(tmp_path):
    file = tmp_path / "fit.safetensors"
    how = training(optimizer=MOMENTUM, epochs=1, checkpoint=file)
    fit(network(), points(), by_backprop(cross_entropy), **how)
    with safe_open(file, framework="numpy") as saved:
        dtypes = {name: saved.get_tensor(name).dtype.name for name in saved.keys()}  # noqa: SIM118
    weights = [name for name in dtypes if name.endswith((".weight", ".bias"))]
    assert len(weights) == 8  # two layers' of the model, and their momenta
    assert {dtypes[name] for name in weights} == {"float32"}


def test_updates_too_small_for_bfloat16_add_up():
    """At 1 the next number of bfloat16 is 1.0078; a thousand steps of 0.0001 are 0.1."""

    def down(model, batch, key):
        return jnp.ones_like(model), {}

    how = training(optimizer=optax.sgd(1e-4), epochs=1000, batch_size=4)
    model = fit(jnp.ones(()), jnp.zeros((4, 1)), down, **how).model
    np.testing.assert_allclose(model, 0.9, rtol=1e-4)


def test_means_of_metrics_are_not_rounded():
    def told(model, batch, key):
        return jnp.zeros_like(model), {"sample": batch[0, 0]}

    two = jnp.array([[1.0], [1.0078125]])  # neighbours in bfloat16
    history = fit(jnp.zeros(()), two, told, **training(batch_size=1, epochs=1)).history
    assert history[0]["train/sample"] == 1.00390625


def test_several_updates_on_each_batch_too():
    """Incremental predictive coding of one batch by hand: its activities stay in bfloat16."""
    x, labels = points(8)
    batch = (x, jax.nn.one_hot(labels, 3))
    rule = IncrementalPredictiveCoding(steps=5, step_size=0.1)
    start = mlp((3, 8, 3), jr.key(4), activation=jnp.tanh)
    spec = weights_of(start)
    model, history, _ = fit(start, batch, rule, trainable=spec, **training(epochs=1))

    @eqx.filter_jit
    def step(model: Any, batch: Any, state: Any) -> tuple[Any, jax.Array, Any]:
        slope, metrics, state = rule(low(model), low(batch), None, state)
        steps = jax.tree.map(lambda g: -0.1 * g.astype(float), eqx.filter(slope, spec))
        return eqx.apply_updates(model, steps), metrics["energy"], state

    order = jr.permutation(jr.fold_in(jr.key(3), 0), 8)
    batch = jax.tree.map(lambda x: x[order], batch)
    by_hand, energies, state = start, [], rule.start(low(start), low(batch))
    for _ in range(5):
        by_hand, energy, state = step(by_hand, batch, state)
        energies.append(float(energy))
    assert {x.dtype.name for x in jax.tree.leaves(state)} == {"bfloat16"}
    for a, b in zip(jax.tree.leaves(model), jax.tree.leaves(by_hand), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(history[0]["train/energy"], np.mean(energies), rtol=1e-6)


def test_a_loss_that_overflows_is_found():
    def huge(model, batch, key):
        return cross_entropy(model, batch, key)[0] * 1e20 * 1e20, {}

    with pytest.raises(FloatingPointError, match="fit diverged in epoch 1: train/loss is inf"):
        fit(network(), points(), by_backprop(huge), **training(batch_size=40))


def test_a_checkpoint_of_another_precision(tmp_path):
    file = tmp_path / "fit.safetensors"
    gradient = by_backprop(cross_entropy)
    fit(network(), points(), gradient, **training(epochs=1, checkpoint=file))
    again = training(checkpoint=file, resume=True, compute_dtype=None)
    with pytest.raises(ValueError, match="was trained with compute_dtype=bfloat16, not None"):
        fit(network(), points(), gradient, **again)


@pytest.mark.parametrize(
    ("dtype", "message"),
    [
        (jnp.float16, "got float16, whose range is so small that losses would have to be scaled"),
        ("float32", r"compute_dtype must be bfloat16 or None, got float32\."),
    ],
)
def test_other_dtypes(dtype, message):
    with pytest.raises(ValueError, match=message):
        fit(network(), points(), by_backprop(cross_entropy), **training(compute_dtype=dtype))
