"""The modern Hopfield network, beside which hierarchies that remember are measured."""

from typing import Any, final

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ..core import EnergySystem, as_parameter, positive


@final
class ModernHopfield(EnergySystem):
    """`E = ½ |z|² − 1/β log Σ_p exp(β x_p · z)` over `patterns` x_p [pattern, unit]: a memory of
    continuous patterns; `beta` (β) sharpens it.

    The state is [..., unit]; a step of size 1 is `z ← Σ_p softmax_p(β x_p · z) x_p`, one step of
    attention. The drive is not used.
    Source: Ramsauer et al. 2021, Hopfield networks is all you need, eqs. 1–3.
    """

    patterns: Float[Array, "pattern unit"] = eqx.field(converter=as_parameter)
    beta: Array = eqx.field(converter=as_parameter, default=1.0)

    def __check_init__(self) -> None:
        positive("ModernHopfield", beta=self.beta)

    @property
    def default_solver(self) -> diffrax.AbstractSolver:
        return diffrax.Euler()

    def initial_state(self, key: PRNGKeyArray | None = None) -> Float[Array, " unit"]:
        """Zero."""
        return jnp.zeros_like(self.patterns[0])

    def energy(self, state: Float[Array, "... unit"], clamps: Any = None) -> Float[Array, ""]:
        overlap = self.beta * (state @ self.patterns.T)
        remembered = jax.nn.logsumexp(overlap, axis=-1) / self.beta
        return jnp.sum(0.5 * jnp.sum(state**2, axis=-1) - remembered)
