"""Sodium channels of the layer 5 pyramidal cell of Hay et al."""

import math
from typing import ClassVar, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import as_parameter
from ._channel import Channel, Current, Ions, ohmic
from ._rates import Gate, Rates, exp_for_powers, opening_and_closing, stacked, x_over_expm1
from ._temperature import q10


def _activation(v: Array, e6: Array) -> Gate:
    """m of fast sodium, from exp(−(v + 38)/6)."""
    x = (-38 - v) / 6
    return 0.182 * 6 * x_over_expm1(x, e6), 0.124 * 6 * x_over_expm1(-x, 1 / e6)


@final
class NaTa_t(Channel):
    """`g m³h (v − E)`, fast sodium.

    g in mS/cm² (default: the model's soma), E in mV. Rates were measured at 21 °C, with a Q10 of
    2.3.

    Source: Hay et al. 2011, PLoS Comput. Biol. 7, e1002107, Methods; after Colbert & Pan 2002, Nat.
    Neurosci. 5, 533–538.
    """

    gates: ClassVar[tuple[str, ...]] = ("m", "h")

    g: Array = eqx.field(converter=as_parameter, default=2040.0)
    E: Array = eqx.field(converter=as_parameter, default=50.0)
    celsius: Array = eqx.field(converter=as_parameter, default=34.0)

    def rates(self, v: Float[Array, "*shape"], ions: Ions) -> Rates:
        """All four exponentials are one, its inverse, or a multiple of them."""
        e6 = exp_for_powers((-38 - v) / 6)
        y, exp_y = (v + 66) / 6, math.exp(28 / 6) / e6
        h = 0.015 * 6 * x_over_expm1(y, exp_y), 0.015 * 6 * x_over_expm1(-y, 1 / exp_y)
        return stacked([_activation(v, e6), h], q10(2.3, self.celsius, 21.0))

    def currents(
        self, v: Float[Array, "*shape"], gates: Float[Array, "2 *shape"], ions: Ions
    ) -> tuple[Current, ...]:
        m, h = gates
        return (ohmic("na", self.g * (m * m * m * h), self.E),)


@final
class Nap_Et2(Channel):
    """`g m³h (v − E)`, persistent sodium; m is six times slower than that of fast sodium.

    g in mS/cm² (default: the model's soma), E in mV. Rates were measured at 21 °C, with a Q10 of
    2.3.

    Source: Hay et al. 2011, PLoS Comput. Biol. 7, e1002107, Methods; after Magistretti & Alonso
    1999, J. Gen. Physiol. 114, 491–509.
    """

    gates: ClassVar[tuple[str, ...]] = ("m", "h")

    g: Array = eqx.field(converter=as_parameter, default=1.72)
    E: Array = eqx.field(converter=as_parameter, default=50.0)
    celsius: Array = eqx.field(converter=as_parameter, default=34.0)

    def rates(self, v: Float[Array, "*shape"], ions: Ions) -> Rates:
        opening, closing = _activation(v, jnp.exp((-38 - v) / 6))
        m = opening_and_closing(jax.nn.sigmoid((v + 52.6) / 4.6), 6 / (opening + closing))
        a, b = (v + 17) / 4.63, (-64.4 - v) / 2.63
        alpha = 2.88e-6 * 4.63 * x_over_expm1(a, jnp.exp(a))
        beta = 6.94e-6 * 2.63 * x_over_expm1(b, jnp.exp(b))
        h = opening_and_closing(jax.nn.sigmoid((-48.8 - v) / 10), 1 / (alpha + beta))
        return stacked([m, h], q10(2.3, self.celsius, 21.0))

    def currents(
        self, v: Float[Array, "*shape"], gates: Float[Array, "2 *shape"], ions: Ions
    ) -> tuple[Current, ...]:
        m, h = gates
        return (ohmic("na", self.g * (m * m * m * h), self.E),)
