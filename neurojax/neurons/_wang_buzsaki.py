"""The hippocampal interneuron of Wang & Buzsáki."""

import math
from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..channels import Rates, exp_for_powers, x_over_expm1
from ..core import as_parameter, positive
from ._conductance_based import ConductanceBased, Currents


@final
class WangBuzsaki(ConductanceBased):
    """`C_m dv/dt = I − g_Na m∞³h (v − E_Na) − g_K n⁴ (v − E_K) − g_leak (v − E_leak)`.

    A fast-spiking interneuron whose sodium activates at once, m = m∞(v); its gates h and n are
    faster by `phi`. It fires from zero frequency on. C_m in µF/cm², g in mS/cm², E and v in mV, the
    drive I in µA/cm².

    Source: Wang & Buzsáki 1996, J. Neurosci. 16, 6402–6413, Materials and Methods.
    """

    g_Na: Array = eqx.field(converter=as_parameter, default=35.0)
    g_K: Array = eqx.field(converter=as_parameter, default=9.0)
    g_leak: Array = eqx.field(converter=as_parameter, default=0.1)
    E_Na: Array = eqx.field(converter=as_parameter, default=55.0)
    E_K: Array = eqx.field(converter=as_parameter, default=-90.0)
    E_leak: Array = eqx.field(converter=as_parameter, default=-65.0)
    phi: Array = eqx.field(converter=as_parameter, default=5.0)

    def __check_init__(self) -> None:
        positive("WangBuzsaki", phi=self.phi)

    def rates(self, v: Float[Array, "*shape"]) -> Rates:
        """Three of the four exponentials are powers of one, exp(−v/80)."""
        e80 = exp_for_powers(-v / 80)
        e20 = (e80 * e80) * (e80 * e80)
        e10 = e20 * e20
        alpha_h = 0.07 * math.exp(-58 / 20) * e20
        beta_h = 1 / (e10 * math.exp(-2.8) + 1)
        alpha_n = 0.1 * x_over_expm1((-34 - v) / 10, e10 * math.exp(-3.4))
        beta_n = 0.125 * math.exp(-44 / 80) * e80
        return self.phi * jnp.stack([alpha_h, alpha_n]), self.phi * jnp.stack([beta_h, beta_n])

    def currents(self, v: Float[Array, "*shape"], gates: Float[Array, "2 *shape"]) -> Currents:
        h, n = gates
        x = (-35 - v) / 10
        alpha_m = x_over_expm1(x, jnp.exp(x))
        m = alpha_m / (alpha_m + 4 * jnp.exp((-60 - v) / 18))
        return (
            (self.g_Na * (m * m * m * h), self.E_Na),
            (self.g_K * ((n * n) * (n * n)), self.E_K),
            (self.g_leak, self.E_leak),
        )
