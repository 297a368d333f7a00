"""Networks trained by backprop in and out, unchanged."""

from typing import Any, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from flax import nnx

from ._chains import Activation, Dense, chain, identity
from ._energies import Categorical, Energy
from ._hierarchy import Hierarchy, predict

TOLERANCE = 1e-5


def from_backprop(
    model: Any, *, activation: Activation | None = None, output: Energy | None = None
) -> Hierarchy:
    """A trained multilayer perceptron as a predictive-coding hierarchy with the same predictions.

    `model`: an `eqx.nn.MLP`, an `eqx.nn.Sequential` of Linear and activations, an `nnx.Sequential`
    of these, or another nnx module of Linear layers used in the order of their definition, whose
    `activation` must then be told. `output` is the energy of the output: categorical unless given
    (the model's output is logits).

    Raises `ValueError` naming the layer that has no counterpart, or where the hierarchy's
    predictions differ from the model's by more than 1e-5 (relative to the largest).
    """
    if isinstance(model, eqx.nn.MLP):
        layers, origin = _from_eqx_mlp(model)
    elif isinstance(model, eqx.nn.Sequential):
        layers, origin = _from_eqx_sequential(model)
    elif isinstance(model, nnx.Module):
        layers, origin = _from_nnx(model, activation)
    else:
        raise TypeError(
            "from_backprop takes an eqx.nn.MLP, an eqx.nn.Sequential or a flax nnx module, "
            f"got {type(model).__name__}."
        )
    hierarchy = chain(
        layers, layers[0].weight.shape[1], output=output or Categorical(), origin=origin
    )
    _check_same(hierarchy, model)
    return hierarchy


def to_backprop(hierarchy: Hierarchy) -> Any:
    """The model that the hierarchy came from, with the hierarchy's weights; bitwise the original
    where nothing was trained."""
    if hierarchy.origin is None:
        raise ValueError("this hierarchy did not come from from_backprop.")
    return hierarchy.origin([edge.module for edge in hierarchy.edges])


class _EquinoxOrigin(eqx.Module):
    """An Equinox model without its weights, and where they go."""

    skeleton: Any

    def __call__(self, layers: list[Dense]) -> Any:
        return eqx.tree_at(_eqx_weights, self.skeleton, _weights(layers), is_leaf=_is_none)


class _NnxOrigin(eqx.Module):
    """A flax nnx model's definition and the shapes of its state, which is all weights."""

    graph: Any = eqx.field(static=True)
    shapes: Any
    places: tuple[tuple[str | int, ...], ...] = eqx.field(static=True)

    def __call__(self, layers: list[Dense]) -> Any:
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), self.shapes)
        model = nnx.merge(self.graph, zeros)
        for place, layer in zip(self.places, layers, strict=True):
            linear = model
            for name in place:
                linear = getattr(linear, name) if isinstance(name, str) else linear[name]
            linear.kernel[...] = layer.weight.T
            if layer.bias is not None:
                linear.bias[...] = layer.bias
        return model


def _from_eqx_mlp(model: eqx.nn.MLP) -> tuple[list[Dense], _EquinoxOrigin]:
    if model.scan:
        raise ValueError("from_backprop: an MLP made with scan=True stacks its layers.")
    inner = [part for linear in model.layers for part in (model.activation, linear)][1:]
    return _dense([*inner, model.final_activation]), _without_weights(model)


def _from_eqx_sequential(model: eqx.nn.Sequential) -> tuple[list[Dense], _EquinoxOrigin]:
    parts = [part.fn if isinstance(part, eqx.nn.Lambda) else part for part in model.layers]
    return _dense(parts), _without_weights(model)


def _from_nnx(model: nnx.Module, activation: Activation | None) -> tuple[list[Dense], _NnxOrigin]:
    found = _nnx_linears(model)
    places, linears = tuple(place for place, _ in found), [linear for _, linear in found]
    if isinstance(model, nnx.Sequential):
        parts = list(model.layers)
    elif activation is None:
        raise ValueError(
            f"from_backprop cannot see how {type(model).__name__} joins its layers: give its "
            "activation (the predictions are then compared)."
        )
    else:
        parts = [part for linear in linears for part in (activation, linear)][1:]
    graph, state = nnx.split(model)
    held = sum(1 + (linear.bias is not None) for linear in linears)
    if len(jax.tree.leaves(state)) != held:
        raise ValueError(
            f"from_backprop: {type(model).__name__} holds state beside its Linear layers "
            f"({[type(m).__name__ for _, m in nnx.iter_modules(model)]})."
        )
    return _dense(parts), _NnxOrigin(graph, jax.eval_shape(lambda: state), places)


def _dense(parts: list[Any]) -> list[Dense]:
    """Dense layers from Linear layers and the activations between them, in order."""
    layers: list[Dense] = []
    pending: Activation = identity
    for number, part in enumerate(parts):
        if isinstance(part, eqx.nn.Linear | nnx.Linear):
            layers.append(_one_dense(part, pending, number))
            pending = identity
        elif isinstance(part, eqx.nn.Identity) or _is_identity(part):
            continue
        elif isinstance(part, eqx.Module | nnx.Module) or not callable(part):
            raise ValueError(
                f"from_backprop: layer {number}, {type(part).__name__}, has no counterpart."
            )
        elif pending is not identity:
            raise ValueError(f"from_backprop: layer {number} is a second activation in a row.")
        else:
            pending = cast(Activation, part)
    if not layers:
        raise ValueError("from_backprop: the model has no Linear layer.")
    if pending is not identity:
        raise ValueError(
            f"from_backprop: layer {len(parts) - 1} is an activation after the last Linear layer; "
            "the model must end in logits."
        )
    return layers


def _one_dense(linear: Any, activation: Activation, number: int) -> Dense:
    if isinstance(linear, nnx.Linear):
        bias = None if linear.bias is None else linear.bias[...]
        return Dense(linear.kernel[...].T, bias, activation)
    if "scalar" in (linear.in_features, linear.out_features):
        raise ValueError(f"from_backprop: layer {number} is a Linear of a scalar.")
    return Dense(linear.weight, linear.bias, activation)


def _is_identity(part: Any) -> bool:
    """Whether a function gives back what it is given (told by trying)."""
    if isinstance(part, eqx.Module | nnx.Module) or not callable(part):
        return False
    probe = jnp.linspace(-3.0, 3.0, 7)
    return bool(jnp.array_equal(jnp.asarray(part(probe)), probe))


def _without_weights(model: Any) -> _EquinoxOrigin:
    nothing = [None] * len(_eqx_weights(model))
    return _EquinoxOrigin(eqx.tree_at(_eqx_weights, model, nothing, is_leaf=_is_none))


def _eqx_weights(model: Any) -> list[Any]:
    return _weights(_eqx_linears(model))


def _weights(layers: Any) -> list[Any]:
    return [array for layer in layers for array in (layer.weight, layer.bias)]


def _is_none(x: Any) -> bool:
    return x is None


def _eqx_linears(model: Any) -> list[eqx.nn.Linear]:
    is_linear = lambda x: isinstance(x, eqx.nn.Linear)  # noqa: E731
    return [x for x in jax.tree.leaves(model, is_leaf=is_linear) if is_linear(x)]


def _nnx_linears(model: Any) -> list[tuple[tuple[str | int, ...], nnx.Linear]]:
    """The Linear layers, with the attributes and indices that lead to them, as they were defined
    (merging a module sorts its attributes)."""
    if isinstance(model, nnx.Linear):
        return [((), model)]
    parts: list[tuple[str | int, Any]] = []
    if isinstance(model, list | tuple | nnx.List):
        parts = list(enumerate(model))
    elif isinstance(model, nnx.Module):
        parts = [(k, v) for k, v in vars(model).items() if not k.startswith("_pytree__")]
    return [
        ((name, *place), linear) for name, part in parts for place, linear in _nnx_linears(part)
    ]


def _check_same(hierarchy: Hierarchy, model: Any) -> None:
    x = jr.normal(jr.key(0), (16, *hierarchy.by_name["input"].shape), hierarchy.dtype)
    due = model(x) if isinstance(model, nnx.Module) else jax.vmap(model)(x)
    given = predict(hierarchy, x)
    error = float(jnp.max(jnp.abs(given - due)) / jnp.maximum(jnp.max(jnp.abs(due)), 1))
    if not error <= TOLERANCE:
        raise ValueError(
            f"from_backprop: predictions differ from the model's by {error:.2g} of the largest, "
            f"more than {TOLERANCE:g}; is the activation right?"
        )
