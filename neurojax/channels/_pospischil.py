"""The slow channels of Pospischil et al.'s minimal cortical cells: M, L and T currents."""

from typing import ClassVar, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import as_parameter, positive
from ._channel import Channel, Current, Ions, ohmic
from ._rates import Gate, Rates, opening_and_closing, stacked, x_over_expm1


def m_current_gate(v: Float[Array, "*shape"], tau_max: Float[Array, "..."]) -> Gate:
    """p: slow potassium, τ = tau_max / (3.3 exp((v + 35)/20) + exp(−(v + 35)/20)) (ms)."""
    e = jnp.exp((v + 35) / 20)
    return opening_and_closing(jax.nn.sigmoid((v + 35) / 10), tau_max / (3.3 * e + 1 / e))


def l_current_gates(v: Float[Array, "*shape"]) -> tuple[Gate, Gate]:
    """q, r: high-threshold calcium (Reuveni et al. 1993, J. Neurosci. 13, 4609–4621)."""
    x = (-27 - v) / 3.8
    q = 0.055 * 3.8 * x_over_expm1(x, jnp.exp(x)), 0.94 * jnp.exp((-75 - v) / 17)
    r = 0.000457 * jnp.exp((-13 - v) / 50), 0.0065 * jax.nn.sigmoid((v + 15) / 28)
    return q, r


def t_current_activation(v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """s∞ of low-threshold calcium, which activates at once."""
    return jax.nn.sigmoid((v + 57) / 6.2)


def t_current_gate(v: Float[Array, "*shape"]) -> Gate:
    """u: inactivation of low-threshold calcium, with the time constant of the authors' program."""
    falling = jax.nn.sigmoid((-84 - v) / 3.2)
    tau = (30.8 + (211.4 + jnp.exp((v + 113.2) / 5)) * falling) / 3**1.2
    return opening_and_closing(jax.nn.sigmoid((-81 - v) / 4), tau)


@final
class Km(Channel):
    """`g p (v − E)`, the M current: slow potassium, which adapts the firing.

    g in mS/cm², E in mV, tau_max in ms.

    Source: Pospischil et al. 2008, Biol. Cybern. 99, 427–441, sec. 2.2.
    """

    gates: ClassVar[tuple[str, ...]] = ("p",)

    g: Array = eqx.field(converter=as_parameter, default=0.07)
    E: Array = eqx.field(converter=as_parameter, default=-100.0)
    tau_max: Array = eqx.field(converter=as_parameter, default=1000.0)

    def __check_init__(self) -> None:
        positive("Km", tau_max=self.tau_max)

    def rates(self, v: Float[Array, "*shape"], ions: Ions) -> Rates:
        return stacked([m_current_gate(v, self.tau_max)])

    def currents(
        self, v: Float[Array, "*shape"], gates: Float[Array, "1 *shape"], ions: Ions
    ) -> tuple[Current, ...]:
        return (ohmic("k", self.g * gates[0], self.E),)


@final
class CaL(Channel):
    """`g q²r (v − E)`, the L current: high-threshold calcium, which makes bursts.

    g in mS/cm², E in mV.

    Source: Pospischil et al. 2008, Biol. Cybern. 99, 427–441, sec. 2.2.
    """

    gates: ClassVar[tuple[str, ...]] = ("q", "r")

    g: Array = eqx.field(converter=as_parameter, default=0.17)
    E: Array = eqx.field(converter=as_parameter, default=120.0)

    def rates(self, v: Float[Array, "*shape"], ions: Ions) -> Rates:
        return stacked(l_current_gates(v))

    def currents(
        self, v: Float[Array, "*shape"], gates: Float[Array, "2 *shape"], ions: Ions
    ) -> tuple[Current, ...]:
        q, r = gates
        return (ohmic("ca", self.g * (q * q * r), self.E),)


@final
class CaT(Channel):
    """`g s∞²u (v − E)`, the T current: low-threshold calcium, which makes rebound bursts.

    g in mS/cm², E in mV; v_x (mV) shifts the curves of s and u.

    Source: Pospischil et al. 2008, Biol. Cybern. 99, 427–441, sec. 2.2; the time constant of u is
    that of the authors' program (ModelDB, accession 123623), see `neurons.Pospischil`.
    """

    gates: ClassVar[tuple[str, ...]] = ("u",)

    g: Array = eqx.field(converter=as_parameter, default=0.4)
    E: Array = eqx.field(converter=as_parameter, default=120.0)
    v_x: Array = eqx.field(converter=as_parameter, default=2.0)

    def rates(self, v: Float[Array, "*shape"], ions: Ions) -> Rates:
        return stacked([t_current_gate(v + self.v_x)])

    def currents(
        self, v: Float[Array, "*shape"], gates: Float[Array, "1 *shape"], ions: Ions
    ) -> tuple[Current, ...]:
        s = t_current_activation(v + self.v_x)
        return (ohmic("ca", self.g * (s * s * gates[0]), self.E),)
