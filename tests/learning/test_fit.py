"""The training loop is the loop one would write by hand, and says what it did."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

from neurojax.learning import by_backprop, fit

# One optimizer for all: a new one would be compiled anew.
ADAM = optax.adam(0.05)


class Line(eqx.Module):
    slope: jax.Array
    offset: jax.Array

    def __call__(self, x):
        return x @ self.slope + jnp.broadcast_to(self.offset, x.shape[:1])


def line() -> Line:
    return Line(jnp.array([0.3, -0.2]), jnp.array(0.1))


def points(samples: int = 23) -> tuple:
    x = jr.normal(jr.key(1), (samples, 2))
    return x, x @ jnp.array([2.0, -1.0]) + 0.5 + 0.1 * jr.normal(jr.key(2), (samples,))


def squared_error(model, batch, key):
    x, y = batch
    error = jnp.mean((model(x) - y) ** 2)
    return error, {"error": jnp.sqrt(error)}


def training(**changes) -> dict:
    how = {"optimizer": ADAM, "epochs": 3, "batch_size": 5, "key": jr.key(3)}
    return how | changes


def seen_batches(**how) -> list[list[int]]:
    """The samples of each batch, by a gradient of zero that tells them."""
    batches = []

    def gradient(model, batch, key):
        jax.debug.callback(lambda rows: batches.append(rows.tolist()), batch, ordered=True)
        return jax.tree.map(jnp.zeros_like, model), {"first": batch[0].astype(float)}

    fit(line(), jnp.arange(23), gradient, **training(**how))
    jax.effects_barrier()
    return batches


def test_it_is_the_loop_one_would_write():
    x, y = points()
    model, history, best = fit(line(), (x, y), by_backprop(squared_error), **training())

    by_hand: Any = line()
    optimizer = optax.adam(0.05)
    state, losses = optimizer.init(by_hand), []
    for epoch in range(3):
        order = np.asarray(jr.permutation(jr.fold_in(jr.key(3), epoch), 23))
        losses.append([])
        for rows in order[:20].reshape(4, 5):
            value = lambda m, rows=rows: squared_error(m, (x[rows], y[rows]), None)[0]  # noqa: E731
            loss, slope = jax.value_and_grad(value)(by_hand)
            with jax.numpy_dtype_promotion("standard"):
                updates, state = optimizer.update(slope, state, by_hand)
            by_hand = eqx.apply_updates(by_hand, updates)
            losses[-1].append(float(loss))

    np.testing.assert_allclose(model.slope, by_hand.slope, rtol=1e-5)
    np.testing.assert_allclose(model.offset, by_hand.offset, rtol=1e-5)
    due = [np.mean(epoch) for epoch in losses]
    np.testing.assert_allclose([record["train/loss"] for record in history], due, rtol=1e-5)
    assert [record["epoch"] for record in history] == [1, 2, 3]
    assert set(history[0]) == {"epoch", "train/loss", "train/error"}
    assert best is None


def test_every_epoch_visits_each_sample_at_most_once_in_a_new_order():
    batches = seen_batches(epochs=2)
    assert [len(batch) for batch in batches] == [5] * 8
    first, second = np.ravel(batches[:4]), np.ravel(batches[4:])
    for epoch in (first, second):
        assert len(set(epoch.tolist())) == 20  # 3 of 23 wait for another epoch
    assert first.tolist() != second.tolist()


def test_the_order_follows_the_key():
    assert seen_batches(epochs=1) == seen_batches(epochs=1)
    assert seen_batches(epochs=1) != seen_batches(epochs=1, key=jr.key(4))


def test_each_batch_has_a_key_of_its_own():
    def noise(model, batch, key):
        return jax.tree.map(jnp.zeros_like, model), {"noise": jr.uniform(key)}

    history = fit(line(), points(), noise, **training(batch_size=23)).history
    assert len({record["train/noise"] for record in history}) == 3


def test_what_is_not_trainable_stays():
    still = eqx.tree_at(lambda m: m.offset, jax.tree.map(lambda _: True, line()), False)
    model = fit(line(), points(), by_backprop(squared_error), trainable=still, **training()).model
    np.testing.assert_array_equal(model.offset, line().offset)
    assert not np.array_equal(model.slope, line().slope)


def test_numpy_data_is_data_too():
    x, y = points()
    gradient = by_backprop(squared_error)
    given = fit(line(), (np.asarray(x), np.asarray(y)), gradient, **training())
    assert given.history == fit(line(), (x, y), gradient, **training()).history


def test_a_bar_counts_epochs(capsys: pytest.CaptureFixture):
    fit(line(), points(), by_backprop(squared_error), progress=True, **training())
    assert "3/3" in capsys.readouterr().err
    fit(line(), points(), by_backprop(squared_error), **training())
    assert capsys.readouterr().err == ""


REFUSED = {
    "batch_size 0": ({"batch_size": 0}, "batch_size must be between 1 and the 23 samples, got 0"),
    "batch_size": ({"batch_size": 24}, "batch_size must be between 1 and the 23 samples, got 24"),
    "epochs": ({"epochs": 0}, "epochs must be at least 1, got 0"),
    "patience": ({"patience": 2}, "patience=2 needs a monitor"),
    "resume": ({"resume": True}, "resume needs a checkpoint"),
    "validation": ({"validation": points()}, "validation data and evaluate go together"),
    "monitor": ({"monitor": "loss"}, r"monitor='loss' is not one of the metrics \[\]"),
}


@pytest.mark.parametrize(("how", "message"), REFUSED.values(), ids=REFUSED)
def test_arguments_that_do_not_fit(how, message):
    with pytest.raises(ValueError, match=message):
        fit(line(), points(), by_backprop(squared_error), **training(**how))


def test_data_of_unequal_lengths():
    x, y = points()
    with pytest.raises(ValueError, match=r"the same number of samples, got \[22, 23\]"):
        fit(line(), (x, y[:22]), by_backprop(squared_error), **training())
