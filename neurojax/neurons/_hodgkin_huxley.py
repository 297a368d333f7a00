"""The squid axon's Hodgkin-Huxley neuron, one compartment."""

from typing import final

import equinox as eqx
from jaxtyping import Array, Float

from ..channels import Rates, squid_gates, stacked
from ..core import as_parameter
from ._conductance_based import ConductanceBased, Currents


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
        return stacked(squid_gates(v))

    def currents(self, v: Float[Array, "*shape"], gates: Float[Array, "3 *shape"]) -> Currents:
        m, h, n = gates
        return (
            (self.g_Na * (m * m * m * h), self.E_Na),
            (self.g_K * ((n * n) * (n * n)), self.E_K),
            (self.g_leak, self.E_leak),
        )
