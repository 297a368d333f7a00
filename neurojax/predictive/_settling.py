"""A hierarchy under clamps: only what is free moves, and what is constant is computed once."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ..core import EnergySystem
from ._checks import check_clamps, samples_of
from ._graph import Factor, feedforward_order
from ._hierarchy import Activities, Clamps, Hierarchy, mean_of


class Settling(EnergySystem):
    """The free activities of a hierarchy, with the predictions that the clamps alone make given.

    `partial` holds the data and the mask (true where they are known) of nodes that are clamped in
    some units only; nodes in `resting` follow from the others, at their predictions. The drive is
    not used. Made by `settling`.
    """

    hierarchy: Hierarchy
    clamps: dict[str, Array]
    partial: dict[str, tuple[Array, Array]]
    given: dict[int, PyTree]
    resting: frozenset[str] = eqx.field(static=True)

    @property
    def samples(self) -> tuple[int, ...]:
        """The shape of the samples: (batch,) or none."""
        return samples_of(self.hierarchy.by_name, self.data)

    @property
    def data(self) -> Activities:
        """What was clamped, wholly or partly."""
        return {**self.clamps, **{name: data for name, (data, _) in self.partial.items()}}

    def initial_state(self, key: PRNGKeyArray | None = None) -> PyTree:
        return self.to_state(self.feedforward())

    def feedforward(self) -> Activities:
        """The activities that follow from the clamped ones, each at its prediction; unknown units
        of nodes that nothing predicts are zero."""
        if self.clamps:
            return self._held(self.hierarchy.feedforward(self.clamps))
        blank = {name: jnp.where(mask, data, 0) for name, (data, mask) in self.partial.items()}
        forward = self.hierarchy.feedforward(blank)
        again = {
            factor.target: self.hierarchy.at_prediction(factor, forward, self.samples)
            for factor in self.hierarchy.inferred
            if factor.target in blank and not factor.own
        }
        return self._held({**forward, **again})

    def to_state(self, z: Activities) -> Activities:
        """The part of all activities that moves."""
        return {k: v for k, v in z.items() if k not in self.clamps and k not in self.resting}

    def to_activities(self, state: Activities) -> Activities:
        """All activities but the resting ones, which follow."""
        return {**self._held(state), **self.clamps}

    def completed(self, state: PyTree) -> Activities:
        """All activities, the resting ones at their predictions."""
        return self.hierarchy.completed(self.to_activities(state), self.resting)

    def _held(self, z: Activities) -> Activities:
        held = {n: jnp.where(mask, data, z[n]) for n, (data, mask) in self.partial.items()}
        return {**z, **held}

    def energies(self, state: PyTree) -> Float[Array, " energies"]:
        """Of each prediction, summed over samples."""
        z = self.to_activities(state)
        return self.hierarchy.cost(z, without=self.resting, given=self.given)

    def energy(self, state: PyTree, clamps: Any = None) -> Float[Array, ""]:
        return jnp.sum(self.energies(state))


@final
class ErrorSettling(Settling):
    """The same energy as a function of the errors ε = z − μ of the free activities, which follow
    from these in one feed-forward pass: an error moves all above it at once, so that deep
    hierarchies settle in few steps. The energy's minima are the same.

    Raises `ValueError` for graphs in which a free node has two predictions or a cycle.
    Source: Goemaere et al. 2025, Error optimization: overcoming exponential signal decay in deep
    predictive coding networks.
    """

    def __check_init__(self) -> None:
        for name, factor in self._order():
            predicted = [f.name for f in self.hierarchy.inferred if f.target == name]
            if len(predicted) > 1 or (predicted and factor is None):
                raise ValueError(
                    f"coordinates='errors' needs one prediction of each free node and no cycle; "
                    f"node {name!r} has {', '.join(predicted)}."
                )

    def to_state(self, z: Activities) -> Activities:
        return {
            name: z[name] if factor is None else z[name] - self._mean(factor, z)
            for name, factor in self._order()
        }

    def to_activities(self, state: Activities) -> Activities:
        z = dict(self.clamps)
        for name, factor in self._order():
            z[name] = (
                state[name]
                if factor is None
                else self.hierarchy.at_prediction(factor, z, self.samples, state[name], self.given)
            )
            if name in self.partial:
                data, mask = self.partial[name]
                z[name] = jnp.where(mask, data, z[name])
        return z

    def _mean(self, factor: Factor, z: Activities) -> Array:
        """Of a prediction; of each of a stack's layers, from the layer below."""
        return mean_of(self.hierarchy.energy_of(factor))(
            self.hierarchy.prediction(factor, z, self.given)
        )

    def _order(self) -> list[tuple[str, Factor | None]]:
        """The free nodes, each with its prediction, in the order in which they follow."""
        hierarchy = self.hierarchy
        order = feedforward_order(list(hierarchy.by_name), hierarchy.inferred, self.clamps)
        return [(name, factor) for name, factor in order if name not in self.resting]


COORDINATES = {"activities": Settling, "errors": ErrorSettling}


def settling(
    hierarchy: Hierarchy,
    clamps: Clamps,
    *,
    known: Mapping[str, Array] = MappingProxyType({}),
    coordinates: str = "activities",
    resting: frozenset[str] | None = None,
) -> Settling:
    """The system of what is free under the clamps, in activities or in "errors"; `known` masks the
    units of those that are clamped in part; `resting` are the barren nodes unless given.

    Raises `ValueError` for clamps that do not fit the nodes, or none.
    """
    nodes = hierarchy.by_name
    check_clamps(nodes, clamps)
    if not clamps:
        raise ValueError("clamps is empty: nothing to infer from.")
    if coordinates not in COORDINATES:
        raise ValueError(f"coordinates must be 'activities' or 'errors', got {coordinates!r}.")
    partial = {}
    for name, mask in known.items():
        if name not in clamps:
            raise ValueError(f"known has {name!r}, which is not clamped: {', '.join(clamps)} are.")
        shape = jnp.shape(clamps[name])
        if jnp.shape(mask) not in (shape, nodes[name].full_shape) or mask.dtype != bool:
            raise ValueError(
                f"known[{name!r}] must be bool, of shape {nodes[name].full_shape} or {shape}, got "
                f"{mask.dtype}{jnp.shape(mask)}."
            )
        partial[name] = (clamps[name], jnp.broadcast_to(mask, shape))
    whole = {name: value for name, value in clamps.items() if name not in partial}
    rest = hierarchy.barren(clamps) if resting is None else resting
    return COORDINATES[coordinates](hierarchy, whole, partial, given_by(hierarchy, whole), rest)


def given_by(hierarchy: Hierarchy, clamps: Mapping[str, Array]) -> dict[int, PyTree]:
    """What each edge predicts, by number, that starts at clamped nodes alone."""
    z = dict(clamps)
    return {
        number: hierarchy.contribution(number, z)
        for number, edge in enumerate(hierarchy.edges)
        if edge.source
        and all(name in clamps for name in edge.source)
        and hierarchy.by_name[edge.target].length is None
    }
