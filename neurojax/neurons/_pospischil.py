"""The minimal Hodgkin-Huxley neurons of Pospischil et al. for the classes of cortical cells."""

from typing import Any, final

import equinox as eqx
from jaxtyping import Array, Float

from ..channels import (
    Rates,
    l_current_gates,
    m_current_gate,
    stacked,
    t_current_activation,
    t_current_gate,
    traub_miles_gates,
)
from ..core import as_parameter, positive
from ._conductance_based import ConductanceBased, Currents


@final
class Pospischil(ConductanceBased):
    """`C_m dv/dt = I − g_Na m³h (v − E_Na) − (g_Kd n⁴ + g_M p) (v − E_K) − (g_L q²r + g_T s∞²u)
    (v − E_Ca) − g_leak (v − E_leak)`.

    A slow potassium current (M) adapts the firing, and a high- or a low-threshold calcium current
    (L, T) makes bursts. The cells are `regular_spiking` (the defaults), `fast_spiking`,
    `intrinsically_bursting` and `low_threshold_spiking`. C_m in µF/cm², g in mS/cm², E and v in mV,
    tau_max in ms, the drive I in µA/cm²; v_T shifts the rates of m, h, n, and v_x those of the T
    current. The gates are m, h, n, p, q, r, u.

    Source: Pospischil et al. 2008, Biol. Cybern. 99, 427–441, sec. 2.2; the cells' parameters and
    the time constant of u are those of the authors' program (ModelDB, accession 123623):
    `τ_u = (30.8 + (211.4 + exp((v + v_x + 113.2)/5)) / (1 + exp((v + v_x + 84)/3.2))) / 3^1.2`. As
    the paper prints it, with 30.8 over the denominator too (and 3.7 for 3^1.2), u would follow v at
    once where the membrane is depolarised.
    """

    g_Na: Array = eqx.field(converter=as_parameter, default=50.0)
    g_Kd: Array = eqx.field(converter=as_parameter, default=5.0)
    g_M: Array = eqx.field(converter=as_parameter, default=0.07)
    g_L: Array = eqx.field(converter=as_parameter, default=0.0)
    g_T: Array = eqx.field(converter=as_parameter, default=0.0)
    g_leak: Array = eqx.field(converter=as_parameter, default=0.1)
    E_Na: Array = eqx.field(converter=as_parameter, default=50.0)
    E_K: Array = eqx.field(converter=as_parameter, default=-100.0)
    E_Ca: Array = eqx.field(converter=as_parameter, default=120.0)
    E_leak: Array = eqx.field(converter=as_parameter, default=-70.0)
    v_T: Array = eqx.field(converter=as_parameter, default=-55.0)
    v_x: Array = eqx.field(converter=as_parameter, default=2.0)
    tau_max: Array = eqx.field(converter=as_parameter, default=1000.0)
    v_init: Array = eqx.field(converter=as_parameter, default=-70.0, kw_only=True)

    def __check_init__(self) -> None:
        positive("Pospischil", tau_max=self.tau_max)

    @classmethod
    def regular_spiking(cls, shape: tuple[int, ...] = (), **parameters: Any) -> "Pospischil":
        """An excitatory cell that adapts (RS)."""
        return cls(shape, **parameters)

    @classmethod
    def fast_spiking(cls, shape: tuple[int, ...] = (), **parameters: Any) -> "Pospischil":
        """An inhibitory cell that fires fast and evenly (FS)."""
        own: dict[str, Any] = {"g_Kd": 10.0, "g_M": 0.0, "g_leak": 0.15}
        return cls(shape, **own | parameters)

    @classmethod
    def intrinsically_bursting(cls, shape: tuple[int, ...] = (), **parameters: Any) -> "Pospischil":
        """A cell that starts with a burst (IB); at g_L = 0.22 it goes on bursting."""
        own: dict[str, Any] = {
            "g_M": 0.03,
            "g_L": 0.17,
            "g_leak": 0.01,
            "E_leak": -85.0,
            "v_init": -84.0,
        }
        return cls(shape, **own | parameters)

    @classmethod
    def low_threshold_spiking(cls, shape: tuple[int, ...] = (), **parameters: Any) -> "Pospischil":
        """A cell that bursts from hyperpolarisation, and as it ends (LTS)."""
        own: dict[str, Any] = {
            "g_M": 0.03,
            "g_T": 0.4,
            "g_leak": 0.01,
            "E_leak": -85.0,
            "v_init": -84.0,
        }
        return cls(shape, **own | parameters)

    def rates(self, v: Float[Array, "*shape"]) -> Rates:
        fast = traub_miles_gates(v - self.v_T)
        p, u = m_current_gate(v, self.tau_max), t_current_gate(v + self.v_x)
        return stacked([*fast, p, *l_current_gates(v), u])

    def currents(self, v: Float[Array, "*shape"], gates: Float[Array, "7 *shape"]) -> Currents:
        m, h, n, p, q, r, u = gates
        s = t_current_activation(v + self.v_x)
        return (
            (self.g_Na * (m * m * m * h), self.E_Na),
            (self.g_Kd * ((n * n) * (n * n)) + self.g_M * p, self.E_K),
            (self.g_L * (q * q * r) + self.g_T * (s * s * u), self.E_Ca),
            (self.g_leak, self.E_leak),
        )
