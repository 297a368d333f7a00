"""Leaky integrate-and-fire neurons."""

from typing import Any, NamedTuple, final

from jaxtyping import Array, Float, Int, PRNGKeyArray

from ._leaky import LeakyIntegrateAndFire


class LIFState(NamedTuple):
    """Membrane potential, and the steps for which a neuron is still refractory."""

    v: Float[Array, "*shape"]
    frozen: Int[Array, "*shape"] | None


@final
class LIF(LeakyIntegrateAndFire):
    """Leaky integrate-and-fire: `tau_m dv/dt = v_rest − v + resistance · I`.

    A spike when `v > v_threshold`, then `v = v_reset`, held for `refractory` ms. `shape` is that of
    the population; parameters are scalars or arrays of it. tau_m and refractory in ms; v and
    `resistance · I` in one unit of choice (mV, or 1 as in the default threshold). The drive is I;
    arriving spikes add to v. ExponentialEuler integrates it exactly under a drive that is constant
    in a step.

    Raises `ValueError` for a tau_m that is not positive or a negative refractory period.
    Source: Lapicque 1907; Gerstner et al. 2014, Neuronal Dynamics, eqs. 1.5 and 1.10.
    """

    def initial_state(self, key: PRNGKeyArray | None = None) -> LIFState:
        return LIFState(self.at_rest(), self.unfrozen())

    def vector_field(self, t: Any, state: LIFState, drive: Any) -> LIFState:
        return state._replace(v=self.leak(state, drive), frozen=None)
