"""What integrate-and-fire neurons share: threshold, reset, and the refractory steps."""

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ..core import (
    Clock,
    SpikingSystem,
    Surrogate,
    as_parameter,
    non_negative,
    spike,
    superspike,
)
from ._shape import common_shape

CONVENTIONS = ("brian2", "nest")


class IntegrateAndFire(SpikingSystem):
    """A neuron that spikes at a threshold, is reset, and is refractory for `refractory` ms.

    `shape` is that of the population; parameters are scalars or arrays of it. The state has the
    membrane potential `v` and `frozen`, the steps for which a neuron is still refractory. A
    subclass owes `distance` and `reset`, and holds v in its vector field by `unless_refractory`.

    `convention` is how a clock counts. "brian2": a spike when v is above threshold, stamped with
    the start of its step, and frozen while t − t_spike < refractory. "nest": when v is at or above
    threshold, arriving spikes included, stamped with the end of its step, and frozen for as many
    whole steps after it as `refractory` has. By events there is no difference.

    Arriving spikes are weights in mV that v jumps by, unless refractory; neurons with synaptic
    currents or conductances override `receive`.
    """

    shape: tuple[int, ...] = eqx.field(static=True, default=())
    refractory: Array = eqx.field(converter=as_parameter, default=0.0, kw_only=True)
    convention: str = eqx.field(static=True, default="brian2", kw_only=True)
    surrogate: Surrogate = eqx.field(static=True, default=superspike, kw_only=True)

    default_record = ("v", "spikes")

    def __post_init__(self) -> None:
        self.shape = common_shape(self)

    def __check_init__(self) -> None:
        name = type(self).__name__
        non_negative(name, refractory=self.refractory)
        if self.convention not in CONVENTIONS:
            known = " or ".join(repr(c) for c in CONVENTIONS)
            raise ValueError(f"{name}: convention must be {known}, got {self.convention!r}.")

    @abc.abstractmethod
    def distance(self, state: Any) -> Float[Array, "*shape"]:
        """How far each neuron is past its threshold (below zero before it)."""

    def unless_refractory(self, state: Any, rate: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """The rate, or zero where a neuron is refractory."""
        return jnp.where(state.frozen > 0, 0.0, rate)

    def receive(self, state: Any, incoming: Float[Array, "..."]) -> Any:
        return state._replace(v=state.v + jnp.where(state.frozen > 0, 0.0, incoming))

    def output(self, state: Any) -> Float[Array, "*shape"]:
        return state.v

    def spike_condition(self, state: Any) -> Float[Array, "*shape"]:
        distance = self.distance(state)
        if self.convention == "nest":
            distance = jnp.where(distance == 0, jnp.finfo(distance.dtype).tiny, distance)
        return jnp.where(state.frozen > 0, -1.0, distance)

    def freeze(self, state: Any, frozen: Bool[Array, "*shape"]) -> Any:
        return state._replace(frozen=frozen.astype(jnp.int32))

    @property
    def spike_stamp(self) -> int:
        return 1 if self.convention == "nest" else 0

    def jump(
        self, clock: Clock, state: Any, incoming: Any, key: PRNGKeyArray | None
    ) -> tuple[Any, Float[Array, "*shape"]]:
        nest = self.convention == "nest"
        if nest and incoming is not None:
            state = self.receive(state, incoming)
        spikes = spike(self.spike_condition(state), self.surrogate)
        state = self.reset(state, spikes)
        steps = clock.steps(self.refractory)
        frozen = jnp.where(spikes > 0, steps + int(nest), state.frozen) - 1
        state = state._replace(frozen=jnp.maximum(frozen, 0))
        if incoming is not None and not nest:
            state = self.receive(state, incoming)
        return state, spikes
