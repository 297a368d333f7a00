"""The exact equilibrium of a linear hierarchy."""

import jax
import jax.flatten_util
import jax.numpy as jnp
from jaxtyping import Array

from ..core import is_known
from ._hierarchy import Clamps, Hierarchy
from ._inference import Settled, settled_at
from ._settling import Settling, settling

TOLERANCE = {jnp.dtype("float32"): 1e-3, jnp.dtype("float64"): 1e-8}
"""How much of its slope at the start may be left at the equilibrium of a quadratic energy."""


def equilibrium(hierarchy: Hierarchy, clamps: Clamps) -> Settled:
    """Where inference ends when every prediction is linear in the free activities and every energy
    quadratic: one linear solve for each sample, dense in its free units.

    Raises `ValueError` (outside jit) for a hierarchy whose energy is not quadratic in the free
    activities, or has no single minimum; inside jit see `Settled.residual`.
    Source: Innocenti et al. 2024, Only strict saddles in the energy landscape of predictive coding
    networks, theorem 1 (the energy there).
    """
    system = settling(hierarchy, clamps)
    first = system.initial_state()
    if not jax.tree.leaves(first):
        return settled_at(system, first, first, jnp.zeros((), jnp.int32), None)

    def one(state: dict, clamps: dict, given: dict) -> dict:
        alone = Settling(hierarchy, clamps, {}, given, system.resting)
        flat, as_state = jax.flatten_util.ravel_pytree(state)
        energy = lambda z: alone.energy(as_state(z))  # noqa: E731
        slope, curvature = jax.grad(energy)(flat), jax.hessian(energy)(flat)
        return as_state(flat - jnp.linalg.solve(curvature, slope))

    solve = jax.vmap(one) if system.samples else one
    final = solve(first, system.clamps, system.given)
    settled = settled_at(system, first, final, jnp.ones((), jnp.int32), None)
    if is_known(settled.residual):
        _refuse_nonlinear(system, first, settled)
    return settled


def _refuse_nonlinear(system: Settling, first: dict, settled: Settled) -> None:
    slope: dict[str, Array] = system.vector_field(0.0, first, None)
    start = max(float(jnp.max(jnp.abs(x))) for x in slope.values())
    left = float(jnp.max(settled.residual))
    if not left <= TOLERANCE[jnp.dtype(system.hierarchy.dtype)] * max(start, 1.0):
        raise ValueError(
            f"equilibrium: a slope of {left:.3g} is left: the energy is not quadratic in the free "
            "activities, or has no single minimum. Use infer."
        )
