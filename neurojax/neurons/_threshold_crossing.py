"""What neurons without a reset share: a spike is a rise of v through a threshold."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ..core import Clock, SpikingSystem, Surrogate, as_parameter, superspike
from ._shape import common_shape


class ThresholdCrossing(SpikingSystem):
    """A neuron that makes its spikes itself: one is counted when v rises through v_threshold.

    Nothing is reset. `shape` is that of the population; parameters are scalars or arrays of it.
    The state has the potential `v` (of which `output` is what spikes), and `above`: whether that
    was above threshold at the end of the last clock step, a jump-only leaf that gets None in the
    vector field.
    """

    shape: tuple[int, ...] = eqx.field(static=True, default=())
    v_threshold: Array = eqx.field(converter=as_parameter, default=0.0, kw_only=True)
    surrogate: Surrogate = eqx.field(static=True, default=superspike, kw_only=True)

    default_record = ("v", "spikes")

    def __post_init__(self) -> None:
        self.shape = common_shape(self)

    def output(self, state: Any) -> Float[Array, "*shape"]:
        return state.v

    def spike_condition(self, state: Any) -> Float[Array, "*shape"]:
        return self.output(state) - self.v_threshold

    def reset(self, state: Any, spikes: Float[Array, "*shape"]) -> Any:
        return state

    def jump(
        self, clock: Clock, state: Any, incoming: Any, key: PRNGKeyArray | None
    ) -> tuple[Any, Float[Array, "*shape"]]:
        above = self.output(state) > self.v_threshold
        moved, crossed = super().jump(clock, state, incoming, key)
        return moved._replace(above=above), jnp.where(state.above, 0.0, crossed)

    @property
    def refractory(self) -> Float[Array, ""]:
        """None: its own variables make it refractory."""
        return jnp.zeros_like(self.v_threshold)
