"""Calcium channels of the layer 5 pyramidal cell of Hay et al., driven by Nernst's potential."""

from typing import ClassVar, final

import equinox as eqx
import jax
from jaxtyping import Array, Float

from ..core import as_parameter, positive
from ._channel import Channel, Current, Ions, ohmic
from ._electrodiffusion import nernst
from ._pospischil import l_current_gates
from ._rates import Rates, opening_and_closing, stacked
from ._temperature import q10


@final
class Ca_HVA(Channel):
    """`g m²h (v − E)`, high-voltage activated calcium; its E is Nernst's of the calcium inside.

    g in mS/cm² (default: the model's soma), calcium outside in mM, celsius in °C, for Nernst. It
    reads ca, which must be positive.

    Source: Hay et al. 2011, PLoS Comput. Biol. 7, e1002107, Methods; after Reuveni et al. 1993,
    J. Neurosci. 13, 4609–4621.
    """

    gates: ClassVar[tuple[str, ...]] = ("m", "h")
    reads: ClassVar[tuple[str, ...]] = ("ca",)

    g: Array = eqx.field(converter=as_parameter, default=0.992)
    outside: Array = eqx.field(converter=as_parameter, default=2.0)
    celsius: Array = eqx.field(converter=as_parameter, default=34.0)

    def __check_init__(self) -> None:
        positive("Ca_HVA", outside=self.outside)

    def rates(self, v: Float[Array, "*shape"], ions: Ions) -> Rates:
        return stacked(l_current_gates(v))

    def currents(
        self, v: Float[Array, "*shape"], gates: Float[Array, "2 *shape"], ions: Ions
    ) -> tuple[Current, ...]:
        m, h = gates
        E = nernst(ions["ca"], self.outside, 2, self.celsius)
        return (ohmic("ca", self.g * (m * m * h), E),)


@final
class Ca_LVAst(Channel):
    """`g m²h (v − E)`, low-voltage activated calcium; its E is Nernst's of the calcium inside.

    g in mS/cm² (default: the model's soma), calcium outside in mM, celsius in °C, for Nernst and
    the rates, which were measured at 21 °C, with a Q10 of 2.3; the curves are shifted by −10 mV for
    the junction potential. It reads ca, which must be positive.

    Source: Hay et al. 2011, PLoS Comput. Biol. 7, e1002107, Methods; after Avery & Johnston 1996,
    J. Neurosci. 16, 5567–5582, and Randall & Tsien 1997, Neuropharmacology 36, 879–893.
    """

    gates: ClassVar[tuple[str, ...]] = ("m", "h")
    reads: ClassVar[tuple[str, ...]] = ("ca",)

    g: Array = eqx.field(converter=as_parameter, default=3.43)
    outside: Array = eqx.field(converter=as_parameter, default=2.0)
    celsius: Array = eqx.field(converter=as_parameter, default=34.0)

    def __check_init__(self) -> None:
        positive("Ca_LVAst", outside=self.outside)

    def rates(self, v: Float[Array, "*shape"], ions: Ions) -> Rates:
        tau_m = 5 + 20 * jax.nn.sigmoid((-35 - v) / 5)
        tau_h = 20 + 50 * jax.nn.sigmoid((-50 - v) / 7)
        m = opening_and_closing(jax.nn.sigmoid((v + 40) / 6), tau_m)
        h = opening_and_closing(jax.nn.sigmoid((-90 - v) / 6.4), tau_h)
        return stacked([m, h], q10(2.3, self.celsius, 21.0))

    def currents(
        self, v: Float[Array, "*shape"], gates: Float[Array, "2 *shape"], ions: Ions
    ) -> tuple[Current, ...]:
        m, h = gates
        E = nernst(ions["ca"], self.outside, 2, self.celsius)
        return (ohmic("ca", self.g * (m * m * h), E),)
