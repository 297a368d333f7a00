"""Training that stops and goes on ends bitwise where it would have ended."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

from neurojax.core import load, metadata_of
from neurojax.learning import by_backprop, fit

# One optimizer for all: a new one would be compiled anew.
ADAM = optax.adam(0.02)


def network(width: int = 8) -> eqx.nn.MLP:
    return eqx.nn.MLP(2, 1, width, 1, key=jr.key(0))


def points() -> tuple:
    x = jr.normal(jr.key(1), (24, 2))
    return x, jnp.sin(x[:, :1]) * x[:, 1:]


def noisy_error(model, batch, key):
    x, y = batch
    x = x + 0.1 * jr.normal(key, x.shape)
    return jnp.mean((jax.vmap(model)(x) - y) ** 2), {}


def error(model, data):
    x, y = data
    return {"error": jnp.mean((jax.vmap(model)(x) - y) ** 2)}


def train(model=None, gradient=None, **changes):
    model = network() if model is None else model
    gradient = by_backprop(noisy_error) if gradient is None else gradient
    how = {"optimizer": ADAM, "epochs": 6, "batch_size": 6, "key": jr.key(3)}
    return fit(model, points(), gradient, **(how | changes))


def assert_same(a, b) -> None:
    a, b = eqx.filter(a, eqx.is_array), eqx.filter(b, eqx.is_array)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_array_equal(x, y)


WATCHED = {"validation": points(), "evaluate": error, "monitor": "error"}


@pytest.mark.parametrize("how", [{}, WATCHED], ids=["plain", "watched"])
def test_stopped_and_resumed_is_never_stopped(tmp_path, how):
    file = tmp_path / "fit.safetensors"
    whole = train(**how)
    train(epochs=2, checkpoint=file, **how)
    train(epochs=3, checkpoint=file, resume=True, **how)
    told = []
    last = train(checkpoint=file, resume=True, on_epoch=told.append, **how)
    assert_same(last.model, whole.model)
    assert last.history == whole.history
    assert last.best_epoch == whole.best_epoch
    assert told == whole.history  # the epochs of earlier runs are told again


def test_a_finished_training_is_read_and_not_repeated(tmp_path):
    file = tmp_path / "fit.safetensors"
    done = train(checkpoint=file)
    before = file.read_bytes()

    def never(model, batch, key):
        raise AssertionError("trained again")

    again = train(gradient=never, checkpoint=file, resume=True)
    assert_same(again.model, done.model)
    assert again.history == done.history
    assert file.read_bytes() == before


def test_resume_without_a_file_starts(tmp_path):
    file = tmp_path / "fit.safetensors"
    fresh = train(checkpoint=file, resume=True)
    assert fresh.history == train().history
    assert metadata_of(file)["history"] == fresh.history


def test_without_resume_a_checkpoint_is_begun_anew(tmp_path):
    file = tmp_path / "fit.safetensors"
    train(epochs=2, checkpoint=file)
    assert len(train(epochs=1, checkpoint=file).history) == 1
    assert len(metadata_of(file)["history"]) == 1


OTHERS = {
    "model": ({"model": network(width=9)}, r"checkpoint of another model: .*\[8, 2\].*\[9, 2\]"),
    "optimizer": ({"optimizer": optax.sgd(0.1)}, "checkpoint of another model"),
    "batch size": ({"batch_size": 8}, "was trained with batch_size=6, not 8"),
    "key": ({"key": jr.key(4)}, r"was trained with key=\[0, 3\], not \[0, 4\]"),
    "monitor": (WATCHED, "checkpoint of another model"),
}


@pytest.mark.parametrize(("how", "message"), OTHERS.values(), ids=OTHERS)
def test_a_checkpoint_of_another_training(tmp_path, how, message):
    file = tmp_path / "fit.safetensors"
    train(epochs=1, checkpoint=file)
    with pytest.raises(ValueError, match=message):
        train(checkpoint=file, resume=True, **how)


@pytest.mark.parametrize("keep", [0, 7, 200, -1])
def test_a_truncated_checkpoint(tmp_path, keep: int):
    file = tmp_path / "fit.safetensors"
    train(epochs=1, checkpoint=file)
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(ValueError, match="is no checkpoint, or a truncated one"):
        train(checkpoint=file, resume=True)


def test_an_altered_checkpoint(tmp_path):
    file = tmp_path / "fit.safetensors"
    train(epochs=1, checkpoint=file)
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match="was altered after it was written"):
        train(checkpoint=file, resume=True)


def test_a_loss_that_is_nan_stops_and_leaves_the_epoch_before(tmp_path):
    """The data is poisoned after two epochs; the checkpoint of the second stays as it was."""
    file = tmp_path / "fit.safetensors"
    train(epochs=2, checkpoint=file)
    before = file.read_bytes()

    def poisoned(model, batch, key):
        loss, metrics = noisy_error(model, batch, key)
        return loss * jnp.nan, metrics

    told = []
    with pytest.raises(FloatingPointError, match="fit diverged in epoch 3: train/loss is nan"):
        train(gradient=by_backprop(poisoned), checkpoint=file, resume=True, on_epoch=told.append)
    assert file.read_bytes() == before
    assert [record["epoch"] for record in told] == [1, 2]
    assert_same(train(checkpoint=file, resume=True).model, train().model)


def test_an_interrupt_in_between_loses_only_the_epoch_it_is_in(tmp_path):
    file = tmp_path / "fit.safetensors"

    def interrupt(record):
        if record["epoch"] == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(checkpoint=file, on_epoch=interrupt)
    assert len(metadata_of(file)["history"]) == 4
    assert_same(train(checkpoint=file, resume=True).model, train().model)


def test_a_checkpoint_is_an_ordinary_file_of_arrays(tmp_path):
    """`load` reads it in the structure that training saved: the model is in it as it was."""
    file = tmp_path / "fit.safetensors"
    done = train(epochs=1, checkpoint=file)
    with pytest.raises(ValueError, match="another model"):
        load(file, done.model)  # the model alone is not all of it
    assert metadata_of(file)["batch_size"] == 6
