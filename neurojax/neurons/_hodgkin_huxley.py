"""The squid axon's Hodgkin-Huxley neuron, one compartment."""

import math
from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import as_parameter
from ._conductance_based import ConductanceBased, Currents, Rates
from ._rates import exp_for_powers, x_over_expm1


@final
class HodgkinHuxley(ConductanceBased):
    """`C_m dv/dt = I − g_Na m³h (v − E_Na) − g_K n⁴ (v − E_K) − g_leak (v − E_leak)`.

    The squid axon at 6.3 °C, in today's sign and with rest at −65 mV, as NEURON's `hh`. C_m in
    µF/cm², g in mS/cm², E and v in mV, the drive I in µA/cm². `shape` is the population's;
    parameters are scalars or arrays of it. The gates are m, h, n. It spikes when v rises through
    v_threshold; nothing is reset. Its default solver is SemiImplicitEuler, staggered as NEURON's
    fixed step is.

    Source: Hodgkin & Huxley 1952, J. Physiol. 117, eqs. 26 and 12–24.
    """

    g_Na: Array = eqx.field(converter=as_parameter, default=120.0)
    g_K: Array = eqx.field(converter=as_parameter, default=36.0)
    g_leak: Array = eqx.field(converter=as_parameter, default=0.3)
    E_Na: Array = eqx.field(converter=as_parameter, default=50.0)
    E_K: Array = eqx.field(converter=as_parameter, default=-77.0)
    E_leak: Array = eqx.field(converter=as_parameter, default=-54.3)

    def rates(self, v: Float[Array, "*shape"]) -> Rates:
        """Four of the six exponentials are powers of one, exp(−(v+65)/80)."""
        e80 = exp_for_powers((-65 - v) / 80)
        e20 = (e80 * e80) * (e80 * e80)
        e10 = e20 * e20
        alpha_m = x_over_expm1((-40 - v) / 10, e10 * math.exp(2.5))
        alpha_n = 0.1 * x_over_expm1((-55 - v) / 10, e10 * math.exp(1.0))
        beta_m = 4 * jnp.exp((-65 - v) / 18)
        beta_h = 1 / (e10 * math.exp(3.0) + 1)
        alpha = jnp.stack([alpha_m, 0.07 * e20, alpha_n])
        beta = jnp.stack([beta_m, beta_h, 0.125 * e80])
        return alpha, beta

    def currents(self, v: Float[Array, "*shape"], gates: Float[Array, "3 *shape"]) -> Currents:
        m, h, n = gates
        return (
            (self.g_Na * (m * m * m * h), self.E_Na),
            (self.g_K * ((n * n) * (n * n)), self.E_K),
            (self.g_leak, self.E_leak),
        )
