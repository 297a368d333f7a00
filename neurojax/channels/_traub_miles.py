"""Sodium and potassium channels of Traub & Miles, as they are used in networks."""

import math
from typing import Any, ClassVar, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import as_parameter
from ._channel import Channel, Current, Ions, ohmic
from ._rates import Gate, Rates, exp_for_powers, stacked, x_over_expm1


def traub_miles_gates(u: Float[Array, "*shape"]) -> tuple[Gate, Gate, Gate]:
    """m, h, n at u = v − v_T (mV): α_m = 0.32 (13 − u) / (exp((13 − u)/4) − 1) and so on.

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
    return (alpha_m, beta_m), (alpha_h, beta_h), (alpha_n, beta_n)


@final
class TraubMiles(Channel):
    """`g_Na m³h (v − E_Na)` and `g_K n⁴ (v − E_K)` of a hippocampal pyramidal cell.

    g in mS/cm², E and v_T in mV; the rates are functions of v − v_T, which moves the threshold.
    Defaults are those of the COBAHH benchmark. `pospischil` has the fast channels Na and Kd of the
    minimal cortical cells.

    Source: Traub & Miles 1991, Neuronal Networks of the Hippocampus, ch. 4; Brette et al. 2007,
    J. Comput. Neurosci. 23, 349–398, appendix, benchmark 3.
    """

    gates: ClassVar[tuple[str, ...]] = ("m", "h", "n")

    g_Na: Array = eqx.field(converter=as_parameter, default=100.0)
    g_K: Array = eqx.field(converter=as_parameter, default=30.0)
    E_Na: Array = eqx.field(converter=as_parameter, default=50.0)
    E_K: Array = eqx.field(converter=as_parameter, default=-90.0)
    v_T: Array = eqx.field(converter=as_parameter, default=-63.0)

    @classmethod
    def pospischil(cls, **parameters: Any) -> "TraubMiles":
        """Na and Kd of Pospischil et al. 2008, Biol. Cybern. 99, 427–441, sec. 2.2 (an excitatory
        cell that adapts)."""
        own = {"g_Na": 50.0, "g_K": 5.0, "E_K": -100.0, "v_T": -55.0}
        return cls(**own | parameters)

    def rates(self, v: Float[Array, "*shape"], ions: Ions) -> Rates:
        return stacked(traub_miles_gates(v - self.v_T))

    def currents(
        self, v: Float[Array, "*shape"], gates: Float[Array, "3 *shape"], ions: Ions
    ) -> tuple[Current, ...]:
        m, h, n = gates
        return (
            ohmic("na", self.g_Na * (m * m * m * h), self.E_Na),
            ohmic("k", self.g_K * ((n * n) * (n * n)), self.E_K),
        )
