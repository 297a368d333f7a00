"""The excitatory and inhibitory populations of Wilson & Cowan."""

from typing import Any, NamedTuple, final

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ..core import System, as_parameter, positive
from ._shape import common_shape


class WilsonCowanState(NamedTuple):
    """Active part of the excitatory and of the inhibitory cells."""

    E: Float[Array, "*shape"]
    I: Float[Array, "*shape"]


@final
class WilsonCowan(System):
    """A pair of populations:

    `tau_E dE/dt = −E + (k_E − r_E E) S_E(c_1 E − c_2 I + P)`,
    `tau_I dI/dt = −I + (k_I − r_I I) S_I(c_3 E − c_4 I + Q)`,
    with `S(x) = 1/(1 + exp(−a (x − θ))) − 1/(1 + exp(a θ))`, and k = 1 − 1/(1 + exp(a θ)), the
    largest value of S.

    The drive is P, or a tuple (P, Q); `shape` is the number of such pairs. tau in ms, all else
    without units; r is the refractory period over tau. Defaults are the limit cycle of the paper's
    fig. 11 (there at P = 1.25). Starts at E = I = 0, its rest without a drive.

    Source: Wilson & Cowan 1972, Biophys. J. 12, 1–24, eqs. 11–12 and 15.
    """

    shape: tuple[int, ...] = eqx.field(static=True, default=())
    c_1: Array = eqx.field(converter=as_parameter, default=16.0)
    c_2: Array = eqx.field(converter=as_parameter, default=12.0)
    c_3: Array = eqx.field(converter=as_parameter, default=15.0)
    c_4: Array = eqx.field(converter=as_parameter, default=3.0)
    a_E: Array = eqx.field(converter=as_parameter, default=1.3)
    theta_E: Array = eqx.field(converter=as_parameter, default=4.0)
    a_I: Array = eqx.field(converter=as_parameter, default=2.0)
    theta_I: Array = eqx.field(converter=as_parameter, default=3.7)
    r_E: Array = eqx.field(converter=as_parameter, default=1.0)
    r_I: Array = eqx.field(converter=as_parameter, default=1.0)
    tau_E: Array = eqx.field(converter=as_parameter, default=10.0)
    tau_I: Array = eqx.field(converter=as_parameter, default=10.0)

    default_record = ("E", "I")

    def __post_init__(self) -> None:
        self.shape = common_shape(self)

    def __check_init__(self) -> None:
        positive("WilsonCowan", tau_E=self.tau_E, tau_I=self.tau_I, a_E=self.a_E, a_I=self.a_I)

    def initial_state(self, key: PRNGKeyArray | None = None) -> WilsonCowanState:
        rest = jnp.zeros(self.shape, self.tau_E.dtype)
        return WilsonCowanState(rest, rest)

    def vector_field(self, t: Any, state: WilsonCowanState, drive: Any) -> WilsonCowanState:
        P, Q = drive if isinstance(drive, tuple) else (drive, 0.0)
        E, I = state
        onto_E = _response(self.c_1 * E - self.c_2 * I + P, self.a_E, self.theta_E, self.r_E * E)
        onto_I = _response(self.c_3 * E - self.c_4 * I + Q, self.a_I, self.theta_I, self.r_I * I)
        return WilsonCowanState((onto_E - E) / self.tau_E, (onto_I - I) / self.tau_I)

    @property
    def default_solver(self) -> diffrax.Heun:
        """Of second order: it is smooth, and not stiff."""
        return diffrax.Heun()


def _response(x: Array, a: Array, theta: Array, refractory: Array) -> Array:
    """`(k − refractory) S(x)`."""
    at_rest = jax.nn.sigmoid(-a * theta)
    return (1 - at_rest - refractory) * (jax.nn.sigmoid(a * (x - theta)) - at_rest)
