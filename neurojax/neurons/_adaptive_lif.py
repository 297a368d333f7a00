"""The leaky integrate-and-fire neuron with an adaptive threshold."""

from typing import Any, NamedTuple, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ..core import as_parameter, positive
from ._leaky import LeakyIntegrateAndFire


class AdaptiveLIFState(NamedTuple):
    """Membrane potential, how far the threshold is raised, steps of refractoriness left."""

    v: Float[Array, "*shape"]
    theta: Float[Array, "*shape"]
    frozen: Int[Array, "*shape"] | None


@final
class AdaptiveLIF(LeakyIntegrateAndFire):
    """Leaky integrate-and-fire whose threshold each spike raises:

    `tau_m dv/dt = v_rest − v + resistance · I`, `tau_theta dtheta/dt = −theta`.

    A spike when `v > v_threshold + theta`, then `theta += delta_theta` and `v = v_reset`, held for
    `refractory` ms. tau_m, tau_theta and refractory in ms; potentials and `resistance · I` in one
    unit of choice. Arriving spikes add to v. ExponentialEuler integrates it exactly under a drive
    that is constant in a step. The adaptive neuron of Bellec et al. 2018 (LSNN) is this in steps
    of dt with `delta_theta = β (1 − exp(−dt / tau_theta))`, β theirs.

    Source: Gerstner et al. 2014, Neuronal Dynamics, sec. 6.4; Bellec et al. 2018, NeurIPS 31.
    """

    tau_theta: Array = eqx.field(converter=as_parameter, default=100.0)
    delta_theta: Array = eqx.field(converter=as_parameter, default=0.1)

    def __check_init__(self) -> None:
        positive("AdaptiveLIF", tau_theta=self.tau_theta)

    def initial_state(self, key: PRNGKeyArray | None = None) -> AdaptiveLIFState:
        v = self.at_rest()
        return AdaptiveLIFState(v, jnp.zeros_like(v), self.unfrozen())

    def vector_field(self, t: Any, state: AdaptiveLIFState, drive: Any) -> AdaptiveLIFState:
        decay = -state.theta * (1 / self.tau_theta)
        return state._replace(v=self.leak(state, drive), theta=decay, frozen=None)

    def distance(self, state: AdaptiveLIFState) -> Float[Array, "*shape"]:
        return state.v - self.v_threshold - state.theta

    def reset(self, state: AdaptiveLIFState, spikes: Float[Array, "*shape"]) -> AdaptiveLIFState:
        raised = state.theta + self.delta_theta * spikes
        return super().reset(state._replace(theta=raised), spikes)
