"""A passive membrane without a threshold."""

from typing import Any, NamedTuple, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ..core import System, as_parameter, positive
from ._shape import common_shape


class LeakyIntegratorState(NamedTuple):
    """Membrane potential."""

    v: Float[Array, "*shape"]


@final
class LeakyIntegrator(System):
    """A membrane that never spikes: `tau_m dv/dt = v_rest − v + resistance · I`.

    Units as of `LIF`; the readout of a spiking network. `shape` is that of the population;
    parameters are scalars or arrays of it. ExponentialEuler integrates it exactly under a drive
    that is constant in a step.

    Raises `ValueError` for a tau_m that is not positive.
    Source: Gerstner et al. 2014, Neuronal Dynamics, eq. 1.5.
    """

    shape: tuple[int, ...] = eqx.field(static=True, default=())
    tau_m: Array = eqx.field(converter=as_parameter, default=10.0)
    v_rest: Array = eqx.field(converter=as_parameter, default=0.0)
    resistance: Array = eqx.field(converter=as_parameter, default=1.0)

    default_record = ("v",)

    def __post_init__(self) -> None:
        self.shape = common_shape(self)

    def __check_init__(self) -> None:
        positive("LeakyIntegrator", tau_m=self.tau_m)

    def initial_state(self, key: PRNGKeyArray | None = None) -> LeakyIntegratorState:
        return LeakyIntegratorState(jnp.broadcast_to(self.v_rest, self.shape))

    def vector_field(self, t: Any, state: LeakyIntegratorState, drive: Any) -> LeakyIntegratorState:
        rate = (self.v_rest - state.v + self.resistance * drive) * (1 / self.tau_m)
        return LeakyIntegratorState(jnp.broadcast_to(rate, self.shape))

    def output(self, state: LeakyIntegratorState) -> Float[Array, "*shape"]:
        return state.v
