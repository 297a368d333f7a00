"""What a hierarchy is made of: nodes and the edges by which they predict each other."""

from collections.abc import Callable, Sequence
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from ._energies import Energy, Gaussian, as_energy


def _as_shape(shape: int | tuple[int, ...]) -> tuple[int, ...]:
    return (shape,) if isinstance(shape, int) else tuple(shape)


def _as_sources(source: str | tuple[str, ...]) -> tuple[str, ...]:
    return (source,) if isinstance(source, str) else tuple(source)


def _as_own(energy: Callable | None) -> Energy | None:
    return None if energy is None else as_energy(energy)


@final
class Node(eqx.Module):
    """Activities of one `shape` (of a sample; an int for one axis) and the energy of their
    differing from their prediction: an `Energy` or any function of (activities, prediction) that
    sums over units and samples.

    With `length` the node is a stack of that many equal layers, its activities [length, *shape]:
    each layer predicts the next by the edge's module, whose arrays have a leading axis of layers,
    and what the node predicts, its last layer does. A stack compiles as fast as one layer.
    """

    name: str = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True, converter=_as_shape)
    energy: Energy = eqx.field(converter=as_energy, default_factory=Gaussian)
    length: int | None = eqx.field(static=True, default=None)

    def __check_init__(self) -> None:
        if min(self.shape, default=1) < 1 or (self.length is not None and self.length < 1):
            raise ValueError(
                f"Node {self.name!r}: shape and length must be positive, got {self.shape} and "
                f"{self.length}."
            )

    @property
    def full_shape(self) -> tuple[int, ...]:
        """Of a sample's activities, layers included."""
        return self.shape if self.length is None else (self.length, *self.shape)

    def read(self, activities: Array) -> Array:
        """What others see of it: the last layer of a stack."""
        if self.length is None:
            return activities
        axis = activities.ndim - len(self.full_shape)
        return jax.lax.index_in_dim(activities, self.length - 1, axis, keepdims=False)


@final
class Edge(eqx.Module):
    """How activities predict others: `scale · module(z_source, ...)`, the module (any Equinox
    module or function) taking one sample of each source.

    What several edges predict of one node is summed; an edge with an `energy` of its own is a
    prediction by itself (bidirectional networks have two of each node). An edge from no source
    (an empty tuple) is a prior: its module takes nothing. An `amortised` edge costs nothing during
    inference but tells it where to start, and learns where it ended.
    """

    source: tuple[str, ...] = eqx.field(static=True, converter=_as_sources)
    target: str = eqx.field(static=True)
    module: Callable
    energy: Energy | None = eqx.field(converter=_as_own, default=None)
    scale: float = eqx.field(static=True, default=1.0)
    amortised: bool = eqx.field(static=True, default=False)

    @property
    def name(self) -> str:
        return f"{', '.join(self.source) or 'prior'} to {self.target}"

    def predicted(self, *sources: Array, batched: bool) -> PyTree[Array]:
        """What it adds to its node's prediction, of one sample or of a batch."""
        prediction = (jax.vmap(self.module) if batched else self.module)(*sources)
        if self.scale == 1:
            return prediction
        return jax.tree.map(lambda x: self.scale * x, prediction)

    def predicted_of_layers(self, first: Array, layers: Array, *, batched: bool) -> PyTree[Array]:
        """What it adds to the prediction of each of a stack's `layers` [(batch,) length, *shape]
        from the layer below; below the first is `first`."""
        axis = int(batched)
        others = jax.lax.slice_in_dim(layers, 0, layers.shape[axis] - 1, axis=axis)
        below = jnp.concatenate([jnp.expand_dims(first, axis), others], axis)
        layer = eqx.filter_vmap(
            lambda edge, x: edge.predicted(x, batched=batched),
            in_axes=(eqx.if_array(0), axis),
            out_axes=axis,
        )
        return layer(self, below)


def summed(parts: Sequence[PyTree[Array]]) -> PyTree[Array]:
    """What several edges predict together."""
    return jax.tree.map(lambda *xs: sum(xs[1:], start=xs[0]), *parts)


def through_layers(
    edges: Sequence[Edge],
    first: Array,
    errors: Array | None,
    length: int,
    mean: Callable[[PyTree], Array],
    *,
    batched: bool,
) -> Array:
    """The activities of a stack, [(batch,) length, *shape], each layer at the mean of what is
    predicted from the one below, or off it by `errors`."""
    arrays, rest = eqx.partition(list(edges), eqx.is_array)
    axis = int(batched)

    def next_layer(below: Array, at: tuple[PyTree, Array | None]) -> tuple[Array, Array]:
        arrays, error = at
        parts = [edge.predicted(below, batched=batched) for edge in eqx.combine(arrays, rest)]
        above = mean(summed(parts))
        above = above if error is None else above + error
        return above, above

    off = None if errors is None else jnp.moveaxis(errors, axis, 0)
    _, layers = jax.lax.scan(next_layer, first, (arrays, off), length=length)
    return jnp.moveaxis(layers, 0, axis)
