"""A hierarchy under clamps: only what is free moves, and what is constant is computed once."""

from collections.abc import Mapping
from typing import Any, final

import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ..core import EnergySystem
from ._checks import samples_of
from ._graph import Factor, feedforward_order
from ._hierarchy import Activities, Clamps, Hierarchy, mean_of


class Settling(EnergySystem):
    """The free activities of a hierarchy, with the predictions that the clamps alone make given.

    The drive is not used. Made by `settling`.
    """

    hierarchy: Hierarchy
    clamps: dict[str, Array]
    given: dict[int, PyTree]

    @property
    def batched(self) -> bool:
        """Whether the clamps hold a batch of samples."""
        return bool(samples_of(self.hierarchy.by_name, self.clamps))

    def initial_state(self, key: PRNGKeyArray | None = None) -> PyTree:
        return self.to_state(self.hierarchy.feedforward(self.clamps))

    def to_state(self, z: Activities) -> Activities:
        """The part of all activities that moves."""
        barren = self.hierarchy.barren(self.clamps)
        return {k: v for k, v in z.items() if k not in self.clamps and k not in barren}

    def to_activities(self, state: Activities) -> Activities:
        """All activities but the barren ones, which follow."""
        return {**state, **self.clamps}

    def energies(self, state: PyTree) -> Float[Array, " energies"]:
        """Of each prediction, summed over samples."""
        barren = self.hierarchy.barren(self.clamps)
        return self.hierarchy.cost(self.to_activities(state), without=barren, given=self.given)

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
        samples = samples_of(self.hierarchy.by_name, {**state, **z})
        for name, factor in self._order():
            z[name] = (
                state[name]
                if factor is None
                else self.hierarchy.at_prediction(factor, z, samples, state[name], self.given)
            )
        return z

    def _mean(self, factor: Factor, z: Activities) -> Array:
        """Of a prediction; of each of a stack's layers, from the layer below."""
        return mean_of(self.hierarchy.energy_of(factor))(
            self.hierarchy.prediction(factor, z, self.given)
        )

    def _order(self) -> list[tuple[str, Factor | None]]:
        """The free nodes, each with its prediction, in the order in which they follow."""
        hierarchy, barren = self.hierarchy, self.hierarchy.barren(self.clamps)
        order = feedforward_order(list(hierarchy.by_name), hierarchy.inferred, self.clamps)
        return [(name, factor) for name, factor in order if name not in barren]


COORDINATES = {"activities": Settling, "errors": ErrorSettling}


def settling(hierarchy: Hierarchy, clamps: Clamps, coordinates: str = "activities") -> Settling:
    """The system of what is free under the clamps, in activities or in "errors"."""
    if coordinates not in COORDINATES:
        raise ValueError(f"coordinates must be 'activities' or 'errors', got {coordinates!r}.")
    return COORDINATES[coordinates](hierarchy, dict(clamps), given_by(hierarchy, clamps))


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
