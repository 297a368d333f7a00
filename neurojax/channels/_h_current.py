"""The h current: cations, let in by hyperpolarisation."""

from typing import ClassVar, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import as_parameter, positive
from ._channel import Channel, Current, Ions, ohmic
from ._rates import Rates, opening_and_closing, stacked


@final
class HCurrent(Channel):
    """`g m (v − E)`, with `m∞ = 1 / (1 + exp((v − v_half)/k))` and
    `τ = 1 / (exp(−(v − v_1)/k_1) + exp((v − v_2)/k_2))` (ms).

    g in mS/cm²; E, the half-activation v_half, its slope k, and v_1, k_1, v_2, k_2 in mV. Defaults
    are those of thalamic relay cells, τ = 1 / (exp(−14.59 − 0.086 v) + exp(−1.87 + 0.0701 v)).

    Source: Huguenard & McCormick 1992, J. Neurophysiol. 68, 1373–1383.
    """

    gates: ClassVar[tuple[str, ...]] = ("m",)

    g: Array = eqx.field(converter=as_parameter)
    E: Array = eqx.field(converter=as_parameter, default=-43.0)
    v_half: Array = eqx.field(converter=as_parameter, default=-75.0)
    k: Array = eqx.field(converter=as_parameter, default=5.5)
    v_1: Array = eqx.field(converter=as_parameter, default=-14.59 / 0.086)
    k_1: Array = eqx.field(converter=as_parameter, default=1 / 0.086)
    v_2: Array = eqx.field(converter=as_parameter, default=1.87 / 0.0701)
    k_2: Array = eqx.field(converter=as_parameter, default=1 / 0.0701)

    def __check_init__(self) -> None:
        positive("HCurrent", k=self.k, k_1=self.k_1, k_2=self.k_2)

    def rates(self, v: Float[Array, "*shape"], ions: Ions) -> Rates:
        steady = jax.nn.sigmoid((self.v_half - v) / self.k)
        speed = jnp.exp((self.v_1 - v) / self.k_1) + jnp.exp((v - self.v_2) / self.k_2)
        return stacked([opening_and_closing(steady, 1 / speed)])

    def currents(
        self, v: Float[Array, "*shape"], gates: Float[Array, "1 *shape"], ions: Ions
    ) -> tuple[Current, ...]:
        return (ohmic(None, self.g * gates[0], self.E),)
