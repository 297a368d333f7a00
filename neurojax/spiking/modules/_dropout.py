"""Dropout whose mask is held over time."""

from typing import ClassVar, final

import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ...core import Clock
from ..network import OverTime


@final
class Dropout(OverTime):
    """Each element of a sample is dropped with probability `p`, and then is in all steps of a run.

    What stays is scaled by 1 / (1 − p). The mask, its state, is drawn at the start of a run, which
    needs a key, and goes on with the state into a later run. With `inference=True`, which
    `equinox.nn.inference_mode` sets, nothing is dropped. (`equinox.nn.Dropout` draws in each step.)

    Raises `ValueError` for a `p` outside of [0, 1).
    Source: Lee et al. 2020, Frontiers in Neuroscience 14:119.
    """

    p: float = 0.5
    inference: bool = False

    shape: ClassVar[tuple[int, ...]] = ()

    def __check_init__(self) -> None:
        if not 0 <= self.p < 1:
            raise ValueError(f"Dropout: p must be in [0, 1), got {self.p}.")

    def initial_state(self, key: PRNGKeyArray | None = None) -> Bool[Array, ""]:
        """Whether it stays."""
        if self.inference or self.p == 0:
            return jnp.ones((), bool)
        if key is None:
            raise ValueError(
                "Dropout: its mask is drawn, which needs a key; none is needed after "
                "equinox.nn.inference_mode(network)."
            )
        return jr.bernoulli(key, 1 - self.p)

    def over_time(
        self,
        state: Bool[Array, "samples *shape"],
        x: Float[Array, "time samples *shape"],
        key: PRNGKeyArray | None,
    ) -> tuple[Bool[Array, "samples *shape"], Float[Array, "time samples *shape"]]:
        return state, self._masked(state, x)

    def jump(
        self,
        clock: Clock,
        state: Bool[Array, ""],
        incoming: Float[Array, ""],
        key: PRNGKeyArray | None,
    ) -> tuple[Bool[Array, ""], Float[Array, ""]]:
        return state, self._masked(state, incoming)

    def _masked(self, stays: Bool[Array, "..."], x: Float[Array, "..."]) -> Float[Array, "..."]:
        # A run in inference may go on from a state of training.
        if self.inference:
            return x
        return jnp.where(stays, x / (1 - self.p), jnp.zeros((), x.dtype))
