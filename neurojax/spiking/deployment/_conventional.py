"""Conventional feed-forward networks as chains of nodes, and what their functions do."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, cast

import equinox as eqx
import jax
import numpy as np
from flax import nnx
from jaxtyping import Array

from ...core import (
    InState,
    first_line,
    held_state,
    is_stateful,
    layers_in,
    name_of,
    on_one_sample,
    probe,
    refuse_training,
)
from ..network import Node, Shape, SpikingNetwork

Nature = Literal["identity", "relu", "linear", "nonlinear"]


def modules_of(model: Any, sample: Shape, state: eqx.nn.State | None, owner: str) -> dict[str, Any]:
    """The layers of a trained network by place and kind (`"0.Linear"`), each of one sample.

    `model` is an Equinox or nnx `Sequential`, an `eqx.nn.MLP`, or a list of layers; `state` that of
    Equinox's batch normalisation. Functions in an nnx `Sequential` take a batch.

    Raises `ValueError` in the name of `owner` for a layer in training mode, and for one that does
    not take what the layer before gives.
    """
    modules: dict[str, Any] = {}
    for name, module in layers_by_name(model, owner):
        if not callable(module):
            raise TypeError(f"{owner}: layer {name} cannot be called: {module!r}.")
        refuse_training(owner, f"layer {name}", module)
        if is_stateful(module):
            module = InState(module, held_state(owner, f"layer {name}", module, state))
        if isinstance(model, nnx.Module) and not isinstance(module, eqx.Module | nnx.Module):
            module = on_one_sample(module, sample.shape, sample.dtype)
        try:
            sample = eqx.filter_eval_shape(cast(Any, module), sample)
        except Exception as error:
            raise ValueError(
                f"{owner}: layer {name} does not take one sample of shape {sample.shape}: "
                f"{first_line(error)}"
            ) from error
        modules[name] = module
    if not modules:
        raise ValueError(f"{owner}: the model has no layers.")
    return modules


def layers_by_name(model: Any, owner: str) -> Iterator[tuple[str, Any]]:
    """The layers of a container or a list, with their names."""
    for place, layer in layers_in(model, owner):
        module = layer.fn if isinstance(layer, eqx.nn.Lambda) else layer
        yield f"{place}.{name_of(module)}", module


def chained(modules: Mapping[str, Any]) -> SpikingNetwork:
    """Modules one after the other."""
    names = list(modules)
    sources = ["input", *names]
    nodes = {n: Node(modules[n], source) for n, source in zip(names, sources, strict=False)}
    return SpikingNetwork(nodes, names[-1])


@eqx.filter_jit
def on_all(module: Any, x: Array) -> Array:
    """What a module of one sample gives for each of them."""
    return jax.vmap(module)(x)


def has_weights(module: Any) -> bool:
    return any(map(eqx.is_inexact_array, jax.tree.leaves(module)))


def nature_of(module: Any, sample: Shape) -> Nature:
    """What a module without weights does, by whatever name, as far as random samples show it, small
    and large ones. "linear" is what adds up: flattening, average pooling."""
    x = probe(sample.shape, sample.dtype)
    small, large = _nature_at(module, x), _nature_at(module, 30 * x)
    return small if small == large else "nonlinear"


def _nature_at(module: Any, samples: Array) -> Nature:
    x = np.asarray(samples)
    given, of_sum = (np.asarray(on_all(module, y)) for y in (samples, samples + samples[::-1]))
    if given.shape == x.shape and np.array_equal(given, x):
        return "identity"
    if given.shape == x.shape and _close(given, np.maximum(x, 0)):
        return "relu"
    return "linear" if _close(of_sum, given + given[::-1]) else "nonlinear"


def _close(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.max(np.abs(a - b)) < 1e-4 * np.max(np.abs(b)))
