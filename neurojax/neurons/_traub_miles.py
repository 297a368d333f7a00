"""The Hodgkin-Huxley neuron of Traub & Miles, as it is used in networks."""

import math
from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import as_parameter
from ._conductance_based import ConductanceBased, Currents, Rates
from ._rates import exp_for_powers, x_over_expm1


@final
class TraubMiles(ConductanceBased):
    """`C_m dv/dt = I − g_Na m³h (v − E_Na) − g_K n⁴ (v − E_K) − g_leak (v − E_leak)`.

    A hippocampal pyramidal cell's sodium and potassium, with rates of v − v_T that let the
    threshold be moved. C_m in µF/cm², g in mS/cm², E, v and v_T in mV, the drive I in µA/cm²; the
    gates are m, h, n. Parameters are those of the COBAHH benchmark, a cell of 20,000 µm² (1 µA/cm²
    is 0.2 nA) that fires slowly by itself; at E_leak = −65 mV it rests.

    Source: Traub & Miles 1991, Neuronal Networks of the Hippocampus, ch. 4; Brette et al. 2007,
    J. Comput. Neurosci. 23, 349–398, appendix, benchmark 3.
    """

    g_Na: Array = eqx.field(converter=as_parameter, default=100.0)
    g_K: Array = eqx.field(converter=as_parameter, default=30.0)
    g_leak: Array = eqx.field(converter=as_parameter, default=0.05)
    E_Na: Array = eqx.field(converter=as_parameter, default=50.0)
    E_K: Array = eqx.field(converter=as_parameter, default=-90.0)
    E_leak: Array = eqx.field(converter=as_parameter, default=-60.0)
    v_T: Array = eqx.field(converter=as_parameter, default=-63.0)
    v_init: Array = eqx.field(converter=as_parameter, default=-60.0, kw_only=True)

    def rates(self, v: Float[Array, "*shape"]) -> Rates:
        return traub_miles_rates(v - self.v_T)

    def currents(self, v: Float[Array, "*shape"], gates: Float[Array, "3 *shape"]) -> Currents:
        m, h, n = gates
        return (
            (self.g_Na * (m * m * m * h), self.E_Na),
            (self.g_K * ((n * n) * (n * n)), self.E_K),
            (self.g_leak, self.E_leak),
        )


def traub_miles_rates(u: Float[Array, "*shape"]) -> Rates:
    """Of m, h, n at u = v − v_T (mV): α_m = 0.32 (13 − u) / (exp((13 − u)/4) − 1) and so on.

    Five of the six exponentials are powers of one, exp(−u/40).
    """
    e40 = exp_for_powers(-u / 40)
    e10 = (e40 * e40) * (e40 * e40)
    e5 = e10 * e10
    e4 = e5 * (e40 * e40)
    alpha_m = 0.32 * 4 * x_over_expm1((13 - u) / 4, e4 * math.exp(13 / 4))
    beta_m = 0.28 * 5 * x_over_expm1((u - 40) / 5, math.exp(-8) / e5)
    alpha_h = 0.128 * jnp.exp((17 - u) / 18)
    beta_h = 4 / (1 + e5 * math.exp(8))
    alpha_n = 0.032 * 5 * x_over_expm1((15 - u) / 5, e5 * math.exp(3))
    beta_n = 0.5 * math.exp(10 / 40) * e40
    return jnp.stack([alpha_m, alpha_h, alpha_n]), jnp.stack([beta_m, beta_h, beta_n])
