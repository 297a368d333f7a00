"""Equinox networks with convolutions, normalisation, skip connections and attention come in."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

from neurojax.predictive import finetune, from_backprop, layer_map, predict, to_backprop

SGD = optax.sgd(0.05)
CLASSES = 3


def norm(channels: int) -> eqx.nn.BatchNorm:
    return eqx.nn.BatchNorm(channels, "batch", mode="batch", momentum=0.5)


class Block(eqx.Module):
    """Two convolutions, each normalised, and what skips them."""

    first: eqx.nn.Conv2d
    first_norm: eqx.nn.BatchNorm
    second: eqx.nn.Conv2d
    second_norm: eqx.nn.BatchNorm

    def __init__(self, channels: int, key):
        keys = jr.split(key)
        how = {"kernel_size": 3, "padding": 1, "use_bias": False}
        self.first = eqx.nn.Conv2d(channels, channels, **how, key=keys[0])
        self.second = eqx.nn.Conv2d(channels, channels, **how, key=keys[1])
        self.first_norm, self.second_norm = norm(channels), norm(channels)

    def __call__(self, x, state):
        y, state = self.first_norm(self.first(x), state)
        y, state = self.second_norm(self.second(jax.nn.relu(y)), state)
        return jax.nn.relu(x + y), state


class ResNet(eqx.Module):
    stem: eqx.nn.Conv2d
    blocks: list[Block]
    head: eqx.nn.Linear

    def __init__(self, key):
        keys = jr.split(key, 4)
        self.stem = eqx.nn.Conv2d(1, 4, 3, padding=1, key=keys[0])
        self.blocks = [Block(4, key) for key in keys[1:3]]
        self.head = eqx.nn.Linear(4, CLASSES, key=keys[3])

    def __call__(self, x, state):
        x = self.stem(x)
        for block in self.blocks:
            x, state = block(x, state)
        return self.head(jnp.mean(x, axis=(1, 2))), state


def pooled(x):
    return jnp.mean(x, axis=(1, 2))


class Attention(eqx.Module):
    norm: eqx.nn.LayerNorm
    attend: eqx.nn.MultiheadAttention

    def __call__(self, x):
        y = jax.vmap(self.norm)(x)
        return x + self.attend(y, y, y)


class Mixer(eqx.Module):
    norm: eqx.nn.LayerNorm
    wide: eqx.nn.Linear
    narrow: eqx.nn.Linear
    dropout: eqx.nn.Dropout

    def __call__(self, x):
        y = jax.nn.gelu(jax.vmap(self.wide)(jax.vmap(self.norm)(x)))
        return x + self.dropout(jax.vmap(self.narrow)(y))


class Patches(eqx.Module):
    conv: eqx.nn.Conv2d
    position: jax.Array

    def __call__(self, x):
        y = self.conv(x)
        return y.reshape(y.shape[0], -1).T + self.position


class ViT(eqx.Module):
    """A vision transformer."""

    patches: Patches
    blocks: list
    head: eqx.nn.Linear

    def __init__(self, key):
        keys = jr.split(key, 8)
        self.patches = Patches(
            eqx.nn.Conv2d(1, 8, 4, stride=4, key=keys[0]), 0.1 * jr.normal(keys[1], (4, 8))
        )
        self.blocks = [
            part
            for k in keys[2:4]
            for part in (
                Attention(eqx.nn.LayerNorm(8), eqx.nn.MultiheadAttention(2, 8, key=k)),
                Mixer(
                    eqx.nn.LayerNorm(8),
                    eqx.nn.Linear(8, 16, key=k),
                    eqx.nn.Linear(16, 8, key=jr.fold_in(k, 1)),
                    eqx.nn.Dropout(0.1),
                ),
            )
        ]
        self.head = eqx.nn.Linear(8, CLASSES, key=keys[7])

    def __call__(self, x):
        x = self.patches(x)
        for block in self.blocks:
            x = block(x)
        return self.head(jnp.mean(x, axis=0))


def cnn(key) -> eqx.nn.Sequential:
    keys = jr.split(key, 3)
    return eqx.nn.Sequential(
        [
            eqx.nn.Conv2d(1, 4, 3, padding=1, key=keys[0]),
            norm(4),
            eqx.nn.Lambda(jax.nn.relu),
            eqx.nn.MaxPool2d(2, 2),
            eqx.nn.Conv2d(4, 6, 3, key=keys[1]),
            norm(6),
            eqx.nn.Lambda(jax.nn.relu),
            eqx.nn.Dropout(0.5, inference=True),
            eqx.nn.Lambda(jnp.ravel),
            eqx.nn.Linear(24, CLASSES, key=keys[2]),
        ]
    )


def images(samples: int = 16) -> jax.Array:
    return jr.normal(jr.key(1), (samples, 1, 8, 8))


def targets(samples: int = 16) -> jax.Array:
    return jax.nn.one_hot(jr.randint(jr.key(2), (samples,), 0, CLASSES), CLASSES)


@eqx.filter_jit
def ran(model, x, state):
    call = jax.vmap(model, axis_name="batch", in_axes=(0, None), out_axes=(0, None))
    return call(x, state)[1]


def trained_with_statistics(make) -> tuple:
    """A model whose running statistics are those of some data, in inference mode."""
    model, state = eqx.nn.make_with_state(make)(jr.key(0))
    for shift in range(3):
        state = ran(model, 2 * images() + shift, state)
    return eqx.nn.inference_mode(model), state


def resnet_parts(m: ResNet) -> list:
    return [m.stem, *m.blocks, pooled, m.head]


def vit_parts(m: ViT) -> list:
    return [m.patches, *m.blocks, lambda x: jnp.mean(x, axis=0), m.head]


MODELS = {
    "CNN": (lambda: trained_with_statistics(cnn), None, [(4, 8, 8), (6, 2, 2)]),
    "ResNet": (lambda: trained_with_statistics(ResNet), resnet_parts, 3 * [(4, 8, 8)]),
    "ViT": (
        lambda: (eqx.nn.inference_mode(ViT(jr.key(0))), None),
        vit_parts,
        5 * [(4, 8)],
    ),
}
every_model = pytest.mark.parametrize("name", MODELS)


@functools.cache
def wrapped(name: str) -> tuple:
    """A model, its state, and the hierarchy made of it."""
    make, parts, _ = MODELS[name]
    model, state = make()
    return model, state, from_backprop(model, state=state, parts=parts, in_shape=(1, 8, 8))


@eqx.filter_jit
def outputs(model, state) -> jax.Array:
    if state is None:
        return jax.vmap(model)(images())
    return jax.vmap(model, in_axes=(0, None))(images(), state)[0]


def differing(a, b) -> list[str]:
    """The places at which two models' arrays are not the same bits."""
    pairs = zip(
        jax.tree_util.tree_leaves_with_path(eqx.filter(a, eqx.is_array)),
        jax.tree.leaves(eqx.filter(b, eqx.is_array)),
        strict=True,
    )
    return [jax.tree_util.keystr(path) for (path, x), y in pairs if not np.array_equal(x, y)]


@every_model
def test_predictions_are_the_models_and_the_way_back_is_bitwise(name: str):
    model, state, hierarchy = wrapped(name)
    assert [node.shape for node in hierarchy.nodes[1:-1]] == MODELS[name][2]
    due = outputs(model, state)
    assert np.ptp(due, axis=0).min() > 1e-2  # not the same for all images
    np.testing.assert_allclose(predict(hierarchy, images()), due, atol=1e-5)
    back = to_backprop(hierarchy)
    assert type(back) is type(model) and differing(back, model) == []
    np.testing.assert_array_equal(outputs(back, state), due)


@every_model
@pytest.mark.parametrize("rule", ["pc", "bp"])
def test_an_update_changes_all_weights_but_frozen_ones_and_statistics(name: str, rule: str):
    _, state, hierarchy = wrapped(name)
    how = {"optimizer": SGD, "epochs": 1, "batch_size": 8, "key": jr.key(3)}
    trained = finetune(hierarchy, (images(), targets()), rule=rule, freeze=["h1"], **how).model
    arrays = jax.tree_util.tree_leaves_with_path(eqx.filter(trained, eqx.is_array))
    places = [jax.tree_util.keystr(path) for path, _ in arrays]
    due = {x for x in places if x.startswith(".edges") and ".state." not in x}
    assert set(differing(trained, hierarchy)) == {x for x in due if ".edges[0]" not in x}
    back = outputs(to_backprop(trained), state)
    np.testing.assert_allclose(back, predict(trained, images()), atol=1e-5)


def test_statistics_are_those_of_the_state_not_of_the_batch():
    _, _, hierarchy = wrapped("CNN")
    whole = predict(hierarchy, images())
    np.testing.assert_allclose(predict(hierarchy, images()[:1]), whole[:1], atol=1e-6)
    np.testing.assert_allclose(predict(hierarchy, images()[0]), whole[0], atol=1e-6)


def test_the_map_names_the_layers():
    text = layer_map(wrapped("CNN")[2])
    assert "Conv2d → BatchNorm" in text and "relu → MaxPool2d → Conv2d → BatchNorm" in text
    assert "relu → ravel → Dense" in " ".join(text.split())


def test_what_is_in_training_mode_is_named():
    model, state = eqx.nn.make_with_state(cnn)(jr.key(0))
    with pytest.raises(ValueError, match=r"layer 1, BatchNorm, is in training mode"):
        from_backprop(model, state=state, in_shape=(1, 8, 8))
    model, state = eqx.nn.make_with_state(ResNet)(jr.key(0))
    message = r"part 1, Block, \.first_norm, BatchNorm, is in training mode"
    with pytest.raises(ValueError, match=message):
        from_backprop(model, state=state, parts=resnet_parts, in_shape=(1, 8, 8))
    message = r"part 2, Mixer, \.dropout, Dropout, is in training mode"
    with pytest.raises(ValueError, match=message):
        from_backprop(ViT(jr.key(0)), parts=vit_parts, in_shape=(1, 8, 8))


class Counting(eqx.Module):
    """A layer with a state that is not of batch normalisation."""

    calls: eqx.nn.StateIndex

    def __call__(self, x, state):
        return x, state.set(self.calls, state.get(self.calls) + 1)


class Counted(eqx.Module):
    linear: eqx.nn.Linear
    counting: Counting

    def __init__(self, key):
        self.linear = eqx.nn.Linear(4, CLASSES, key=key)
        self.counting = Counting(eqx.nn.StateIndex(jnp.zeros(())))

    def __call__(self, x, state):
        return self.counting(self.linear(x), state)


def test_an_unknown_state_is_named():
    model, state = eqx.nn.make_with_state(Counted)(jr.key(0))
    with pytest.raises(ValueError, match=r"part 1, Counting, has a state that is not of batch"):
        from_backprop(model, state=state, parts=lambda m: [m.linear, m.counting])


def test_keywords_of_the_call():
    class Gated(eqx.Module):
        linear: eqx.nn.Linear

        def __call__(self, x, gain):
            return gain * self.linear(x)

    class Model(eqx.Module):
        gated: Gated
        head: eqx.nn.Linear

        def __call__(self, x, gain):
            return self.head(jnp.tanh(self.gated(x, gain)))

    keys = jr.split(jr.key(0))
    model = Model(Gated(eqx.nn.Linear(4, 5, key=keys[0])), eqx.nn.Linear(5, 3, key=keys[1]))
    parts = lambda m: [m.gated, jnp.tanh, m.head]  # noqa: E731
    hierarchy = from_backprop(model, parts=parts, in_shape=(4,), arguments={"gain": 2.0})
    x = jr.normal(jr.key(1), (7, 4))
    due = jax.vmap(lambda x: model(x, 2.0))(x)
    np.testing.assert_allclose(predict(hierarchy, x), due, atol=1e-6)
