"""Networks trained by backprop come in with their predictions and go out with their bits."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from flax import nnx

from neurojax.predictive import Categorical, Gaussian, from_backprop, mlp, predict, to_backprop


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
    "nnx module": (lambda: Net(nnx.Rngs(0)), {"activation": jnp.tanh}),
    "nnx list": (lambda: Listed(nnx.Rngs(0)), {"activation": jax.nn.relu}),
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
    assert isinstance(hierarchy.energies[-1], Categorical)
    assert all(isinstance(energy, Gaussian) for energy in hierarchy.energies[:-1])
    back = to_backprop(hierarchy)
    assert type(back) is type(model)
    assert_same_arrays(back, model)
    np.testing.assert_array_equal(outputs(back), outputs(model))


def moved(layers):
    return jax.tree.map(lambda w: w + 0.1, layers)


@every_model
def test_trained_weights_come_back_and_the_original_stays(make, how):
    model = make()
    hierarchy = from_backprop(model, **how)
    trained = eqx.tree_at(lambda h: h.layers, hierarchy, replace_fn=moved)
    back = to_backprop(trained)
    np.testing.assert_allclose(outputs(back), predict(trained, inputs()), atol=1e-5)
    assert np.abs(outputs(back) - outputs(model)).max() > 0.1
    assert_same_arrays(model, make())


def test_layers_keep_their_order_and_their_missing_bias():
    hierarchy = from_backprop(Net(nnx.Rngs(0)), activation=jnp.tanh)
    assert hierarchy.widths == (5, 8, 8, 3)
    assert [layer.bias is None for layer in hierarchy.layers] == [False, True, False]
    assert [layer.activation is jnp.tanh for layer in hierarchy.layers] == [False, True, True]


def test_the_output_energy_can_be_told():
    assert isinstance(from_backprop(eqx_mlp(1), output=Gaussian()).energies[-1], Gaussian)


def eqx_layers(*parts) -> eqx.nn.Sequential:
    return eqx.nn.Sequential([eqx.nn.Linear(5, 3, key=jr.key(0)), *parts])


def nnx_layers(*parts) -> nnx.Sequential:
    return nnx.Sequential(nnx.Linear(5, 3, rngs=nnx.Rngs(0)), *parts)


class WithNorm(nnx.Module):
    def __init__(self, rngs: nnx.Rngs):
        self.linear, self.norm = nnx.Linear(5, 3, rngs=rngs), nnx.LayerNorm(3, rngs=rngs)

    def __call__(self, x):
        return self.norm(self.linear(x))


LAYER_1 = "layer 1, {}, has no counterpart"
REFUSED = {
    "eqx Conv": (
        lambda: eqx_layers(eqx.nn.Conv1d(1, 1, 1, key=jr.key(0))),
        LAYER_1.format("Conv1d"),
    ),
    "eqx Dropout": (lambda: eqx_layers(eqx.nn.Dropout(0.5)), LAYER_1.format("Dropout")),
    "eqx activation at the end": (
        lambda: eqx_layers(eqx.nn.Lambda(jax.nn.relu)),
        "layer 1 is an activation after the last Linear layer; the model must end in logits",
    ),
    "eqx MLP, final activation": (
        lambda: eqx_mlp(1, final_activation=jax.nn.softmax),
        "layer 3 is an activation after the last",
    ),
    "two activations": (
        lambda: eqx_layers(eqx.nn.Lambda(jnp.tanh), eqx.nn.Lambda(jnp.tanh)),
        "layer 2 is a second activation in a row",
    ),
    "eqx scalar": (
        lambda: eqx.nn.MLP(5, "scalar", 8, 1, key=jr.key(0)),
        "layer 2 is a Linear of a scalar",
    ),
    "no Linear": (lambda: eqx.nn.Sequential([eqx.nn.Lambda(jnp.tanh)]), "has no Linear layer"),
    "nnx Conv": (
        lambda: nnx_layers(nnx.Conv(3, 3, (1,), rngs=nnx.Rngs(0))),
        "holds state beside its Linear layers .*Conv",
    ),
    "nnx Dropout": (lambda: nnx_layers(nnx.Dropout(0.5)), LAYER_1.format("Dropout")),
    "nnx activation at the end": (lambda: nnx_layers(nnx.relu), "layer 1 is an activation after"),
    "nnx module, activation untold": (lambda: Net(nnx.Rngs(0)), "how Net joins its layers: give"),
}


@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED)
def test_what_has_no_counterpart_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        from_backprop(make())


def test_other_state_is_named():
    with pytest.raises(ValueError, match=r"WithNorm holds state beside its Linear .*LayerNorm"):
        from_backprop(WithNorm(nnx.Rngs(0)), activation=jnp.tanh)


def test_a_wrong_activation_is_found_out():
    with pytest.raises(
        ValueError, match=r"differ from the model's by .* is the activation right\?"
    ):
        from_backprop(Net(nnx.Rngs(0)), activation=jax.nn.relu)


def test_what_is_no_model():
    with pytest.raises(TypeError, match=r"takes an eqx.nn.MLP, .* got function"):
        from_backprop(lambda x: x)


def test_a_fresh_hierarchy_has_no_original():
    with pytest.raises(ValueError, match="did not come from from_backprop"):
        to_backprop(mlp((5, 3), jr.key(0)))
