"""Networks of flax, of nnx modules and of linen's, come in and go out."""

import functools

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from flax import nnx

from neurojax.predictive import finetune, from_backprop, layer_map, predict, to_backprop

SGD = optax.sgd(0.05)
CLASSES = 3


def flat(x):
    return x.reshape(x.shape[0], -1)


class NnxBlock(nnx.Module):
    """A convolution, normalised, and what skips it."""

    def __init__(self, channels: int, rngs: nnx.Rngs):
        self.conv = nnx.Conv(channels, channels, (3, 3), use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(channels, momentum=0.5, rngs=rngs)
        self.drop = nnx.Dropout(0.1, rngs=rngs)

    def __call__(self, x):
        return nnx.relu(x + self.drop(self.norm(self.conv(x))))


class NnxResNet(nnx.Module):
    def __init__(self, rngs: nnx.Rngs):
        self.stem = nnx.Conv(1, 4, (3, 3), rngs=rngs)
        self.blocks = nnx.List([NnxBlock(4, rngs), NnxBlock(4, rngs)])
        self.head = nnx.Linear(4, CLASSES, rngs=rngs)

    def __call__(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean(axis=(1, 2)))


def nnx_cnn(rngs: nnx.Rngs) -> nnx.Sequential:
    return nnx.Sequential(
        nnx.Sequential(nnx.Conv(1, 4, (3, 3), rngs=rngs), nnx.BatchNorm(4, rngs=rngs)),
        nnx.relu,
        functools.partial(nnx.max_pool, window_shape=(2, 2), strides=(2, 2)),
        nnx.Conv(4, 6, (3, 3), padding="VALID", rngs=rngs),
        nnx.BatchNorm(6, momentum=0.5, rngs=rngs),
        nnx.relu,
        nnx.Dropout(0.5, rngs=rngs),
        flat,
        nnx.Linear(24, CLASSES, rngs=rngs),
    )


class LinenCNN(nn.Module):
    """Of named submodules."""

    def setup(self):
        self.conv, self.norm = nn.Conv(4, (3, 3)), nn.BatchNorm(momentum=0.5)
        self.dense = [nn.Dense(8), nn.Dense(CLASSES)]

    def __call__(self, x, train: bool):
        x = nn.relu(self.norm(self.conv(x), use_running_average=not train))
        return self.dense[1](nn.tanh(self.dense[0](flat(x))))


class LinenBlock(nn.Module):
    """Of submodules that have no names outside."""

    @nn.compact
    def __call__(self, x, train: bool):
        y = nn.BatchNorm(use_running_average=not train, momentum=0.5)(nn.Conv(4, (3, 3))(x))
        return nn.relu(x + nn.Dropout(0.1, deterministic=not train)(y))


class LinenResNet(nn.Module):
    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.Conv(4, (3, 3))(x)
        for _ in range(2):
            x = LinenBlock()(x, train)
        return nn.Dense(CLASSES)(x.mean(axis=(1, 2)))


def linen_mlp() -> nn.Sequential:
    return nn.Sequential([flat, nn.Dense(8), nn.tanh, nn.Sequential([nn.Dense(CLASSES)])])


def images(samples: int = 16) -> jax.Array:
    return jr.normal(jr.key(1), (samples, 8, 8, 1))


def targets(samples: int = 16) -> jax.Array:
    return jax.nn.one_hot(jr.randint(jr.key(2), (samples,), 0, CLASSES), CLASSES)


def of_nnx(make, parts=None):
    """A model with running statistics, in inference mode, and what wraps it."""
    model = make(nnx.Rngs(0))
    run = nnx.jit(lambda model, x: model(x))
    for shift in range(3):
        run(model, 2 * images() + shift)
    model.eval()
    return model, lambda: from_backprop(model, parts=parts, in_shape=(8, 8, 1))


def of_linen(model, parts=None, **arguments):
    """Variables with running statistics, and what wraps them."""
    variables = model.init(jr.key(0), images(), **arguments)
    if arguments:
        run = jax.jit(
            lambda v, x: model.apply(
                v, x, True, rngs={"dropout": jr.key(4)}, mutable=["batch_stats"]
            )[1]
        )
        for shift in range(3):
            variables = {**variables, **run(variables, 2 * images() + shift)}
    how = {"variables": variables, "parts": parts, "in_shape": (8, 8, 1), "arguments": arguments}
    return variables, lambda: from_backprop(model, **how)


def linen_cnn_parts(m: LinenCNN) -> list:
    norm = nn.BatchNorm(use_running_average=True, name="norm")
    return [m.conv, norm, nn.relu, flat, m.dense[0], nn.tanh, m.dense[1]]


def linen_resnet_parts(m: LinenResNet) -> list:
    blocks = [LinenBlock(name=f"LinenBlock_{n}") for n in range(2)]
    head = nn.Dense(CLASSES, name="Dense_0")
    return [nn.Conv(4, (3, 3), name="Conv_0"), *blocks, lambda x: x.mean(axis=(1, 2)), head]


MODELS = {
    "nnx CNN": (lambda: of_nnx(nnx_cnn), [(8, 8, 4), (2, 2, 6)]),
    "nnx ResNet": (
        lambda: of_nnx(
            NnxResNet, lambda m: [m.stem, *m.blocks, lambda x: x.mean(axis=(1, 2)), m.head]
        ),
        3 * [(8, 8, 4)],
    ),
    "linen MLP": (lambda: of_linen(linen_mlp()), [(8,)]),
    "linen CNN": (lambda: of_linen(LinenCNN(), linen_cnn_parts, train=False), [(8, 8, 4), (8,)]),
    "linen ResNet": (
        lambda: of_linen(LinenResNet(), linen_resnet_parts, train=False),
        3 * [(8, 8, 4)],
    ),
}
LINEN = {
    "linen MLP": lambda v: linen_mlp().apply(v, images()),
    "linen CNN": lambda v: LinenCNN().apply(v, images(), False),
    "linen ResNet": lambda v: LinenResNet().apply(v, images(), False),
}
every_model = pytest.mark.parametrize("name", MODELS)


@functools.cache
def wrapped(name: str) -> tuple:
    """A model, or the variables of one, and the hierarchy made of it."""
    model, wrap = MODELS[name][0]()
    return model, wrap()


def outputs(name: str, model) -> jax.Array:
    if isinstance(model, nnx.Module):
        return nnx.jit(lambda model: model(images()))(model)
    return jax.jit(LINEN[name])(model)


def arrays(model) -> dict[str, np.ndarray]:
    """Those of a model or of a hierarchy, by place."""
    if isinstance(model, nnx.Module):
        model = nnx.state(model, nnx.Any(nnx.Param, nnx.BatchStat))
    found = jax.tree_util.tree_leaves_with_path(eqx.filter(model, eqx.is_inexact_array))
    return {jax.tree_util.keystr(path): np.asarray(x) for path, x in found}


def differing(a, b) -> set[str]:
    x, y = arrays(a), arrays(b)
    assert x.keys() == y.keys()
    return {place for place in x if not np.array_equal(x[place], y[place])}


@every_model
def test_predictions_are_the_models_and_the_way_back_is_bitwise(name: str):
    model, hierarchy = wrapped(name)
    assert [node.shape for node in hierarchy.nodes[1:-1]] == MODELS[name][1]
    due = outputs(name, model)
    assert np.ptp(due, axis=0).min() > 1e-2  # not the same for all images
    np.testing.assert_allclose(predict(hierarchy, images()), due, atol=1e-5)
    back = to_backprop(hierarchy)
    assert type(back) is type(model) and differing(back, model) == set()
    np.testing.assert_array_equal(outputs(name, back), due)


@every_model
def test_an_update_changes_all_weights_but_frozen_ones_and_statistics(name: str):
    model, hierarchy = wrapped(name)
    how = {"optimizer": SGD, "epochs": 1, "batch_size": 8, "key": jr.key(3)}
    trained = finetune(hierarchy, (images(), targets()), freeze=["h1"], **how).model
    due = {x for x in arrays(hierarchy) if x.startswith(".edges") and ".rest" not in x}
    assert differing(trained, hierarchy) == {x for x in due if ".edges[0]" not in x}
    back = to_backprop(trained)
    np.testing.assert_allclose(outputs(name, back), predict(trained, images()), atol=1e-5)
    assert differing(model, wrapped(name)[0]) == set()
    statistics = [place for place in arrays(model) if "mean" in place or "var" in place]
    assert not set(statistics) & differing(back, model)


def test_the_map_names_the_layers():
    text = layer_map(wrapped("nnx CNN")[1])
    assert "Conv → BatchNorm" in text and "relu → max_pool → Conv → BatchNorm" in text
    assert "LinenBlock" in layer_map(wrapped("linen ResNet")[1])


class LinenCached(nn.Module):
    @nn.compact
    def __call__(self, x):
        self.variable("cache", "calls", jnp.zeros, ())
        return nn.Dense(CLASSES)(x)


def linen_layers(*parts) -> nn.Sequential:
    return nn.Sequential([nn.Dense(CLASSES), *parts])


REFUSED = {
    "Dropout": (linen_layers(nn.Dropout(0.5)), "layer 1, Dropout, does not take one sample"),
    "cell": (linen_layers(nn.GRUCell(3)), "layer 1, GRUCell, "),
    "state": (
        linen_layers(LinenCached()),
        "layer 1, LinenCached, has a state that is not of batch normalisation, cache",
    ),
    "parts untold": (LinenBlock(), "how LinenBlock joins its layers: give parts"),
}


@pytest.mark.parametrize(("model", "message"), REFUSED.values(), ids=REFUSED)
def test_what_has_no_counterpart_is_named(model, message):
    x = jnp.ones((1, 5))
    plain = nn.Sequential([nn.Dense(CLASSES), *[p for p in getattr(model, "layers", ())[1:]
                                               if isinstance(p, LinenCached)]])  # fmt: skip
    with pytest.raises(ValueError, match=message):
        from_backprop(model, variables=plain.init(jr.key(0), x))


def test_a_linen_module_needs_its_variables():
    with pytest.raises(ValueError, match="linen module Sequential holds no weights: give its var"):
        from_backprop(linen_mlp(), in_shape=(8, 8, 1))


def test_what_is_in_training_mode_is_named():
    parts = lambda m: [m.stem, *m.blocks, lambda x: x.mean(axis=(1, 2)), m.head]  # noqa: E731
    message = r"part 1, NnxBlock, drop, Dropout, is in training mode: call model.eval\(\) first"
    with pytest.raises(ValueError, match=message):
        from_backprop(NnxResNet(nnx.Rngs(0)), parts=parts, in_shape=(8, 8, 1))


def test_a_name_that_is_not_in_the_variables():
    variables, _ = of_linen(LinenResNet(), train=False)
    with pytest.raises(ValueError, match="part 0, Conv, does not take one sample"):
        from_backprop(
            LinenResNet(),
            variables=variables,
            parts=lambda m: [nn.Conv(4, (3, 3), name="conv")],
            in_shape=(8, 8, 1),
            arguments={"train": False},
        )
