"""The squid axon's Hodgkin-Huxley neuron, one compartment."""

import math
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ..core import (
    Clock,
    SemiImplicitEuler,
    SpikingSystem,
    StiffPart,
    Surrogate,
    as_parameter,
    non_negative,
    positive,
    superspike,
)
from ._shape import common_shape


class HodgkinHuxleyState(NamedTuple):
    """Membrane potential (mV), the gates m, h, n (first axis), and whether v is above threshold."""

    v: Float[Array, "*shape"]
    gates: Float[Array, "3 *shape"]
    above: Bool[Array, "*shape"]


@final
class HodgkinHuxley(SpikingSystem):
    """`C_m dv/dt = I − g_Na m³h (v − E_Na) − g_K n⁴ (v − E_K) − g_leak (v − E_leak)`.

    The squid axon at 6.3 °C, in today's sign and with rest at −65 mV, as NEURON's `hh`. C_m in
    µF/cm², g in mS/cm², E and v in mV, the drive I in µA/cm². `shape` is the population's;
    parameters are scalars or arrays of it. It spikes when v rises through v_threshold; nothing is
    reset. Its default solver is SemiImplicitEuler, staggered as NEURON's fixed step is.

    Source: Hodgkin & Huxley 1952, J. Physiol. 117, eqs. 26 and 12–24.
    """

    shape: tuple[int, ...] = eqx.field(static=True, default=())
    C_m: Array = eqx.field(converter=as_parameter, default=1.0)
    g_Na: Array = eqx.field(converter=as_parameter, default=120.0)
    g_K: Array = eqx.field(converter=as_parameter, default=36.0)
    g_leak: Array = eqx.field(converter=as_parameter, default=0.3)
    E_Na: Array = eqx.field(converter=as_parameter, default=50.0)
    E_K: Array = eqx.field(converter=as_parameter, default=-77.0)
    E_leak: Array = eqx.field(converter=as_parameter, default=-54.3)
    v_init: Array = eqx.field(converter=as_parameter, default=-65.0)
    v_threshold: Array = eqx.field(converter=as_parameter, default=0.0)
    surrogate: Surrogate = eqx.field(static=True, default=superspike)

    default_record = ("v", "spikes")

    def __post_init__(self) -> None:
        self.shape = common_shape(self)

    def __check_init__(self) -> None:
        positive("HodgkinHuxley", C_m=self.C_m)
        non_negative("HodgkinHuxley", g_Na=self.g_Na, g_K=self.g_K, g_leak=self.g_leak)

    def initial_state(self, key: PRNGKeyArray | None = None) -> HodgkinHuxleyState:
        v = jnp.broadcast_to(self.v_init, self.shape)
        alpha, beta = squid_rates(v)
        return HodgkinHuxleyState(v, alpha / (alpha + beta), v > self.v_threshold)

    def vector_field(self, t: Any, state: HodgkinHuxleyState, drive: Any) -> HodgkinHuxleyState:
        alpha, beta = squid_rates(state.v)
        gates = alpha * (1 - state.gates) - beta * state.gates
        conductance, source = self._membrane(state, drive)
        v = (source - conductance * state.v) / self.C_m
        return state._replace(v=v, gates=gates, above=None)

    def split(self, t: Any, state: HodgkinHuxleyState, drive: Any) -> StiffPart:
        conductance, source = self._membrane(state, drive)
        mass = jnp.broadcast_to(self.C_m, state.v.shape)
        operator = lx.DiagonalLinearOperator(conductance)
        return StiffPart(lambda s: s.v, mass, operator, source)

    def _membrane(
        self, state: HodgkinHuxleyState, drive: Any
    ) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
        """Total conductance, and the current that remains at v = 0."""
        m, h, n = state.gates
        g_Na, g_K = self.g_Na * (m * m * m * h), self.g_K * ((n * n) * (n * n))
        source = drive + g_Na * self.E_Na + g_K * self.E_K + self.g_leak * self.E_leak
        return g_Na + g_K + self.g_leak, source

    def output(self, state: HodgkinHuxleyState) -> Float[Array, "*shape"]:
        return state.v

    def spike_condition(self, state: HodgkinHuxleyState) -> Float[Array, "*shape"]:
        return state.v - self.v_threshold

    def reset(
        self, state: HodgkinHuxleyState, spikes: Float[Array, "*shape"]
    ) -> HodgkinHuxleyState:
        return state

    def jump(
        self, clock: Clock, state: HodgkinHuxleyState, incoming: Any, key: PRNGKeyArray | None
    ) -> tuple[HodgkinHuxleyState, Float[Array, "*shape"]]:
        above = state.v > self.v_threshold
        _, crossed = super().jump(clock, state, incoming, key)
        return state._replace(above=above), jnp.where(state.above, 0.0, crossed)

    @property
    def refractory(self) -> Float[Array, ""]:
        """None: the gates make it refractory."""
        return jnp.zeros_like(self.v_threshold)

    @property
    def default_solver(self) -> SemiImplicitEuler:
        return SemiImplicitEuler()


def squid_rates(
    v: Float[Array, "*shape"],
) -> tuple[Float[Array, "3 *shape"], Float[Array, "3 *shape"]]:
    """Opening and closing rates (1/ms) of m, h, n at v (mV).

    Four of the six exponentials are powers of one, exp(−(v+65)/80), behind a barrier: XLA would
    make new exponentials of the powers.
    """
    e80 = jax.lax.optimization_barrier(jnp.exp((-65 - v) / 80))
    e20 = (e80 * e80) * (e80 * e80)
    e10 = e20 * e20
    alpha_m = _x_over_expm1((-40 - v) / 10, e10 * math.exp(2.5))
    alpha_n = 0.1 * _x_over_expm1((-55 - v) / 10, e10 * math.exp(1.0))
    beta_m = 4 * jnp.exp((-65 - v) / 18)
    beta_h = 1 / (e10 * math.exp(3.0) + 1)
    alpha = jnp.stack([alpha_m, 0.07 * e20, alpha_n])
    beta = jnp.stack([beta_m, beta_h, 0.125 * e80])
    return alpha, beta


def _x_over_expm1(
    x: Float[Array, "*shape"], exp_x: Float[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """`x / (exp(x) − 1)`, safe at 0 in value and derivative: its series for |x| < 0.1."""
    small = jnp.abs(x) < 0.1
    x2 = x * x
    series = 1 - x / 2 + x2 * (1 / 12 - x2 * (1 / 720 - x2 / 30240))
    return jnp.where(small, series, x / jnp.where(small, 1, exp_x - 1))
