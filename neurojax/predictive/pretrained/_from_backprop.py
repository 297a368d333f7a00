"""Networks trained by backprop in and out, unchanged."""

import os
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, final

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, PyTree

from .._chains import Dense, chain
from .._energies import Bernoulli, Categorical, Energy
from .._held import learning_leaves
from .._hierarchy import Hierarchy, predict
from ._adapters import merge_adapters
from ._files import read_pretrained
from ._from_equinox import equinox_call, equinox_layers
from ._from_flax import linen_call, linen_layers, nnx_layers
from ._layers import Layer, Part, parts_of

TOLERANCE = 1e-5
NO_ARGUMENTS: Mapping[str, Any] = MappingProxyType({})


def from_backprop(
    model: Any,
    *,
    parts: Callable[[Any], Sequence[Any]] | None = None,
    in_shape: tuple[int, ...] | None = None,
    output: Energy | None = None,
    state: eqx.nn.State | None = None,
    variables: PyTree = None,
    arguments: Mapping[str, Any] = NO_ARGUMENTS,
    like: Any = None,
) -> Hierarchy:
    """A trained feed-forward network as a predictive-coding hierarchy with the same predictions.

    `model`: an Equinox module, a flax nnx module or, with its `variables`, a linen one, in
    inference mode. `eqx.nn.MLP` and the `Sequential` of each library are cut by themselves: behind
    each layer with weights and the normalisation that follows it, the activation going in front of
    the next layer, so that activities are those before it. Of batch normalisation the running
    statistics stay as they are, as constants, and scale and bias learn.

    - `parts`: of another model, a function that lists its parts in order: submodules with weights,
      each of which predicts one node, and functions between them. Equinox's are of one sample,
      flax's of a batch. A linen model is given bound to its variables; a submodule of a compact
      one is named: `nn.Conv(8, (3, 3), name="Conv_0")`.
    - `in_shape`: of one sample, needed where the first layer is not Linear.
    - `output`: the energy of the output, categorical unless given (the output is logits).
    - `state`: of an Equinox model with batch normalisation.
    - `arguments`: keywords of the model's call (`{"train": False}`), given to those of its parts
      that take them.
    - `like`: `model` is then the path of a file that `eqx.tree_serialise_leaves` or `neurojax.save`
      wrote of this model, of the pair of it and its `state` if that is given, of `nnx.state` of it,
      or of the `variables` of a linen model.

    Raises `ValueError` naming the layer that has no counterpart, or where the hierarchy's
    predictions differ from the model's by more than 1e-5 (relative to the largest).
    """
    if isinstance(model, str | os.PathLike):
        model, state, variables = read_pretrained(model, like, state, variables)
    elif like is not None:
        raise ValueError(f"like goes with a path of a file, got a {type(model).__name__}.")
    taken = _taken_apart(model, parts, state, variables, arguments)
    shape, dtype = _in_shape(taken.layers, in_shape), _dtype(taken.layers)
    logits = output is None or isinstance(output, Categorical | Bernoulli)
    cut = parts_of(taken.layers, shape, dtype, batched=taken.batched, logits=logits)
    hierarchy = chain(
        [part.module for part in cut],
        shape,
        output=output or Categorical(),
        origin=_origin(taken, cut),
        dtype=dtype,
    )
    _check_same(hierarchy, taken)
    return hierarchy


def to_backprop(hierarchy: Hierarchy) -> Any:
    """The model that the hierarchy came from, with the hierarchy's weights (of a linen model, its
    variables); bitwise the original where nothing was trained. Adapters are merged."""
    if hierarchy.origin is None:
        raise ValueError("this hierarchy did not come from from_backprop.")
    return hierarchy.origin([edge.module for edge in merge_adapters(hierarchy).edges])


class _Taken(NamedTuple):
    """A model taken apart: its leaves and how they make it, its layers, and its call on a batch."""

    name: str
    leaves: list[Any]
    structure: Any
    graph: Any
    layers: list[Layer]
    call: Callable[[Array], Array]
    batched: bool


def _taken_apart(
    model: Any, parts: Callable | None, state: Any, variables: Any, arguments: Mapping[str, Any]
) -> _Taken:
    given = {"state": state, "variables": variables}
    fits = {"state": isinstance(model, eqx.Module), "variables": isinstance(model, nn.Module)}
    for name, value in given.items():
        if value is not None and not fits[name]:
            raise ValueError(f"{name} does not go with a {type(model).__name__}.")
    name, graph, call = type(model).__name__, None, None
    if isinstance(model, eqx.Module):
        model, leaves, structure = _anew(model)
        layers = equinox_layers(model, parts and parts(model), state, arguments)
        call = equinox_call(model, state, arguments)
    elif isinstance(model, nnx.Module):
        graph, weights = nnx.split(model)
        weights, leaves, structure = _anew(weights)
        model = nnx.merge(graph, weights)
        layers = nnx_layers(model, parts and parts(model), arguments)
        call = lambda x, model=model: model(x, **arguments)  # noqa: E731
    elif isinstance(model, nn.Module):
        if variables is None:
            raise ValueError(f"the linen module {name} holds no weights: give its variables.")
        variables, leaves, structure = _anew(variables)
        bound = model.bind(variables)
        layers = linen_layers(bound, variables, parts and parts(bound), arguments)
        call = linen_call(model, variables, arguments)
    else:
        raise TypeError(
            "from_backprop takes an Equinox, a flax nnx or a flax linen module, or the path of a "
            f"file, got {name}."
        )
    batched = not isinstance(model, eqx.Module)
    return _Taken(name, leaves, structure, graph, layers, call, batched)


def _anew(tree: PyTree) -> tuple[PyTree, list[Any], Any]:
    """A tree with each floating-point array an object of its own, so that its arrays are told
    apart by identity."""
    leaves, structure = jax.tree.flatten(tree)
    leaves = [jnp.array(x) if _is_weight(x) else x for x in leaves]
    return structure.unflatten(leaves), leaves, structure


def _is_weight(x: Any) -> bool:
    return isinstance(x, jax.Array | np.ndarray) and jnp.issubdtype(x.dtype, jnp.inexact)


def _in_shape(layers: Sequence[Layer], given: tuple[int, ...] | None) -> tuple[int, ...]:
    if given is not None:
        return tuple(given)
    if layers and isinstance(layers[0].module, Dense):
        return (layers[0].module.weight.shape[1],)
    first = layers[0].name if layers else "nothing"
    raise ValueError(
        "from_backprop: give in_shape, the shape of one sample; it can only be told from a Linear "
        f"layer, and {first} comes first."
    )


def _dtype(layers: Sequence[Layer]) -> Any:
    sources = [source for layer in layers for source in layer.sources]
    return sources[0].dtype if sources else jnp.result_type(float)


class _Place(NamedTuple):
    """Which of the model's leaves an array is, and whether transposed."""

    leaf: int
    transposed: bool


@final
class _Origin(eqx.Module):
    """A model but for the arrays that its parts have, and where these go."""

    leaves: list[Any]
    structure: Any = eqx.field(static=True)
    graph: Any = eqx.field(static=True)
    places: tuple[tuple[_Place, ...], ...] = eqx.field(static=True)

    def __call__(self, modules: Sequence[Callable]) -> Any:
        leaves = list(self.leaves)
        for places, module in zip(self.places, modules, strict=True):
            for place, array in zip(places, learning_leaves(module), strict=True):
                leaves[place.leaf] = array.T if place.transposed else array
        tree = self.structure.unflatten(leaves)
        return tree if self.graph is None else nnx.merge(self.graph, tree)


def _origin(taken: _Taken, parts: Sequence[Part]) -> _Origin:
    numbers = {id(leaf): number for number, leaf in enumerate(taken.leaves)}
    used: dict[int, str] = {}
    places = []
    for part in parts:
        here = []
        for layer in part.layers:
            for array in layer.sources:
                number = numbers.get(id(array))
                if number is None:
                    raise ValueError(
                        f"from_backprop: {layer.name} has weights that are not the model's: parts "
                        "must be pieces of the model that the function is given."
                    )
                if number in used:
                    raise ValueError(
                        f"from_backprop: {layer.name} shares weights with {used[number]} which has "
                        "no counterpart: each part learns its own."
                    )
                used[number] = layer.name
                here.append(_Place(number, layer.transposed))
        places.append(tuple(here))
    rest = [None if number in used else leaf for number, leaf in enumerate(taken.leaves)]
    return _Origin(rest, taken.structure, taken.graph, tuple(places))


def _check_same(hierarchy: Hierarchy, taken: _Taken) -> None:
    """Refuse predictions that are not the model's, on random inputs."""
    x = jr.normal(jr.key(0), (16, *hierarchy.by_name["input"].shape), hierarchy.dtype)
    due, given = jax.jit(taken.call)(x), eqx.filter_jit(predict)(hierarchy, x)
    if due.shape != given.shape:
        raise ValueError(
            f"from_backprop: predictions have shape {given.shape[1:]}, those of {taken.name} "
            f"{due.shape[1:]}: is a part missing?"
        )
    error = _difference(given, due)
    if not error <= TOLERANCE:
        raise ValueError(
            f"from_backprop: predictions differ from those of {taken.name} by {error:.2g} of the "
            f"largest, more than {TOLERANCE:g}: are the parts all there, in order, with their "
            "activations?"
        )


def _difference(given: Float[Array, "..."], due: Float[Array, "..."]) -> float:
    return float(jnp.max(jnp.abs(given - due)) / jnp.maximum(jnp.max(jnp.abs(due)), 1))
