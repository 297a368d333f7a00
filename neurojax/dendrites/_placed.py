"""What lies in some compartments of a cell: channels, pools and synapses."""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from ..channels import CalciumPool, Channel
from ..core import as_parameter, non_negative, spread_rows, take_rows
from ..synapses import Synapse

Where = tuple[int, ...] | None
Mechanism = TypeVar("Mechanism", bound=Channel | CalciumPool)


class Placed(eqx.Module, Generic[Mechanism]):
    """A channel or a pool in some compartments only (indices, increasing), or with None in all."""

    mechanism: Mechanism
    where: Where = eqx.field(static=True, default=None)


def placed(mechanism: Mechanism, where: Bool[np.ndarray, " compartment"]) -> Placed[Mechanism]:
    """`mechanism` in the compartments where `where` is true; its parameters are scalars or have one
    value for each of these."""
    return Placed(mechanism, tuple(np.flatnonzero(where).tolist()))


class Synapses(eqx.Module):
    """Synapses of one kind: the compartment that each is `at`, and its weight (µS; a scalar or one
    for each), the peak of the conductance that a spike opens. Those on one compartment are summed.
    """

    synapse: Synapse
    at: tuple[int, ...] = eqx.field(static=True)
    weight: Array

    def __init__(self, synapse: Synapse, at: Sequence[int] | Int[np.ndarray, " n"], weight: Any):
        self.synapse, self.at = synapse, tuple(int(k) for k in at)
        self.weight = as_parameter(weight)
        non_negative("Synapses", weight=self.weight)
        if not self.at or self.weight.shape not in ((), (len(self.at),)):
            raise ValueError(
                "Synapses: weight must be a scalar or have a value for each synapse, "
                f"got the shape {self.weight.shape} for {len(self.at)}."
            )

    @property
    def targets(self) -> tuple[int, ...]:
        """The compartments that have any, increasing."""
        return tuple(sorted(set(self.at)))

    def opened(
        self, spikes: Float[Array, "synapse *batch"], shape: tuple[int, ...]
    ) -> Float[Array, "stages target *shape"]:
        """What spikes (a number for each synapse, the same for a whole population or each its own)
        add to the stages of the targets."""
        if spikes.shape not in ((len(self.at),), (len(self.at), *shape)):
            raise ValueError(
                f"spikes must have a value for each of {len(self.at)} synapses, "
                f"got the shape {spikes.shape}"
            )
        weight = jnp.broadcast_to(self.weight, (len(self.at),))
        arriving = spikes * columns(weight, spikes.ndim - 1)
        targets = self.targets
        rows = tuple(np.searchsorted(targets, self.at).tolist())
        summed = spread_rows(arriving, rows, len(targets))
        return self.synapse.opening(
            jnp.broadcast_to(columns(summed, len(shape) - spikes.ndim + 1), (len(targets), *shape))
        )


def columns(x: Array, axes: int) -> Array:
    """x with as many axes behind its first, if it has that: the same for a whole population."""
    return x.reshape(x.shape + (1,) * axes) if x.ndim else x


def picked(x: Array, where: Where) -> Array:
    """The rows of x (compartments) that are in `where`."""
    if where is None:
        return x
    return x[where[0] : where[-1] + 1] if _adjacent(where) else take_rows(x, where)


def added(total: Array, part: Array, where: Where) -> Array:
    """total with `part` added to the rows that are in `where`."""
    if where is None:
        return total + part
    part = jnp.broadcast_to(part, (len(where), *total.shape[1:]))
    if _adjacent(where):
        return jax.lax.dynamic_update_slice_in_dim(
            total, total[where[0] : where[-1] + 1] + part, where[0], 0
        )
    return total + spread_rows(part, where, len(total))


def among(outer: Where, inner: Where) -> Where:
    """The places of `inner` in `outer`, which holds them all."""
    if outer is None or inner == outer:
        return None if inner == outer else inner
    return tuple(np.searchsorted(outer, np.array(inner)).tolist())


def covers(outer: Where, inner: Where) -> bool:
    """Whether every compartment of `inner` is one of `outer`."""
    return outer is None or (inner is not None and set(inner) <= set(outer))


def _adjacent(where: tuple[int, ...]) -> bool:
    """Whether these are neighbours, of which a slice is cheaper."""
    return bool(where) and where[-1] - where[0] == len(where) - 1
