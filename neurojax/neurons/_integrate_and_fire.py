"""What integrate-and-fire neurons share: threshold, reset, and the refractory steps."""

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from ..core import (
    Clock,
    SpikingSystem,
    Surrogate,
    as_parameter,
    non_negative,
    superspike,
)
from ._escape_noise import EscapeNoise, drawn
from ._shape import common_shape

CONVENTIONS = ("brian2", "nest")


class IntegrateAndFire(SpikingSystem):
    """A neuron that spikes at a threshold, is reset, and is refractory for `refractory` ms, never
    where that is None.

    `shape` is that of the population; parameters are scalars or arrays of it. The state has the
    membrane potential `v` and `frozen`, the steps for which a neuron is still refractory, at first
    `unfrozen`. A subclass owes `distance` and `reset`, and holds v in its vector field by
    `unless_refractory`.

    `convention` is how a clock counts. "brian2": a spike when v is above threshold, stamped with
    the start of its step, and frozen while t − t_spike < refractory; other spikes arrive between
    threshold and reset. "nest": when v is at or above threshold, arriving spikes included, stamped
    with the end of its step, and frozen for the whole steps after it that cover `refractory`. By
    events there is no difference.

    Arriving spikes are weights in mV that v jumps by, unless refractory; neurons with synaptic
    currents or conductances override `receive`.

    With `escape` a neuron spikes at random, near threshold; that needs a clock and a key.
    """

    shape: tuple[int, ...] = eqx.field(static=True, default=())
    refractory: Array | None = eqx.field(
        converter=lambda x: None if x is None else as_parameter(x), default=None, kw_only=True
    )
    convention: str = eqx.field(static=True, default="brian2", kw_only=True)
    surrogate: Surrogate = eqx.field(static=True, default=superspike, kw_only=True)
    escape: EscapeNoise | None = eqx.field(default=None, kw_only=True)

    default_record = ("v", "spikes")

    def __post_init__(self) -> None:
        self.shape = common_shape(self)

    def __check_init__(self) -> None:
        name = type(self).__name__
        if self.refractory is not None:
            non_negative(name, refractory=self.refractory)
        if self.convention not in CONVENTIONS:
            known = " or ".join(repr(c) for c in CONVENTIONS)
            raise ValueError(f"{name}: convention must be {known}, got {self.convention!r}.")
        if self.escape is not None:
            for what, value in vars(self.escape).items():
                if value.shape not in ((), self.shape):
                    own = f"escape.{what} has shape {value.shape}"
                    raise ValueError(f"{name}: {own}, the population {self.shape}.")

    @property
    def random(self) -> bool:
        return self.escape is not None

    @abc.abstractmethod
    def distance(self, state: Any) -> Float[Array, "*shape"]:
        """How far each neuron is past its threshold (below zero before it)."""

    def unless_refractory(self, state: Any, rate: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """The rate, or zero where a neuron is refractory."""
        return rate if state.frozen is None else jnp.where(state.frozen > 0, 0.0, rate)

    def unfrozen(self) -> Int[Array, "*shape"] | None:
        """The `frozen` of neurons that are not refractory."""
        return None if self.refractory is None else jnp.zeros(self.shape, jnp.int32)

    def receive(self, state: Any, incoming: Float[Array, "..."]) -> Any:
        return state._replace(v=state.v + self.unless_refractory(state, incoming))

    def output(self, state: Any) -> Float[Array, "*shape"]:
        return state.v

    def spike_condition(self, state: Any) -> Float[Array, "*shape"]:
        distance = self.distance(state)
        if self.convention == "nest":
            distance = jnp.where(distance == 0, jnp.finfo(distance.dtype).tiny, distance)
        return distance if state.frozen is None else jnp.where(state.frozen > 0, -1.0, distance)

    def freeze(self, state: Any, frozen: Bool[Array, "*shape"]) -> Any:
        return state if state.frozen is None else state._replace(frozen=frozen.astype(jnp.int32))

    @property
    def spike_stamp(self) -> int:
        return 1 if self.convention == "nest" else 0

    def fire(self, clock: Clock, state: Any, key: PRNGKeyArray | None) -> Float[Array, "*shape"]:
        """Who spikes at the end of a clock step: whoever is past threshold, or by chance."""
        if self.escape is None:
            return self.spikes(state)
        expected = self.escape.expected(self.distance(state), clock.dt)
        return drawn(self.unless_refractory(state, expected), self._key(key))

    def jump(
        self, clock: Clock, state: Any, incoming: Any, key: PRNGKeyArray | None
    ) -> tuple[Any, Float[Array, "*shape"]]:
        nest = self.convention == "nest"
        if nest and incoming is not None:
            state = self.receive(state, incoming)
        spikes = self.fire(clock, state, key)
        if self.refractory is not None:
            # NEST's steps are rounded up, and counted from the next one on.
            steps = 1 - clock.steps(-self.refractory) if nest else clock.steps(self.refractory)
            state = state._replace(frozen=jnp.where(spikes > 0, steps, state.frozen))
        if incoming is not None and not nest:
            state = self.receive(state, incoming)
        state = self.reset(state, spikes)
        if self.refractory is not None:
            state = state._replace(frozen=jnp.maximum(state.frozen - 1, 0))
        return state, spikes

    def _key(self, key: PRNGKeyArray | None) -> PRNGKeyArray:
        if key is None:
            raise ValueError(f"key: {type(self).__name__} spikes at random and needs a key.")
        return key
