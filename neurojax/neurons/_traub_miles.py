"""The Hodgkin-Huxley neuron of Traub & Miles, as it is used in networks."""

from typing import final

import equinox as eqx
from jaxtyping import Array, Float

from ..channels import Rates, stacked, traub_miles_gates
from ..core import as_parameter
from ._conductance_based import ConductanceBased, Currents


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
        return stacked(traub_miles_gates(v - self.v_T))

    def currents(self, v: Float[Array, "*shape"], gates: Float[Array, "3 *shape"]) -> Currents:
        m, h, n = gates
        return (
            (self.g_Na * (m * m * m * h), self.E_Na),
            (self.g_K * ((n * n) * (n * n)), self.E_K),
            (self.g_leak, self.E_leak),
        )
