"""Watching a validation split: the best model is kept, and waiting for a better one ends."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

from neurojax.learning import fit

# The model is a number that moves one up in each epoch, so that validation is a table of it.
LOSSES = [5.0, 4.0, 2.0, 3.0, 2.5, 2.0, 1.0, 6.0]


def up(model, batch, key):
    return -jnp.ones_like(model), {}


def looked_up(model, table):
    position = jnp.round(model).astype(int) - 1
    return {"loss": table[position], "gain": -table[position]}


def train(**changes):
    how = {
        "optimizer": optax.sgd(1.0),
        "epochs": len(LOSSES),
        "batch_size": 4,
        "key": jr.key(0),
        "validation": jnp.array(LOSSES),
        "evaluate": looked_up,
    }
    return fit(jnp.zeros(()), jnp.zeros((4, 1)), up, **(how | changes))


def test_validation_is_recorded_and_the_last_model_returned():
    model, history, best = train()
    assert [record["validation/loss"] for record in history] == LOSSES
    assert float(model) == len(LOSSES)
    assert best is None


def test_the_best_model_is_returned():
    model, history, best = train(monitor="loss")
    assert (float(model), best, len(history)) == (7.0, 7, len(LOSSES))


def test_higher_can_be_better():
    model, _, best = train(monitor="gain", higher_is_better=True)
    assert (float(model), best) == (7.0, 7)
    model, _, best = train(monitor="loss", higher_is_better=True)
    assert (float(model), best) == (8.0, 8)


@pytest.mark.parametrize(("patience", "epochs", "best"), [(1, 4, 3), (3, 6, 3), (4, 8, 7)])
def test_training_waits_so_many_epochs_for_a_better_one(patience, epochs, best):
    """The third epoch is best until the seventh; the sixth equals it, and is not better."""
    model, history, found = train(monitor="loss", patience=patience)
    assert (len(history), found, float(model)) == (epochs, best, float(best))


def test_stopped_early_it_stays_stopped(tmp_path):
    file = tmp_path / "fit.safetensors"
    how = {"monitor": "loss", "patience": 2, "checkpoint": file}
    first = train(**how)
    again = train(resume=True, **how)
    assert again.history == first.history
    assert (float(again.model), again.best_epoch) == (3.0, 3)


def test_waiting_goes_on_where_it_stopped(tmp_path):
    file = tmp_path / "fit.safetensors"
    how = {"monitor": "loss", "patience": 2, "checkpoint": file}
    train(epochs=4, **how)
    resumed = train(resume=True, **how)
    assert (len(resumed.history), float(resumed.model)) == (5, 3.0)


def test_a_monitor_that_evaluate_does_not_give():
    with pytest.raises(ValueError, match=r"monitor='error' is not one of .*\['gain', 'loss'\]"):
        train(monitor="error")


def test_evaluate_without_data():
    with pytest.raises(ValueError, match="validation data and evaluate go together"):
        train(validation=None)


def test_a_validation_that_is_not_finite():
    with pytest.raises(FloatingPointError, match="epoch 2: validation/gain is nan"):
        train(validation=jnp.array([1.0, jnp.nan] * 4))


def test_evaluation_is_not_training():
    with_it, without = train(), train(validation=None, evaluate=None)
    np.testing.assert_array_equal(with_it.model, without.model)
    assert jax.tree.structure(with_it.model) == jax.tree.structure(without.model)
