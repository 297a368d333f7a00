"""The two-variable caricature of a spike by FitzHugh and Nagumo."""

from typing import Any, NamedTuple, final

import diffrax
import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ..core import as_parameter, positive
from ._threshold_crossing import ThresholdCrossing


class FitzHughNagumoState(NamedTuple):
    """Potential, recovery, and whether v is above threshold."""

    v: Float[Array, "*shape"]
    w: Float[Array, "*shape"]
    above: Bool[Array, "*shape"]


@final
class FitzHughNagumo(ThresholdCrossing):
    """`dv/dt = v − v³/3 − w + I`, `tau dw/dt = v + a − b w`.

    All without units; one unit of time is taken as a millisecond. It has no threshold in the strict
    sense: how high a spike rises depends smoothly on how it was started. One is counted when v
    rises through v_threshold. It starts at v_init and w_init, the defaults'
    rest at I = 0.

    Source: FitzHugh 1961, Biophys. J. 1, 445–466, eqs. 1–2, with v = −x, w = y, I = −z, time in
    units of c, and tau = c² (his c = 3; the 12.5 here is what is in use today).
    """

    a: Array = eqx.field(converter=as_parameter, default=0.7)
    b: Array = eqx.field(converter=as_parameter, default=0.8)
    tau: Array = eqx.field(converter=as_parameter, default=12.5)
    v_init: Array = eqx.field(converter=as_parameter, default=-1.1994, kw_only=True)
    w_init: Array = eqx.field(converter=as_parameter, default=-0.6243, kw_only=True)

    def __check_init__(self) -> None:
        positive("FitzHughNagumo", tau=self.tau)

    def initial_state(self, key: PRNGKeyArray | None = None) -> FitzHughNagumoState:
        v = jnp.broadcast_to(self.v_init, self.shape)
        w = jnp.broadcast_to(self.w_init, self.shape)
        return FitzHughNagumoState(v, w, v > self.v_threshold)

    def vector_field(self, t: Any, state: FitzHughNagumoState, drive: Any) -> FitzHughNagumoState:
        v, w, _ = state
        recovery = (v + self.a - self.b * w) / self.tau
        return state._replace(v=v - v * v * v / 3 - w + drive, w=recovery, above=None)

    @property
    def default_solver(self) -> diffrax.Heun:
        """Of second order: it is smooth, and not stiff."""
        return diffrax.Heun()
