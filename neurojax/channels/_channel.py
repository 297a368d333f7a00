"""What an ion channel is: gates that open and close, and the conductance that they let through."""

import abc
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

Rates = tuple[Float[Array, "gates *shape"], Float[Array, "gates *shape"]]


class Channel(eqx.Module):
    """An ionic current of density `g (v − E)`, its conductance g set by gates
    `dx/dt = α (1 − x) − β x`.

    A subclass names its `gates` and owes their `rates` and the `conductance`; it has the field E,
    the reversal potential (mV). Conductances in mS/cm², rates in 1/ms, v in mV. Parameters are
    scalars or one value for each compartment that the channel is in.
    """

    gates: ClassVar[tuple[str, ...]] = ()

    def rates(self, v: Float[Array, "*shape"]) -> Rates:
        """Opening and closing rates of the gates at v, stacked in the order of their names."""
        nothing = jnp.zeros((0, *v.shape), v.dtype)
        return nothing, nothing

    @abc.abstractmethod
    def conductance(
        self, v: Float[Array, "*shape"], gates: Float[Array, "gates *shape"]
    ) -> Float[Array, "*#shape"]:
        """What the open channels conduct (mS/cm²)."""
