"""An integrator without a leak or a threshold."""

from typing import Any, NamedTuple, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ..core import System


class IntegratorState(NamedTuple):
    """What has been added up."""

    v: Float[Array, "*shape"]


@final
class Integrator(System):
    """What comes in, added up: `dv/dt = I`, from zero. `shape` is that of the population.

    The readout of a spiking network that does not forget: after steps of 1 ms, v is the sum of all
    inputs.
    """

    shape: tuple[int, ...] = eqx.field(static=True, default=())

    default_record = ("v",)

    def initial_state(self, key: PRNGKeyArray | None = None) -> IntegratorState:
        return IntegratorState(jnp.zeros(self.shape))

    def vector_field(self, t: Any, state: IntegratorState, drive: Any) -> IntegratorState:
        return IntegratorState(jnp.broadcast_to(drive, self.shape))

    def output(self, state: IntegratorState) -> Float[Array, "*shape"]:
        return state.v
