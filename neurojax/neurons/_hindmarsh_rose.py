"""The bursting neuron of Hindmarsh & Rose."""

from typing import Any, NamedTuple, final

import diffrax
import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ..core import as_parameter, positive
from ._threshold_crossing import ThresholdCrossing


class HindmarshRoseState(NamedTuple):
    """Potential (the paper's x), spiking variable, adaptation, and whether v is above threshold."""

    v: Float[Array, "*shape"]
    y: Float[Array, "*shape"]
    z: Float[Array, "*shape"]
    above: Bool[Array, "*shape"]


@final
class HindmarshRose(ThresholdCrossing):
    """`dv/dt = y − a v³ + b v² − z + I`, `dy/dt = c − d v² − y`, `dz/dt = r (s (v − v_rest) − z)`.

    All without units; one unit of time is taken as a millisecond. Rests, bursts, bursts
    chaotically or fires as I grows (with b = 3, at about I = 1.3, 2.9 and 3.4); a spike is counted
    when v rises through v_threshold. It starts at v_init, with y and z where they would rest.

    Source: Hindmarsh & Rose 1984, Proc. R. Soc. Lond. B 221, 87–102, eq. 15 (its x is v).
    """

    a: Array = eqx.field(converter=as_parameter, default=1.0)
    b: Array = eqx.field(converter=as_parameter, default=3.0)
    c: Array = eqx.field(converter=as_parameter, default=1.0)
    d: Array = eqx.field(converter=as_parameter, default=5.0)
    r: Array = eqx.field(converter=as_parameter, default=0.006)
    s: Array = eqx.field(converter=as_parameter, default=4.0)
    v_rest: Array = eqx.field(converter=as_parameter, default=-1.6)
    v_init: Array = eqx.field(converter=as_parameter, default=-1.6, kw_only=True)

    def __check_init__(self) -> None:
        positive("HindmarshRose", r=self.r)

    def initial_state(self, key: PRNGKeyArray | None = None) -> HindmarshRoseState:
        v = jnp.broadcast_to(self.v_init, self.shape)
        y, z = self.c - self.d * v * v, self.s * (v - self.v_rest)
        return HindmarshRoseState(v, y, z, v > self.v_threshold)

    def vector_field(self, t: Any, state: HindmarshRoseState, drive: Any) -> HindmarshRoseState:
        v, y, z, _ = state
        return state._replace(
            v=y + v * v * (self.b - self.a * v) - z + drive,
            y=self.c - self.d * v * v - y,
            z=self.r * (self.s * (v - self.v_rest) - z),
            above=None,
        )

    @property
    def default_solver(self) -> diffrax.Heun:
        """Of second order: it is smooth, and not stiff."""
        return diffrax.Heun()
