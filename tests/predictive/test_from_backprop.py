"""Networks trained by backprop come in with their predictions and go out with their bits."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from flax import nnx

from neurojax.predictive import (
    Categorical,
    Gaussian,
    Hierarchy,
    from_backprop,
    layer_map,
    mlp,
    predict,
    to_backprop,
)


class Net(nnx.Module):
    """Linear layers whose names are in another order than they are used in."""

    def __init__(self, rngs: nnx.Rngs):
        self.zeta = nnx.Linear(5, 8, rngs=rngs)
        self.beta = nnx.Linear(8, 8, rngs=rngs, use_bias=False)
        self.alpha = nnx.Linear(8, 3, rngs=rngs)

    def __call__(self, x):
        return self.alpha(jnp.tanh(self.beta(jnp.tanh(self.zeta(x)))))


class Listed(nnx.Module):
    """Linear layers in a list."""

    def __init__(self, rngs: nnx.Rngs):
        self.layers = nnx.List([nnx.Linear(5, 8, rngs=rngs), nnx.Linear(8, 3, rngs=rngs)])

    def __call__(self, x):
        return self.layers[1](jax.nn.relu(self.layers[0](x)))


def eqx_mlp(depth: int, activation=jax.nn.relu, **how) -> eqx.nn.MLP:
    return eqx.nn.MLP(5, 3, 8, depth, activation, key=jr.key(0), **how)


def eqx_sequential() -> eqx.nn.Sequential:
    keys = jr.split(jr.key(0))
    first, last = eqx.nn.Linear(5, 8, key=keys[0]), eqx.nn.Linear(8, 3, key=keys[1])
    return eqx.nn.Sequential([first, eqx.nn.Lambda(jnp.tanh), eqx.nn.Identity(), last])


def nnx_sequential() -> nnx.Sequential:
    r = nnx.Rngs(0)
    return nnx.Sequential(nnx.Linear(5, 8, rngs=r), nnx.relu, nnx.Linear(8, 3, rngs=r))


def eqx_nested() -> eqx.nn.Sequential:
    keys = jr.split(jr.key(0))
    inner = eqx.nn.MLP(5, 8, 8, 1, jnp.tanh, final_activation=jax.nn.relu, key=keys[0])
    return eqx.nn.Sequential(
        [eqx.nn.Sequential([inner]), eqx.nn.Dropout(0.5, inference=True),
         eqx.nn.Linear(8, 3, key=keys[1])]
    )  # fmt: skip


def eqx_two_activations() -> eqx.nn.Sequential:
    keys = jr.split(jr.key(0))
    first, last = eqx.nn.Linear(5, 8, key=keys[0]), eqx.nn.Linear(8, 3, key=keys[1])
    twice = [eqx.nn.Lambda(jnp.tanh), eqx.nn.Lambda(jnp.exp)]
    return eqx.nn.Sequential([first, *twice, last])


def net_parts(net: Net) -> list:
    return [net.zeta, jnp.tanh, net.beta, jnp.tanh, net.alpha]


MODELS = {
    "eqx MLP, no hidden layer": (lambda: eqx_mlp(0), {}),
    "eqx MLP, 1 hidden": (lambda: eqx_mlp(1), {}),
    "eqx MLP, 3 hidden, tanh": (lambda: eqx_mlp(3, jnp.tanh), {}),
    "eqx MLP, gelu, no bias": (
        lambda: eqx_mlp(2, jax.nn.gelu, use_bias=False, use_final_bias=False),
        {},
    ),
    "eqx Sequential": (eqx_sequential, {}),
    "nnx Sequential": (nnx_sequential, {}),
    "eqx Sequential in Sequential": (lambda: eqx_nested(), {}),
    "eqx two activations in a row": (lambda: eqx_two_activations(), {}),
    "nnx module": (lambda: Net(nnx.Rngs(0)), {"parts": net_parts}),
    "nnx list": (
        lambda: Listed(nnx.Rngs(0)),
        {"parts": lambda m: [m.layers[0], jax.nn.relu, m.layers[1]]},
    ),
}
every_model = pytest.mark.parametrize(("make", "how"), MODELS.values(), ids=MODELS)


def inputs() -> jax.Array:
    return jr.normal(jr.key(1), (20, 5))


def outputs(model) -> np.ndarray:
    x = inputs()
    return np.asarray(model(x) if isinstance(model, nnx.Module) else jax.vmap(model)(x))


def arrays(model) -> list[np.ndarray]:
    if isinstance(model, nnx.Module):
        model = nnx.state(model)
    return [np.asarray(x) for x in jax.tree.leaves(eqx.filter(model, eqx.is_array))]


def assert_same_arrays(a, b) -> None:
    for x, y in zip(arrays(a), arrays(b), strict=True):
        np.testing.assert_array_equal(x, y)


@every_model
def test_logits_are_the_models_and_the_way_back_is_bitwise(make, how):
    model = make()
    hierarchy = from_backprop(model, **how)
    np.testing.assert_allclose(predict(hierarchy, inputs()), outputs(model), atol=1e-5)
    *hidden, output = [node.energy for node in hierarchy.nodes[1:]]
    assert isinstance(output, Categorical)
    assert all(isinstance(energy, Gaussian) for energy in hidden)
    back = to_backprop(hierarchy)
    assert type(back) is type(model)
    assert_same_arrays(back, model)
    np.testing.assert_array_equal(outputs(back), outputs(model))


def moved(hierarchy: Hierarchy) -> Hierarchy:
    """With all weights off by a tenth."""
    edges = [edge.module for edge in hierarchy.edges]
    modules = jax.tree.map(lambda w: w + 0.1 if eqx.is_array(w) else w, edges)
    return eqx.tree_at(lambda h: [edge.module for edge in h.edges], hierarchy, modules)


@every_model
def test_trained_weights_come_back_and_the_original_stays(make, how):
    model = make()
    hierarchy = from_backprop(model, **how)
    trained = moved(hierarchy)
    back = to_backprop(trained)
    np.testing.assert_allclose(outputs(back), predict(trained, inputs()), atol=1e-5)
    assert np.abs(outputs(back) - outputs(model)).max() > 0.1
    assert_same_arrays(model, make())


def test_layers_keep_their_order_and_their_missing_bias():
    hierarchy = from_backprop(Net(nnx.Rngs(0)), parts=net_parts)
    assert [node.shape for node in hierarchy.nodes] == [(5,), (8,), (8,), (3,)]
    layers = [edge.module for edge in hierarchy.edges]
    assert [layer.bias is None for layer in layers] == [False, True, False]
    assert [layer.activation is jnp.tanh for layer in layers] == [False, True, True]


def test_the_output_energy_can_be_told():
    hierarchy = from_backprop(eqx_mlp(1), output=Gaussian())
    assert isinstance(hierarchy.by_name["output"].energy, Gaussian)


def test_an_activation_may_end_a_model_of_what_is_no_logit():
    model = eqx_mlp(1, final_activation=jax.nn.sigmoid)
    hierarchy = from_backprop(model, output=Gaussian())
    np.testing.assert_allclose(predict(hierarchy, inputs()), outputs(model), atol=1e-6)
    assert_same_arrays(to_backprop(hierarchy), model)


def test_the_map_of_a_network():
    lines = layer_map(from_backprop(Net(nnx.Rngs(0)), parts=net_parts)).splitlines()
    assert [" ".join(line.split()) for line in lines] == [
        "edge node shape predicted from by weights that learn",
        "---- ------ ----- -------------- ------------ ------------------",
        "0 h1 8 input Dense 8×5, 8",
        "1 h2 8 h1 tanh → Dense 8×8",
        "2 output 3 h2 tanh → Dense 3×8, 3",
        "139 weights learn",
    ]


def eqx_layers(*parts) -> eqx.nn.Sequential:
    return eqx.nn.Sequential([eqx.nn.Linear(5, 3, key=jr.key(0)), *parts])


def eqx_stateful() -> eqx.nn.Sequential:
    norm = eqx.nn.BatchNorm(5, "batch", mode="batch", inference=True)
    return eqx.nn.Sequential([norm, eqx.nn.Linear(5, 3, key=jr.key(0))])


def nnx_layers(*parts) -> nnx.Sequential:
    return nnx.Sequential(nnx.Linear(5, 3, rngs=nnx.Rngs(0)), *parts)


class Cached(nnx.Module):
    """A layer with a state that is not of batch normalisation."""

    def __init__(self, rngs: nnx.Rngs):
        self.linear, self.calls = nnx.Linear(3, 3, rngs=rngs), nnx.Cache(jnp.zeros(()))

    def __call__(self, x):
        return self.linear(x)


REFUSED = {
    "eqx cell": (
        lambda: eqx_layers(eqx.nn.GRUCell(3, 3, key=jr.key(0))),
        "layer 1, GRUCell, does not take one sample of shape",
    ),
    "eqx Dropout": (
        lambda: eqx_layers(eqx.nn.Dropout(0.5)),
        r"layer 1, Dropout, is in training mode: give eqx.nn.inference_mode",
    ),
    "eqx state": (lambda: eqx_stateful(), "layer 0, BatchNorm, has running statistics: give state"),
    "eqx image": (
        lambda: eqx.nn.Sequential([eqx.nn.Conv1d(1, 1, 1, key=jr.key(0))]),
        "give in_shape, the shape of one sample; .* layer 0, Conv1d, comes first",
    ),
    "eqx activation at the end": (
        lambda: eqx_layers(eqx.nn.Lambda(jax.nn.relu)),
        "layer 1, relu, is an activation after the last layer with weights; the model must end in",
    ),
    "eqx MLP, final activation": (
        lambda: eqx_mlp(1, final_activation=jax.nn.softmax),
        "layer 3, softmax, is an activation after the last",
    ),
    "two activations at the end": (
        lambda: eqx_layers(eqx.nn.Lambda(jnp.tanh), eqx.nn.Lambda(jnp.sin)),
        "layer 2, sin, is an activation after the last",
    ),
    "eqx shape": (
        lambda: eqx_layers(eqx.nn.Linear(4, 3, key=jr.key(0))),
        r"layer 1, Linear, does not take one sample of shape \(3,\)",
    ),
    "eqx scalar": (
        lambda: eqx.nn.MLP(5, "scalar", 8, 1, key=jr.key(0)),
        "layer 2 is a Linear of a scalar",
    ),
    "nnx no weights": (lambda: nnx.Sequential(jnp.tanh), "give in_shape, .*layer 0, tanh, comes"),
    "nnx Dropout": (
        lambda: nnx_layers(nnx.Dropout(0.5)),
        r"layer 1, Dropout, is in training mode: call model.eval\(\) first",
    ),
    "nnx BatchNorm": (
        lambda: nnx_layers(nnx.BatchNorm(3, rngs=nnx.Rngs(0))),
        "layer 1, BatchNorm, is in training mode",
    ),
    "nnx state": (
        lambda: nnx_layers(Cached(nnx.Rngs(0))),
        "layer 1, Cached, has a state that is not of batch normalisation, Cache",
    ),
    "nnx activation at the end": (
        lambda: nnx_layers(nnx.relu),
        "layer 1, relu, is an activation after",
    ),
    "nnx module, parts untold": (lambda: Net(nnx.Rngs(0)), "how Net joins its layers: give parts"),
}


@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED)
def test_what_has_no_counterpart_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        from_backprop(make())


def test_a_model_without_weights():
    with pytest.raises(ValueError, match="has no layer with weights"):
        from_backprop(nnx.Sequential(jnp.tanh), in_shape=(5,))


TOLD_WRONG = {
    "activation": (
        lambda m: [m.zeta, jax.nn.relu, m.beta, jnp.tanh, m.alpha],
        r"differ from those of Net by .* in order, with their activations\?",
    ),
    "missing": (lambda m: [m.zeta, jnp.tanh, m.beta], r"have shape \(8,\), those of Net \(3,\)"),
    "twice": (
        lambda m: [m.zeta, jnp.tanh, m.beta, jnp.tanh, m.beta, m.alpha],
        "part 4, Linear, shares weights with part 2, Linear,",
    ),
    "other weights": (
        lambda m: [m.zeta, jnp.tanh, nnx.Linear(8, 3, rngs=nnx.Rngs(1))],
        "part 2, Linear, has weights that are not the model's",
    ),
    "no part": (lambda m: [m.zeta, 3], "part 1, int, has no counterpart: it cannot be called"),
}


@pytest.mark.parametrize(("parts", "message"), TOLD_WRONG.values(), ids=TOLD_WRONG)
def test_parts_that_do_not_make_the_model(parts, message):
    with pytest.raises(ValueError, match=message):
        from_backprop(Net(nnx.Rngs(0)), parts=parts)


def test_what_is_no_model():
    with pytest.raises(
        TypeError, match=r"takes an Equinox, .* or the path of a file, got function"
    ):
        from_backprop(lambda x: x)
    with pytest.raises(ValueError, match="state does not go with a Net"):
        from_backprop(Net(nnx.Rngs(0)), state=eqx.nn.State(eqx_mlp(0)))
    with pytest.raises(ValueError, match="variables does not go with a MLP"):
        from_backprop(eqx_mlp(0), variables={})


def test_a_fresh_hierarchy_has_no_original():
    with pytest.raises(ValueError, match="did not come from from_backprop"):
        to_backprop(mlp((5, 3), jr.key(0)))
