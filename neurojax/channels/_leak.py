"""The leak."""

from typing import final

import equinox as eqx
from jaxtyping import Array, Float

from ..core import as_parameter
from ._channel import Channel, Current, Ions, ohmic


@final
class Leak(Channel):
    """`g (v − E)`, always open. g in mS/cm², E in mV; defaults are the squid axon's."""

    g: Array = eqx.field(converter=as_parameter, default=0.3)
    E: Array = eqx.field(converter=as_parameter, default=-54.3)

    def currents(
        self, v: Float[Array, "*shape"], gates: Float[Array, "0 *shape"], ions: Ions
    ) -> tuple[Current, ...]:
        return (ohmic(None, self.g, self.E),)
