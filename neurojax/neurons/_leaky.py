"""What leaky integrate-and-fire neurons share: a passive membrane below a fixed threshold."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import as_parameter, positive, where_spiked
from ._integrate_and_fire import IntegrateAndFire


class LeakyIntegrateAndFire(IntegrateAndFire):
    """A neuron with `tau_m dv/dt = v_rest − v + resistance · current` that spikes above
    `v_threshold` and is then at `v_reset`, or with `soft_reset` falls by the difference of both. A
    subclass says what the current is."""

    tau_m: Array = eqx.field(converter=as_parameter, default=10.0)
    v_rest: Array = eqx.field(converter=as_parameter, default=0.0)
    v_threshold: Array = eqx.field(converter=as_parameter, default=1.0)
    v_reset: Array = eqx.field(converter=as_parameter, default=0.0)
    resistance: Array = eqx.field(converter=as_parameter, default=1.0)
    soft_reset: bool = eqx.field(static=True, default=False, kw_only=True)

    def __check_init__(self) -> None:
        positive(type(self).__name__, tau_m=self.tau_m)

    def at_rest(self) -> Float[Array, "*shape"]:
        """The potential of every neuron at rest."""
        return jnp.broadcast_to(self.v_rest, self.shape)

    def leak(self, state: Any, current: Any) -> Float[Array, "*shape"]:
        """dv/dt under this current, zero where refractory."""
        rate = (self.v_rest - state.v + self.resistance * current) * (1 / self.tau_m)
        return self.unless_refractory(state, rate)

    def distance(self, state: Any) -> Float[Array, "*shape"]:
        return state.v - self.v_threshold

    def reset(self, state: Any, spikes: Float[Array, "*shape"]) -> Any:
        return state._replace(v=reset_potential(self, state.v, spikes))


def reset_potential(
    neuron: Any, v: Float[Array, "*shape"], spikes: Float[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """v after the spikes: at `v_reset`, or, of a soft reset, `v_threshold − v_reset` below where it
    was (as much as it was above threshold remains)."""
    if neuron.soft_reset:
        return v - spikes * (neuron.v_threshold - neuron.v_reset)
    return where_spiked(spikes, neuron.v_reset, v)
