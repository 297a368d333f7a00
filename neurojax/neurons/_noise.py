"""Noise with a memory."""

from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from ..core import System, as_parameter, non_negative, positive
from ._shape import common_shape


@final
class OrnsteinUhlenbeck(System):
    """Coloured noise: `tau dx = (mean + I − x) dt + sigma √(2 tau) dW`.

    `sigma` is the stationary standard deviation, `tau` the correlation time (ms), I the drive. The
    state is x, of shape `shape`; it starts in the stationary distribution without a drive, drawn
    from the key. ExponentialEuler has its distribution exactly, at any step. As a drive for another
    system, there is `neurojax.ornstein_uhlenbeck`.

    Source: Uhlenbeck & Ornstein 1930, Phys. Rev. 36; Gillespie 1996, Phys. Rev. E 54, eq. 1.9.
    """

    shape: tuple[int, ...] = eqx.field(static=True, default=())
    tau: Array = eqx.field(converter=as_parameter, default=10.0)
    mean: Array = eqx.field(converter=as_parameter, default=0.0)
    sigma: Array = eqx.field(converter=as_parameter, default=1.0)

    def __post_init__(self) -> None:
        self.shape = common_shape(self)

    def __check_init__(self) -> None:
        positive("OrnsteinUhlenbeck", tau=self.tau)
        non_negative("OrnsteinUhlenbeck", sigma=self.sigma)

    def initial_state(self, key: PRNGKeyArray | None = None) -> Float[Array, "*shape"]:
        kick = 0.0 if key is None else jr.normal(key, self.shape, self.sigma.dtype)
        return jnp.broadcast_to(self.mean + self.sigma * kick, self.shape)

    def vector_field(
        self, t: Any, state: Float[Array, "*shape"], drive: Any
    ) -> Float[Array, "*shape"]:
        return (self.mean + drive - state) / self.tau

    def diffusion(self, t: Any, state: Any, drive: Any) -> Float[Array, "*shape"]:
        return jnp.broadcast_to(self.sigma * jnp.sqrt(2 / self.tau), self.shape)
