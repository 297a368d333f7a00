"""The layers of an Equinox model."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import equinox as eqx
import jax
from jaxtyping import Array, Float

from ...core import (
    CONTAINERS,
    NORMALISATIONS,
    InState,
    held_state,
    is_stateful,
    layers_in,
    name_of,
    refuse_training,
)
from .._chains import Dense
from .._held import learning_leaves
from ._layers import OWNER, Layer, accepted


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
    elif isinstance(model, CONTAINERS):
        found = [(f"layer {n}", part) for n, part in layers_in(model, OWNER)]
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
    if is_stateful(model):
        return jax.vmap(lambda x: model(x, state, **arguments)[0])
    return jax.vmap(lambda x: model(x, **arguments))


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
    refuse_training(OWNER, name, part)
    module: Any = part
    given = accepted(part, arguments)
    if given:
        module = Called(module, tuple(given.items()))
    if is_stateful(part):
        module = InState(module, held_state(OWNER, name, part, state))
    return Layer(
        name, module, tuple(learning_leaves(part)), normalises=isinstance(part, NORMALISATIONS)
    )
