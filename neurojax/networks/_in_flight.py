"""Spikes on their way: what arrives in each of the next steps."""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int


class InFlight(NamedTuple):
    """Summed weights by the step in which they arrive, in a ring of the longest delay and one, and
    `due`, those of the step that comes next.

    A step writes first and reads last, or XLA would copy the ring in each.
    """

    ring: Float[Array, "slots *shape"]
    due: Float[Array, "*shape"]

    @classmethod
    def none(cls, shape: tuple[int, ...], longest: int) -> "InFlight":
        return cls(jnp.zeros((longest + 1, *shape)), jnp.zeros(shape))

    def after(
        self, step: Int[Array, ""], sent: Sequence[tuple[int, Float[Array, "*shape"]]]
    ) -> "InFlight":
        """After a step in which these were sent, each to arrive so many steps later."""
        slots = len(self.ring)
        ring = self.ring.at[step % slots].set(0.0)
        for delay, weights in sent:
            ring = ring.at[(step + delay) % slots].add(weights)
        return InFlight(ring, ring[(step + 1) % slots])
