"""Sodium and potassium channels of the squid axon."""

import math
from typing import ClassVar, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import as_parameter
from ._channel import Channel, Current, Ions, ohmic
from ._rates import Gate, Rates, exp_for_powers, stacked, x_over_expm1
from ._temperature import q10


def squid_gates(v: Float[Array, "*shape"]) -> tuple[Gate, Gate, Gate]:
    """m, h, n at 6.3 °C, rest at −65 mV (Hodgkin & Huxley 1952, eqs. 12–24).

    Four of the six exponentials are powers of one, exp(−(v+65)/80).
    """
    e80 = exp_for_powers((-65 - v) / 80)
    e20 = (e80 * e80) * (e80 * e80)
    e10 = e20 * e20
    alpha_m = x_over_expm1((-40 - v) / 10, e10 * math.exp(2.5))
    alpha_n = 0.1 * x_over_expm1((-55 - v) / 10, e10 * math.exp(1.0))
    beta_m = 4 * jnp.exp((-65 - v) / 18)
    beta_h = 1 / (e10 * math.exp(3.0) + 1)
    return (alpha_m, beta_m), (0.07 * e20, beta_h), (alpha_n, 0.125 * e80)


@final
class HodgkinHuxley(Channel):
    """`g_Na m³h (v − E_Na)` and `g_K n⁴ (v − E_K)` of the squid axon.

    g in mS/cm², E in mV. Gates are three times as fast for each 10 °C above 6.3 °C.

    Source: Hodgkin & Huxley 1952, J. Physiol. 117, 500–544, eqs. 12–26.
    """

    gates: ClassVar[tuple[str, ...]] = ("m", "h", "n")

    g_Na: Array = eqx.field(converter=as_parameter, default=120.0)
    g_K: Array = eqx.field(converter=as_parameter, default=36.0)
    E_Na: Array = eqx.field(converter=as_parameter, default=50.0)
    E_K: Array = eqx.field(converter=as_parameter, default=-77.0)
    celsius: Array = eqx.field(converter=as_parameter, default=6.3)

    def rates(self, v: Float[Array, "*shape"], ions: Ions) -> Rates:
        return stacked(squid_gates(v), q10(3.0, self.celsius, 6.3))

    def currents(
        self, v: Float[Array, "*shape"], gates: Float[Array, "3 *shape"], ions: Ions
    ) -> tuple[Current, ...]:
        m, h, n = gates
        return (
            ohmic("na", self.g_Na * (m * m * m * h), self.E_Na),
            ohmic("k", self.g_K * ((n * n) * (n * n)), self.E_K),
        )
