"""Data that comes in batches trains as arrays do."""

from collections.abc import Iterator
from typing import Any

import equinox as eqx
import grain
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

from neurojax.learning import by_backprop, fit
from neurojax.predictive import IncrementalPredictiveCoding, mlp

# One optimizer for all: a new one would be compiled anew.
ADAM = optax.adam(0.02)
KEY = jr.key(3)


def network() -> eqx.nn.MLP:
    return eqx.nn.MLP(2, 1, 8, 1, key=jr.key(0))


def points(samples: int = 26) -> tuple:
    x = np.random.default_rng(1).normal(size=(samples, 2)).astype(np.float32)
    return x, np.sin(x[:, :1]) * x[:, 1:]


def noisy_error(model, batch, key):
    x, y = batch
    x = x + 0.1 * jr.normal(key, x.shape)
    return jnp.mean((jax.vmap(model)(x) - y) ** 2), {}


def batches_as_of_arrays(epoch: int) -> Iterator:
    """Those of 6 that `fit` makes of the arrays in an epoch."""
    order = np.asarray(jr.permutation(jr.fold_in(KEY, epoch), 26))
    for rows in order[:24].reshape(4, 6):
        yield tuple(x[rows] for x in points())


def train(data: Any, gradient: Any = None, model: Any = None, **changes):
    how = {"optimizer": ADAM, "epochs": 4, "key": KEY} | changes
    model = network() if model is None else model
    gradient = by_backprop(noisy_error) if gradient is None else gradient
    return fit(model, data, gradient, **how)


def arrays(tree: Any) -> list:
    return jax.tree.leaves(eqx.filter(tree, eqx.is_array))


def assert_same(a, b) -> None:
    for x, y in zip(arrays(a.model), arrays(b.model), strict=True):
        np.testing.assert_array_equal(x, y)
    assert a.history == b.history


def assert_close(a, b) -> None:
    """The same but for the rounding of two programs."""
    for x, y in zip(arrays(a.model), arrays(b.model), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)
    for one, other in zip(a.history, b.history, strict=True):
        assert one == pytest.approx(other, rel=1e-5)


def test_the_batches_of_arrays_train_as_the_arrays_do():
    assert_close(train(batches_as_of_arrays), train(points(), batch_size=6))


def test_several_updates_on_each_batch():
    rule = IncrementalPredictiveCoding(steps=3, step_size=0.1)
    how = {"gradient": rule, "model": mlp((2, 4, 1), jr.key(0)), "optimizer": optax.sgd(0.1)}
    assert_close(train(batches_as_of_arrays, **how), train(points(), batch_size=6, **how))


def test_a_list_is_gone_through_in_each_epoch():
    batches = list(batches_as_of_arrays(0))
    assert_same(train(batches), train(lambda epoch: batches))
    once = train(batches, epochs=1)
    assert_close(once, train(points(), batch_size=6, epochs=1))


@pytest.mark.parametrize("as_function", [True, False], ids=["function", "list"])
def test_stopped_and_resumed_is_never_stopped(tmp_path, as_function: bool):
    file = tmp_path / "fit.safetensors"
    asked = []

    def of_epoch(epoch: int) -> Iterator:
        asked.append(epoch)
        return batches_as_of_arrays(epoch)

    data = of_epoch if as_function else list(batches_as_of_arrays(0))
    whole = train(data)
    train(data, epochs=2, checkpoint=file)
    assert_same(train(data, checkpoint=file, resume=True), whole)
    assert asked == ([0, 1, 2, 3, 0, 1, 2, 3] if as_function else [])


def test_a_checkpoint_of_arrays_is_of_another_training(tmp_path):
    file = tmp_path / "fit.safetensors"
    train(points(), batch_size=6, epochs=1, checkpoint=file)
    with pytest.raises(ValueError, match="was trained with batch_size=6, not None"):
        train(batches_as_of_arrays, checkpoint=file, resume=True)


def test_each_batch_is_augmented_with_a_key_of_its_own():
    def mean(model, batch, key):
        return jax.tree.map(jnp.zeros_like, model), {"batch": jnp.mean(batch)}

    def noise(batch, key):
        return batch + jr.normal(key, batch.shape)

    zeros = [np.zeros((6, 1), np.float32)]
    how = {"gradient": mean, "model": jnp.zeros(()), "augment": noise, "epochs": 1}
    means = [train(zeros * n, **how).history[0]["train/batch"] for n in (1, 2, 3)]
    assert means == [train(zeros * n, **how).history[0]["train/batch"] for n in (1, 2, 3)]
    first, second, third = means[0], 2 * means[1] - means[0], 3 * means[2] - 2 * means[1]
    assert len({round(mean, 4) for mean in (0.0, first, second, third)}) == 4


def test_a_last_batch_may_be_smaller():
    """Metrics are means over batches, as they are over those of arrays."""

    def size(model, batch, key):
        return -jnp.ones_like(model), {"samples": jnp.asarray(float(len(batch)))}

    batches = [np.zeros((n, 1), np.float32) for n in (6, 6, 3)]
    how = {"optimizer": optax.sgd(1.0), "epochs": 2}
    model, history, _ = train(batches, size, jnp.zeros(()), **how)
    assert float(model) == 6
    assert [record["train/samples"] for record in history] == [5.0, 5.0]


def slowly(batch: jax.Array) -> jax.Array:
    """A zero that takes its time."""
    wait = jnp.tile(jnp.ravel(batch), 2**16 // batch.size)
    for _ in range(10):
        wait = jnp.sort(jnp.sin(wait))
    return (wait[0] > 2).astype(int)


def test_a_loader_may_use_its_memory_again():
    """jax would read the second batch where the first was, having read neither by then."""

    class InPlace:
        def __iter__(self) -> Iterator[np.ndarray]:
            memory = np.zeros(2**14 + 16, np.float32)
            aligned = memory[-(memory.ctypes.data // 4) % 16 :][: 2**14]  # jax copies none other
            for number in (1.0, 2.0):
                aligned[:] = number
                yield aligned

    def late(model, batch, key):
        return jnp.zeros_like(model), {"read": batch[slowly(batch)]}

    record = train(InPlace(), late, jnp.zeros(()), epochs=1).history[0]
    assert record["train/read"] == 1.5


def test_the_best_model_is_watched_for():
    def error(model, data):
        x, y = data
        return {"error": jnp.mean((jax.vmap(model)(x) - y) ** 2)}

    watched = {"validation": points(), "evaluate": error, "monitor": "error", "patience": 2}
    found = train(batches_as_of_arrays, **watched)
    assert_close(found, train(points(), batch_size=6, **watched))
    assert found.best_epoch == 4


class Tensor:
    """Of another library."""


REFUSED = {
    "a tuple": (points(), ValueError, "data of arrays needs a batch_size; .* got a tuple"),
    "an array": (points()[0], ValueError, "data of arrays needs a batch_size; .* got a ndarray"),
    "an iterator": (
        iter([points()]),
        ValueError,
        r"data is an iterator \(list_iterator\), spent after an epoch",
    ),
    "a number": (3, TypeError, "must be an iterable of batches or a function .* got a int"),
    "nothing": ([], ValueError, "data: the loader gave no batch in epoch 1"),
    "tensors": ([(Tensor(),)], TypeError, "data: every leaf must be an array, got a Tensor"),
    "unequal": (
        [(np.zeros(3), np.zeros(4))],
        ValueError,
        r"data: every array needs the same number of samples, got \[3, 4\]",
    ),
}


@pytest.mark.parametrize(("data", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_data_that_is_no_loader(data, error, message):
    with pytest.raises(error, match=message):
        train(data)


def test_a_loader_has_its_own_batch_size():
    loader = grain.MapDataset.source(range(12)).batch(6)
    message = r"got a BatchMapDataset \(batch_size is for arrays, and not for a loader"
    with pytest.raises(TypeError, match=message):
        train(loader, batch_size=6)


class Points:
    """A source as grain wants it: one sample by its number."""

    def __len__(self) -> int:
        return 26

    def __getitem__(self, index: Any) -> tuple:
        x, y = points()
        return x[index], y[index]


def shuffled(epoch: int) -> grain.MapDataset:
    return grain.MapDataset.source(Points()).seed(epoch).shuffle().batch(6, drop_remainder=True)


def test_a_dataset_of_grain(tmp_path):
    """It trains as its batches in a list, each epoch's in its own order, and resumes bitwise."""
    whole = train(shuffled)
    assert_same(whole, train(lambda epoch: list(shuffled(epoch))))
    first, other = (next(iter(shuffled(epoch))) for epoch in (0, 1))
    assert not np.array_equal(first[0], other[0])
    how = {"checkpoint": tmp_path / "fit.safetensors"}
    train(shuffled, epochs=2, **how)
    assert_same(train(shuffled, resume=True, **how), whole)


def test_a_loader_of_grain():
    loader = grain.DataLoader(
        data_source=Points(),
        sampler=grain.samplers.IndexSampler(26, num_epochs=1, shuffle=True, seed=5),
        operations=[grain.transforms.Batch(6, drop_remainder=True)],
    )
    assert len(list(loader)) == 4
    assert_same(train(loader), train(list(loader)))
