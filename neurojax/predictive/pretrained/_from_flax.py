"""The layers of a flax model: nnx modules, which hold their weights, and linen's, which do not."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, final

import equinox as eqx
import flax.linen as nn
import jax
from flax import nnx
from jaxtyping import Array, Float, PyTree

from ...core import (
    CONTAINERS,
    NORMALISATIONS,
    Held,
    first_line,
    layers_in,
    name_of,
    refuse_training,
)
from .._chains import Dense
from .._held import learning_leaves
from ._layers import OWNER, Layer, accepted

Arguments = tuple[tuple[str, Any], ...]


@final
class NnxLayer(eqx.Module):
    """An nnx module on one sample: its parameters, and all else of it held."""

    parameters: PyTree
    rest: Held
    graph: Any = eqx.field(static=True)
    label: str = eqx.field(static=True)
    arguments: Arguments = eqx.field(static=True)

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        layer = nnx.merge(self.graph, self.parameters, self.rest())
        return layer(x[None], **dict(self.arguments))[0]


@final
class LinenLayer(eqx.Module):
    """A linen module on one sample: its parameters, and its other collections held."""

    parameters: PyTree
    rest: Held
    definition: "Definition" = eqx.field(static=True)
    arguments: Arguments = eqx.field(static=True)

    @property
    def label(self) -> str:
        return type(self.definition.module).__name__

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        variables = {"params": self.parameters, **self.rest()}
        return self.definition.module.apply(variables, x[None], **dict(self.arguments))[0]


@final
class Definition:
    """A linen module, hashable also where its fields are not."""

    def __init__(self, module: nn.Module):
        self.module = module

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Definition) and self.module == other.module

    def __hash__(self) -> int:
        return hash(type(self.module))


def nnx_layers(
    model: nnx.Module, parts: Sequence[Any] | None, arguments: Mapping[str, Any]
) -> list[Layer]:
    """The layers of an nnx model, or those it was told to have."""
    return [_nnx_layer(place, part, arguments) for place, part in _found(model, parts)]


def linen_layers(
    model: nn.Module, variables: PyTree, parts: Sequence[Any] | None, arguments: Mapping[str, Any]
) -> list[Layer]:
    """The layers of a linen model bound to its variables, or those it was told to have."""
    return [_linen_layer(place, part, variables, arguments) for place, part in _found(model, parts)]


def _found(model: Any, parts: Sequence[Any] | None) -> Iterator[tuple[str, Any]]:
    if parts is not None:
        return ((f"part {number}", part) for number, part in enumerate(parts))
    if isinstance(model, CONTAINERS):
        return ((f"layer {number}", part) for number, part in layers_in(model, OWNER))
    raise ValueError(
        f"from_backprop cannot see how {type(model).__name__} joins its layers: give parts, a "
        "function of the model that lists them in order."
    )


def _nnx_layer(place: str, part: Any, arguments: Mapping[str, Any]) -> Layer:
    name = f"{place}, {name_of(part)},"
    if isinstance(part, nnx.Linear):
        return _dense(name, part.kernel[...], None if part.bias is None else part.bias[...])
    if not isinstance(part, nnx.Module):
        return _function(name, part)
    refuse_training(OWNER, name, part)
    graph, parameters, statistics, random, rest = nnx.split(
        part, nnx.Param, nnx.BatchStat, nnx.RngState, ...
    )
    if jax.tree.leaves(rest):
        kinds = {type(x).__name__ for _, x in nnx.to_flat_state(rest)}
        raise ValueError(
            f"from_backprop: {name} has a state that is not of batch normalisation, "
            f"{', '.join(sorted(kinds))}: it has no counterpart."
        )
    given = accepted(part, arguments)
    held = Held(nnx.merge_state(statistics, random))
    module = NnxLayer(parameters, held, graph, type(part).__name__, tuple(given.items()))
    return Layer(
        name,
        module,
        tuple(learning_leaves(module)),
        normalises=isinstance(part, NORMALISATIONS),
    )


def _linen_layer(
    place: str, part: Any, variables: Mapping[str, Any], arguments: Mapping[str, Any]
) -> Layer:
    name = f"{place}, {name_of(part)},"
    if not isinstance(part, nn.Module):
        return _function(name, part)
    definition, own = _unbound(name, part, variables)
    parameters, rest = own.get("params", {}), {k: v for k, v in own.items() if k != "params"}
    unknown = sorted(set(rest) - {"batch_stats"})
    if unknown:
        raise ValueError(
            f"from_backprop: {name} has a state that is not of batch normalisation, "
            f"{', '.join(unknown)}: it has no counterpart."
        )
    if isinstance(part, nn.Dense):
        return _dense(name, parameters["kernel"], parameters.get("bias"))
    given = accepted(part, arguments)
    module = LinenLayer(parameters, Held(rest), Definition(definition), tuple(given.items()))
    return Layer(
        name,
        module,
        tuple(learning_leaves(module)),
        normalises=isinstance(part, NORMALISATIONS),
    )


def _unbound(
    name: str, part: nn.Module, variables: Mapping[str, Any]
) -> tuple[nn.Module, Mapping[str, Any]]:
    """A module's definition and its variables: those it is bound to, or those of its name."""
    if part.scope is not None:
        try:
            definition, own = part.unbind()
        except Exception as error:
            raise ValueError(f"from_backprop: {name} {first_line(error)}") from error
        return definition, own
    own = {kind: tree[part.name] for kind, tree in variables.items() if part.name in tree}
    return part.clone(name=None), own


def _dense(name: str, kernel: Array, bias: Array | None) -> Layer:
    sources = (kernel,) if bias is None else (kernel, bias)
    return Layer(name, Dense(kernel.T, bias), sources, transposed=True)


def _function(name: str, part: Any) -> Layer:
    if not callable(part):
        raise ValueError(f"from_backprop: {name} has no counterpart: it cannot be called.")
    return Layer(name, part)


def linen_call(
    model: nn.Module, variables: PyTree, arguments: Mapping[str, Any]
) -> Callable[[Float[Array, "..."]], Any]:
    """The model on a batch."""
    return lambda x: model.apply(variables, x, **arguments)
