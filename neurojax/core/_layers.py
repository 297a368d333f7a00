"""The layers of a conventional network in turn, and each of them on one sample."""

import functools
from collections.abc import Iterator, Sequence
from typing import Any, final

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, PyTree

CONTAINERS = (eqx.nn.MLP, eqx.nn.Sequential, nnx.Sequential, nn.Sequential)
"""Models that show how they join their layers."""

NORMALISATIONS = tuple(
    getattr(library, name)
    for library in (eqx.nn, nnx, nn)
    for name in ("BatchNorm", "LayerNorm", "GroupNorm", "RMSNorm")
)


@final
class Held(eqx.Module):
    """What a module needs and does not learn, such as running statistics; calling it gives it."""

    value: PyTree

    def __call__(self) -> PyTree:
        arrays, rest = eqx.partition(self.value, eqx.is_array)
        return eqx.combine(jax.lax.stop_gradient(arrays), rest)


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
class OfBatch(eqx.Module):
    """A function of a batch, on one sample."""

    function: Any = eqx.field(static=True)

    @property
    def label(self) -> str:
        return name_of(self.function)

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        return self.function(x[None])[0]


def layers_in(model: Any, owner: str) -> Iterator[tuple[str, Any]]:
    """The layers of one of `CONTAINERS` or of a list, with those of containers among them, each by
    its place: "2", "3.0".

    Raises `ValueError` in the name of `owner` for a model whose layers cannot be told apart.
    """
    for number, layer in enumerate(_inside(model, owner)):
        if isinstance(layer, CONTAINERS):
            yield from ((f"{number}.{inner}", part) for inner, part in layers_in(layer, owner))
        else:
            yield str(number), layer


def _inside(model: Any, owner: str) -> Sequence[Any]:
    if isinstance(model, list | tuple):
        return model
    if not isinstance(model, CONTAINERS):
        raise ValueError(
            f"{owner} cannot see how {type(model).__name__} joins its layers: give them as a list."
        )
    if not isinstance(model, eqx.nn.MLP):
        return model.layers
    if model.scan:
        raise ValueError(f"{owner}: an MLP made with scan=True stacks its layers.")
    activations = (model.activation, model.final_activation)
    if any(map(eqx.is_inexact_array, jax.tree.leaves(activations))):
        raise ValueError(f"{owner}: the activation of an MLP has weights of its own.")
    hidden = [part for linear in model.layers for part in (model.activation, linear)][1:]
    return [*hidden, model.final_activation]


def on_one_sample(function: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """A function of a batch as one of a sample of this shape: itself where that is the same."""
    x = probe(shape, dtype)
    try:
        due, given = function(x), jax.vmap(function)(x)
    except Exception:  # of any kind: it was not written for a sample
        return OfBatch(function)
    return function if bool(jnp.array_equal(due, given)) else OfBatch(function)


def probe(shape: tuple[int, ...], dtype: Any) -> Array:
    """A batch by which to tell what a function does."""
    return jnp.asarray(3 * np.random.default_rng(0).normal(size=(16, *shape)), dtype)


def refuse_training(owner: str, name: str, layer: Any) -> None:
    """Raises `ValueError` for a layer that drops at random or takes statistics of the batch."""
    nnx_layer = isinstance(layer, nnx.Module)
    how = "call model.eval() first" if nnx_layer else "give eqx.nn.inference_mode(model)"
    for path, part in _training_nnx(layer) if nnx_layer else _training_equinox(layer):
        where = f" {path}, {name_of(part)}," if path else ""
        raise ValueError(f"{owner}: {name}{where} is in training mode: {how}.")


def _training_nnx(layer: Any) -> Iterator[tuple[str, Any]]:
    for path, part in nnx.iter_modules(layer):
        drops = isinstance(part, nnx.Dropout) and part.rate and not part.deterministic
        counts = isinstance(part, nnx.BatchNorm) and not part.use_running_average
        if drops or counts:
            yield ".".join(map(str, path)), part


def _training_equinox(layer: Any) -> Iterator[tuple[str, Any]]:
    def trains(part: Any) -> bool:
        drops = isinstance(part, eqx.nn.Dropout) and part.p != 0
        return (drops or isinstance(part, eqx.nn.BatchNorm)) and not part.inference

    for path, part in jax.tree_util.tree_leaves_with_path(layer, is_leaf=trains):
        if trains(part):
            yield jax.tree_util.keystr(path), part


def is_stateful(layer: Any) -> bool:
    """Whether an Equinox layer takes a state beside its input."""
    return any(map(_is_index, jax.tree.leaves(layer, is_leaf=_is_index)))


def held_state(owner: str, name: str, layer: Any, state: eqx.nn.State | None) -> Held:
    """What of `state` a stateful layer needs.

    Raises `ValueError` without a state, and for one that is not of batch normalisation.
    """
    if state is None:
        raise ValueError(
            f"{owner}: {name} has running statistics: give state, as "
            "eqx.nn.make_with_state returned it and training left it."
        )

    def known(part: Any) -> bool:
        return isinstance(part, eqx.nn.BatchNorm)

    for path, leaf in jax.tree_util.tree_leaves_with_path(
        layer, is_leaf=lambda x: known(x) or _is_index(x)
    ):
        if _is_index(leaf):
            raise ValueError(
                f"{owner}: {name} has a state that is not of batch normalisation, at "
                f"{jax.tree_util.keystr(path)}: it has no counterpart."
            )
    return Held(state.substate(layer))


def _is_index(part: Any) -> bool:
    return isinstance(part, eqx.nn.StateIndex)


def name_of(module: Any) -> str:
    """What a layer is called: its class, or a function's name."""
    if isinstance(module, functools.partial):
        return name_of(module.func)
    label = getattr(module, "label", None)
    if isinstance(label, str):
        return label
    return str(getattr(module, "__name__", type(module).__name__))


def first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
