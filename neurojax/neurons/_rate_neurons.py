"""Neurons that are described by their rate."""

from collections.abc import Callable
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ..core import System, as_parameter, non_negative, positive

Gain = Callable[[Float[Array, "..."]], Float[Array, "..."]]


class RateState(NamedTuple):
    """The rate of each neuron."""

    r: Float[Array, " neurons"]


@final
class RateNeurons(System):
    """Coupled rate neurons: `tau dr/dt = −r + φ(W r + I)`, with noise `sigma √(2 tau) ξ` if asked.

    `weights` W is [neurons, neurons], from column to row; tau in ms, scalar or one for each; `gain`
    φ any function of an array (`jax.nn.relu`, `jnp.tanh`, ...). The drive I has the unit of W r. An
    uncoupled neuron with `sigma` has it as the standard deviation of its rate; None is no noise.
    Starts at r = 0; a state of [batch, neurons] is a batch of networks.

    Raises `ValueError` for weights that are not square, a tau that is not positive or does not fit.
    Source: Wilson & Cowan 1972, Biophys. J. 12; Dayan & Abbott 2001, Theoretical Neuroscience,
    eqs. 7.8 and 7.11.
    """

    weights: Float[Array, "neurons neurons"] = eqx.field(converter=as_parameter)
    tau: Array = eqx.field(converter=as_parameter, default=10.0)
    gain: Gain = eqx.field(static=True, default=jax.nn.relu)
    sigma: Array | None = eqx.field(
        converter=lambda x: None if x is None else as_parameter(x), default=None
    )

    default_record = ("r",)

    def __check_init__(self) -> None:
        shape = np.shape(self.weights)
        if len(shape) != 2 or shape[0] != shape[1]:
            raise ValueError(f"RateNeurons: weights must be square, got shape {shape}.")
        positive("RateNeurons", tau=self.tau)
        if self.sigma is not None:
            non_negative("RateNeurons", sigma=self.sigma)
        for name in ("tau", "sigma"):
            if np.shape(getattr(self, name)) not in ((), shape[:1]):
                raise ValueError(
                    f"RateNeurons: {name} must be one number or one for each of the {shape[0]} "
                    f"neurons, got shape {np.shape(getattr(self, name))}."
                )

    def initial_state(self, key: PRNGKeyArray | None = None) -> RateState:
        return RateState(jnp.zeros(self.weights.shape[:1], self.weights.dtype))

    def vector_field(self, t: Any, state: RateState, drive: Any) -> RateState:
        return RateState((self.gain(state.r @ self.weights.T + drive) - state.r) / self.tau)

    def diffusion(self, t: Any, state: RateState, drive: Any) -> RateState | None:
        return None if self.sigma is None else RateState(self.sigma * jnp.sqrt(2 / self.tau))

    def output(self, state: RateState) -> Float[Array, " neurons"]:
        return state.r
