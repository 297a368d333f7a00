"""Sequences: each moment is inferred with what the moment before left."""

from collections.abc import Mapping
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ._hierarchy import Activities, Hierarchy
from ._inference import Solver, infer
from ._rules import Metrics, weight_gradient

Sequence = Mapping[str, Float[Array, "..."]]


class Inferred(NamedTuple):
    """Of a sequence: the activities [time, batch, *shape] where each moment settled, and its
    residual [time, batch]."""

    activities: Activities
    residual: Float[Array, "time batch"]


def infer_sequence(
    hierarchy: Hierarchy,
    sequence: Sequence,
    carry: Mapping[str, str],
    *,
    start: Mapping[str, Float[Array, "..."]] | None = None,
    **how: Any,
) -> Inferred:
    """Infer moment after moment: temporal predictive coding.

    - `sequence`: the data of nodes, by name, [time, batch, *shape].
    - `carry`: where activities go at the next moment: `{"latent": "previous"}` clamps the node
      "previous" at what "latent" settled at.
    - `start`: what the carried-to nodes are clamped at in the first moment, [batch, *shape]; zero
      unless given.
    - `how`: `infer`'s arguments.

    For linear predictions, with the precision of the latent node that of its Kalman prediction, the
    estimates are the Kalman filter's.
    Source: Millidge et al. 2024, Predictive coding networks for temporal prediction, PLoS Comput.
    Biol. 20(4), eqs. 5–8.
    """
    first = _first(hierarchy, sequence, carry, start)

    def moment(carried: Activities, data: Activities) -> tuple[Activities, Inferred]:
        settled = infer(hierarchy, {**carried, **data}, **how)
        onward = {to: settled.activities[name] for name, to in carry.items()}
        return onward, Inferred(settled.activities, settled.residual)

    return jax.lax.scan(moment, first, dict(sequence))[1]


@final
class TemporalPredictiveCoding(eqx.Module):
    """Learn sequences: settle each moment from the one before, and follow the mean of the moments'
    energies in the weights. Nothing is propagated back through time.

    A source of gradients for `learning.fit`; a batch is a dict of sequences by node,
    [batch, time, *shape]. `carry` is `infer_sequence`'s, the other fields are `infer`'s.
    Source: Millidge et al. 2024, PLoS Comput. Biol. 20(4), eqs. 9–10.
    """

    carry: tuple[tuple[str, str], ...] = eqx.field(
        static=True, converter=lambda carry: tuple(dict(carry).items())
    )
    steps: int = eqx.field(static=True, default=20)
    step_size: float | None = eqx.field(static=True, default=None)
    solver: Solver | None = eqx.field(static=True, default=None)

    def __call__(
        self, model: Hierarchy, batch: Sequence, key: PRNGKeyArray | None = None
    ) -> tuple[Hierarchy, Metrics]:
        sequence = {name: jnp.swapaxes(value, 0, 1) for name, value in batch.items()}
        carry = dict(self.carry)
        how = {"steps": self.steps, "step_size": self.step_size, "solver": self.solver}
        first = _first(model, sequence, carry, None)
        inferred = infer_sequence(model, sequence, carry, start=first, **how)
        later = {to: inferred.activities[name][:-1] for name, to in carry.items()}
        before = {to: jnp.concatenate([first[to][None], value]) for to, value in later.items()}
        # The moments are so many more samples, once what was carried is known.
        clamps = _as_samples({**sequence, **before})
        energy, gradient = weight_gradient(model, _as_samples(inferred.activities), clamps)
        return gradient, {"energy": energy}


def _as_samples(sequences: Activities) -> Activities:
    """[time, batch, *shape] as one batch."""
    return {name: x.reshape(-1, *x.shape[2:]) for name, x in sequences.items()}


def _first(
    hierarchy: Hierarchy,
    sequence: Sequence,
    carry: Mapping[str, str],
    start: Mapping[str, Float[Array, "..."]] | None,
) -> Activities:
    """What the carried-to nodes are clamped at in the first moment."""
    nodes = hierarchy.by_name
    for name, to in carry.items():
        unknown = [n for n in (name, to) if n not in nodes]
        if unknown:
            raise ValueError(f"carry: {unknown[0]!r} is not one of the nodes {', '.join(nodes)}.")
        if nodes[name].full_shape != nodes[to].full_shape or to in sequence:
            raise ValueError(
                f"carry: {to!r} must not be in the sequence and must have the shape of {name!r}, "
                f"{nodes[name].full_shape}, got {nodes[to].full_shape}."
            )
    if not sequence:
        raise ValueError("sequence is empty: give the data of at least one node.")
    name, value = next(iter(sequence.items()))
    samples = value.shape[1 : value.ndim - len(nodes[name].full_shape)]
    given = start or {}
    return {
        to: given[to]
        if to in given
        else jnp.zeros((*samples, *nodes[to].full_shape), hierarchy.dtype)
        for to in carry.values()
    }
