"""Potassium channels and the h current of the layer 5 pyramidal cell of Hay et al."""

from typing import ClassVar, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import as_parameter
from ._channel import Channel, Current, Ions, ohmic
from ._rates import Rates, opening_and_closing, stacked, x_over_expm1
from ._temperature import q10


def _bell(v: Array, centre: float, width: float) -> Array:
    x = (v - centre) / width
    return jnp.exp(-x * x)


@final
class K_Tst(Channel):
    """`g m⁴h (v − E)`, fast inactivating (transient) potassium.

    g in mS/cm² (default: the model's soma), E in mV. Rates were measured at 21 °C, with a Q10 of
    2.3; the curves are shifted by −10 mV for the junction potential.

    Source: Hay et al. 2011, PLoS Comput. Biol. 7, e1002107, Methods; after Korngreen & Sakmann
    2000, J. Physiol. 525, 621–639.
    """

    gates: ClassVar[tuple[str, ...]] = ("m", "h")

    g: Array = eqx.field(converter=as_parameter, default=81.2)
    E: Array = eqx.field(converter=as_parameter, default=-85.0)
    celsius: Array = eqx.field(converter=as_parameter, default=34.0)

    def rates(self, v: Float[Array, "*shape"], ions: Ions) -> Rates:
        tau_m = 0.34 + 0.92 * _bell(v, -81.0, 59.0)
        tau_h = 8 + 49 * _bell(v, -83.0, 23.0)
        m = opening_and_closing(jax.nn.sigmoid((v + 10) / 19), tau_m)
        h = opening_and_closing(jax.nn.sigmoid((-76 - v) / 10), tau_h)
        return stacked([m, h], q10(2.3, self.celsius, 21.0))

    def currents(
        self, v: Float[Array, "*shape"], gates: Float[Array, "2 *shape"], ions: Ions
    ) -> tuple[Current, ...]:
        m, h = gates
        return (ohmic("k", self.g * ((m * m) * (m * m) * h), self.E),)


@final
class K_Pst(Channel):
    """`g m²h (v − E)`, slowly inactivating (persistent) potassium.

    g in mS/cm² (default: the model's soma), E in mV. Rates were measured at 21 °C, with a Q10 of
    2.3; the curves are shifted by −10 mV for the junction potential.

    Source: Hay et al. 2011, PLoS Comput. Biol. 7, e1002107, Methods; after Korngreen & Sakmann
    2000, J. Physiol. 525, 621–639.
    """

    gates: ClassVar[tuple[str, ...]] = ("m", "h")

    g: Array = eqx.field(converter=as_parameter, default=2.23)
    E: Array = eqx.field(converter=as_parameter, default=-85.0)
    celsius: Array = eqx.field(converter=as_parameter, default=34.0)

    def rates(self, v: Float[Array, "*shape"], ions: Ions) -> Rates:
        u = v + 10
        below = u < -50  # the two branches meet there to 0.4 µs
        tau_m = 1.25 + jnp.where(below, 175.03, 13) * jnp.exp(0.026 * jnp.where(below, u, -u))
        tau_h = 360 + (1010 + 24 * (u + 55)) * _bell(u, -75.0, 48.0)
        m = opening_and_closing(jax.nn.sigmoid((u + 1) / 12), tau_m)
        h = opening_and_closing(jax.nn.sigmoid((-54 - u) / 11), tau_h)
        return stacked([m, h], q10(2.3, self.celsius, 21.0))

    def currents(
        self, v: Float[Array, "*shape"], gates: Float[Array, "2 *shape"], ions: Ions
    ) -> tuple[Current, ...]:
        m, h = gates
        return (ohmic("k", self.g * (m * m * h), self.E),)


@final
class SKv3_1(Channel):
    """`g m (v − E)`, fast potassium that does not inactivate.

    g in mS/cm² (default: the model's soma), E in mV.

    Source: Hay et al. 2011, PLoS Comput. Biol. 7, e1002107, Methods; after Rettig et al. 1992,
    EMBO J. 11, 2473–2486.
    """

    gates: ClassVar[tuple[str, ...]] = ("m",)

    g: Array = eqx.field(converter=as_parameter, default=693.0)
    E: Array = eqx.field(converter=as_parameter, default=-85.0)

    def rates(self, v: Float[Array, "*shape"], ions: Ions) -> Rates:
        tau = 4 * jax.nn.sigmoid((v + 46.56) / 44.14)
        return stacked([opening_and_closing(jax.nn.sigmoid((v - 18.7) / 9.7), tau)])

    def currents(
        self, v: Float[Array, "*shape"], gates: Float[Array, "1 *shape"], ions: Ions
    ) -> tuple[Current, ...]:
        return (ohmic("k", self.g * gates[0], self.E),)


@final
class SK_E2(Channel):
    """`g z (v − E)`, potassium that calcium opens, with `z∞ = 1 / (1 + (0.43 µM / ca)^4.8)` and a
    time constant of 1 ms.

    g in mS/cm² (default: the model's soma), E in mV. It reads ca, which may be zero.

    Source: Hay et al. 2011, PLoS Comput. Biol. 7, e1002107, Methods; after Köhler et al. 1996,
    Science 273, 1709–1714.
    """

    gates: ClassVar[tuple[str, ...]] = ("z",)
    reads: ClassVar[tuple[str, ...]] = ("ca",)

    g: Array = eqx.field(converter=as_parameter, default=44.1)
    E: Array = eqx.field(converter=as_parameter, default=-85.0)

    def rates(self, v: Float[Array, "*shape"], ions: Ions) -> Rates:
        bound = (ions["ca"] / 0.00043) ** 4.8
        steady = bound / (1 + bound)
        return stacked([opening_and_closing(steady, jnp.ones_like(steady))])

    def currents(
        self, v: Float[Array, "*shape"], gates: Float[Array, "1 *shape"], ions: Ions
    ) -> tuple[Current, ...]:
        return (ohmic("k", self.g * gates[0], self.E),)


@final
class Im(Channel):
    """`g m (v − E)`, the M current: slow potassium of the apical dendrite.

    g in mS/cm² (default: the model's apical dendrite), E in mV. Rates were measured at 21 °C, with
    a Q10 of 2.3.

    Source: Hay et al. 2011, PLoS Comput. Biol. 7, e1002107, Methods; after Adams et al. 1982,
    J. Physiol. 330, 537–572.
    """

    gates: ClassVar[tuple[str, ...]] = ("m",)

    g: Array = eqx.field(converter=as_parameter, default=0.0675)
    E: Array = eqx.field(converter=as_parameter, default=-85.0)
    celsius: Array = eqx.field(converter=as_parameter, default=34.0)

    def rates(self, v: Float[Array, "*shape"], ions: Ions) -> Rates:
        e10 = jnp.exp((v + 35) / 10)
        return stacked([(3.3e-3 * e10, 3.3e-3 / e10)], q10(2.3, self.celsius, 21.0))

    def currents(
        self, v: Float[Array, "*shape"], gates: Float[Array, "1 *shape"], ions: Ions
    ) -> tuple[Current, ...]:
        return (ohmic("k", self.g * gates[0], self.E),)


@final
class Ih(Channel):
    """`g m (v − E)`, the h current.

    g in mS/cm² (default: the model's soma), E in mV; rates at 34 °C.

    Source: Hay et al. 2011, PLoS Comput. Biol. 7, e1002107, Methods; after Kole, Hallermann &
    Stuart 2006, J. Neurosci. 26, 1677–1687.
    """

    gates: ClassVar[tuple[str, ...]] = ("m",)

    g: Array = eqx.field(converter=as_parameter, default=0.2)
    E: Array = eqx.field(converter=as_parameter, default=-45.0)

    def rates(self, v: Float[Array, "*shape"], ions: Ions) -> Rates:
        x = (v + 154.9) / 11.9
        opening = 0.00643 * 11.9 * x_over_expm1(x, jnp.exp(x))
        return stacked([(opening, 0.193 * jnp.exp(v / 33.1))])

    def currents(
        self, v: Float[Array, "*shape"], gates: Float[Array, "1 *shape"], ions: Ions
    ) -> tuple[Current, ...]:
        return (ohmic(None, self.g * gates[0], self.E),)
