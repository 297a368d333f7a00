"""The layers of an Equinox model."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, final

import equinox as eqx
import jax
from jaxtyping import Array, Float

from .._chains import Dense
from .._held import Held, learning_leaves
from ._layers import Layer, accepted, name_of

NORMALISATIONS = (eqx.nn.BatchNorm, eqx.nn.LayerNorm, eqx.nn.GroupNorm, eqx.nn.RMSNorm)


@final
class InState(eqx.Module):
    """A stateful Equinox layer on one sample, its state held."""

    layer: Any
    state: Held

    @property
    def label(self) -> str:
        return name_of(self.layer)

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        return self.layer(x, self.state())[0]


@final
class Called(eqx.Module):
    """A layer on one sample, with keyword arguments."""

    layer: Any
    arguments: tuple[tuple[str, Any], ...] = eqx.field(static=True)

    @property
    def label(self) -> str:
        return name_of(self.layer)

    def __call__(self, *xs: Any) -> Any:
        return self.layer(*xs, **dict(self.arguments))


def equinox_layers(
    model: Any, parts: Sequence[Any] | None, state: Any, arguments: Mapping[str, Any]
) -> list[Layer]:
    """The layers of a model, or those it was told to have."""
    if parts is not None:
        found = [(f"part {n}", part) for n, part in enumerate(parts)]
    elif isinstance(model, eqx.nn.MLP | eqx.nn.Sequential):
        found = [(f"layer {n}", part) for n, part in _flat(model)]
    else:
        raise ValueError(
            f"from_backprop cannot see how {type(model).__name__} joins its layers: give parts, a "
            "function of the model that lists them in order."
        )
    return [_layer(place, part, state, arguments) for place, part in found]


def equinox_call(
    model: Any, state: Any, arguments: Mapping[str, Any]
) -> Callable[[Float[Array, "..."]], Float[Array, "..."]]:
    """The model on a batch."""
    if _stateful(model):
        return jax.vmap(lambda x: model(x, state, **arguments)[0])
    return jax.vmap(lambda x: model(x, **arguments))


def _flat(model: Any) -> Iterator[tuple[str, Any]]:
    """The layers of a container and of those within it."""
    for number, part in enumerate(_inside(model)):
        if isinstance(part, eqx.nn.MLP | eqx.nn.Sequential):
            yield from ((f"{number}.{inner}", layer) for inner, layer in _flat(part))
        else:
            yield str(number), part


def _inside(model: Any) -> Sequence[Any]:
    if isinstance(model, eqx.nn.Sequential):
        return model.layers
    if model.scan:
        raise ValueError("from_backprop: an MLP made with scan=True stacks its layers.")
    if learning_leaves((model.activation, model.final_activation)):
        raise ValueError("from_backprop: the activation of an MLP has weights of its own.")
    hidden = [part for linear in model.layers for part in (model.activation, linear)][1:]
    return [*hidden, model.final_activation]


def _layer(place: str, part: Any, state: Any, arguments: Mapping[str, Any]) -> Layer:
    if isinstance(part, eqx.nn.Lambda):
        part = part.fn
    name = f"{place}, {name_of(part)},"
    if not callable(part):
        raise ValueError(f"from_backprop: {name} has no counterpart: it cannot be called.")
    if isinstance(part, eqx.nn.Linear):
        if "scalar" in (part.in_features, part.out_features):
            raise ValueError(f"from_backprop: {place} is a Linear of a scalar.")
        dense = Dense(part.weight, part.bias)
        return Layer(name, dense, tuple(learning_leaves(dense)))
    if not isinstance(part, eqx.Module):
        return Layer(name, part)
    _refuse_training(name, part)
    module: Any = part
    given = accepted(part, arguments)
    if given:
        module = Called(module, tuple(given.items()))
    if _stateful(part):
        _refuse_unknown_state(name, part, state)
        module = InState(module, Held(state.substate(part)))
    return Layer(
        name, module, tuple(learning_leaves(part)), normalises=isinstance(part, NORMALISATIONS)
    )


def _is_index(part: Any) -> bool:
    return isinstance(part, eqx.nn.StateIndex)


def _stateful(part: Any) -> bool:
    return any(map(_is_index, jax.tree.leaves(part, is_leaf=_is_index)))


def _refuse_training(name: str, part: Any) -> None:
    def trains(part: Any) -> bool:
        drops = isinstance(part, eqx.nn.Dropout) and part.p != 0
        return (drops or isinstance(part, eqx.nn.BatchNorm)) and not part.inference

    for path, leaf in jax.tree_util.tree_leaves_with_path(part, is_leaf=trains):
        if trains(leaf):
            where = f" {jax.tree_util.keystr(path)}, {name_of(leaf)}," if path else ""
            raise ValueError(
                f"from_backprop: {name}{where} is in training mode: give "
                "eqx.nn.inference_mode(model)."
            )


def _refuse_unknown_state(name: str, part: Any, state: Any) -> None:
    if state is None:
        raise ValueError(
            f"from_backprop: {name} has running statistics: give state, as "
            "eqx.nn.make_with_state returned it and training left it."
        )

    def known(part: Any) -> bool:
        return isinstance(part, eqx.nn.BatchNorm)

    for path, leaf in jax.tree_util.tree_leaves_with_path(
        part, is_leaf=lambda x: known(x) or _is_index(x)
    ):
        if _is_index(leaf):
            raise ValueError(
                f"from_backprop: {name} has a state that is not of batch normalisation, at "
                f"{jax.tree_util.keystr(path)}: it has no counterpart."
            )
