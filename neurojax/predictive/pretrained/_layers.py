"""The layers of a pretrained network, and where it is cut so that activities are free."""

import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ...core import first_line, name_of, on_one_sample, probe
from .._chains import Dense, identity

Shape = tuple[int, ...]
OWNER = "from_backprop"


@final
class Layers(eqx.Module):
    """Layers in turn, on one sample."""

    layers: tuple[Callable, ...]

    @property
    def label(self) -> str:
        return " → ".join(map(name_of, self.layers))

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        for layer in self.layers:
            x = layer(x)
        return x


class Layer(NamedTuple):
    """A layer as it was found in a model.

    - `name`: for messages.
    - `module`: on one sample.
    - `sources`: the model's arrays behind the leaves of `module` that learn, in their order;
      `transposed` where the module has them so.
    - `normalises`: it goes with the layer that it follows.
    - `reshapes`: what it gives has another shape than what it takes.
    """

    name: str
    module: Any
    sources: tuple[Array, ...] = ()
    transposed: bool = False
    normalises: bool = False
    reshapes: bool = False


class Part(NamedTuple):
    """Layers that predict one node together, as one module."""

    module: Callable
    layers: tuple[Layer, ...]


def parts_of(
    layers: Sequence[Layer], in_shape: Shape, dtype: Any, *, batched: bool, logits: bool
) -> list[Part]:
    """Cut behind each layer with weights and the normalisation that follows it: functions, pools
    and the like go in front of the next.

    `batched`: functions among the layers take a batch of samples. `logits`: no activation may come
    last. Raises `ValueError` naming the layer that does not fit.
    """
    groups: list[list[Layer]] = []
    waiting: list[Layer] = []
    activation = None
    for layer in _shaped(layers, in_shape, dtype, batched):
        if layer.normalises and groups and not waiting:
            groups[-1].append(layer)
        elif layer.sources and not layer.normalises:
            groups.append([*waiting, layer])
            waiting, activation = [], None
        else:
            waiting.append(layer)
            if not (layer.reshapes or layer.normalises):
                activation = layer
    if not groups:
        raise ValueError("from_backprop: the model has no layer with weights.")
    if logits and activation is not None:
        raise ValueError(
            f"from_backprop: {activation.name} is an activation after the last layer with weights; "
            "the model must end in logits, or output be an energy of what it gives."
        )
    groups[-1] += waiting
    return [Part(_joined(group), tuple(group)) for group in groups]


def _joined(group: Sequence[Layer]) -> Callable:
    """One module: dense, where it is at most one function and a Linear layer."""
    *before, last = group
    if isinstance(last.module, Dense):
        if not before:
            return last.module
        if len(before) == 1 and _is_activation(before[0]):
            return dataclasses.replace(last.module, activation=before[0].module)
    return Layers(tuple(layer.module for layer in group))


def _is_activation(layer: Layer) -> bool:
    return not (layer.reshapes or isinstance(layer.module, eqx.Module))


def _shaped(layers: Sequence[Layer], shape: Shape, dtype: Any, batched: bool) -> Iterator[Layer]:
    """The layers that do something, on one sample each."""
    for layer in layers:
        module: Any = layer.module
        function = not layer.sources and not isinstance(layer.module, eqx.Module)
        if function and batched:
            module = on_one_sample(module, shape, dtype)
        try:
            above = eqx.filter_eval_shape(module, jax.ShapeDtypeStruct(shape, dtype)).shape
        except Exception as error:
            raise ValueError(
                f"from_backprop: {layer.name} does not take one sample of shape {shape} from the "
                f"layer before: {first_line(error)}"
            ) from error
        if layer.sources or above != shape or not _does_nothing(module, shape, dtype):
            yield layer._replace(module=module, reshapes=above != shape)
        shape = above


def _does_nothing(module: Any, shape: Shape, dtype: Any) -> bool:
    x = probe(shape, dtype)
    return module is identity or bool(jnp.array_equal(jax.vmap(module)(x), x))


def accepted(call: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Those keyword arguments that a call takes."""
    known = inspect.signature(call).parameters
    return {name: value for name, value in arguments.items() if name in known}
