"""Exponential Euler as a diffrax solver."""

from collections.abc import Callable
from typing import Any, ClassVar

import diffrax
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree


def phi1(z: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """`(exp(z) − 1) / z`, 1 at z = 0, in value and derivative."""
    tiny = jnp.abs(z) < jnp.finfo(z.dtype).eps ** 0.5
    safe = jnp.where(tiny, 1, z)
    return jnp.where(tiny, 1 + z / 2, jnp.expm1(safe) / safe)


def linearised(
    flow: Callable[[PyTree], PyTree], y: PyTree, skip: Callable[[int], bool] = lambda _: False
) -> list[tuple[Array, Array] | None]:
    """For each leaf of `y`: its rate, and the derivative of that rate along the leaf itself.

    One forward derivative a leaf with ones in that leaf alone: this is the diagonal of the leaf's
    Jacobian wherever its elements do not couple (gates, membranes). None for skipped leaves.
    """
    leaves, structure = jax.tree.flatten(y)

    def along(i: int) -> tuple[Array, Array]:
        def rate(leaf: Array) -> Array:
            moved = structure.unflatten([*leaves[:i], leaf, *leaves[i + 1 :]])
            return jax.tree.leaves(flow(moved))[i]

        return jax.jvp(rate, (leaves[i],), (jnp.ones_like(leaves[i]),))

    return [None if skip(i) else along(i) for i in range(len(leaves))]


class ExponentialEuler(diffrax.AbstractItoSolver):
    """Each leaf moves along the exact solution of its own linearisation over the step.

    `y₁ = y₀ + h φ₁(h a) f(y₀)` with `a` the derivative of each element's rate along itself: exact
    for leaky integrators under a constant drive and for gates at a held voltage, first order
    elsewhere. Where elements of one leaf couple, it stays first order and is merely less stable.
    With a diffusion term, the noise is that of the linearised process (exact for an
    Ornstein-Uhlenbeck process): `√φ₁(2ha) σ ΔW`.

    Source: Hochbruck & Ostermann 2010, Exponential integrators, Acta Numerica 19, eq. 2.46 with a
    diagonal Jacobian; Gillespie 1996, Phys. Rev. E 54, eq. 1.9 for the noise.
    """

    term_structure: ClassVar = diffrax.AbstractTerm
    interpolation_cls: ClassVar = diffrax.LocalLinearInterpolation

    def order(self, terms: PyTree) -> int:
        return 1

    def strong_order(self, terms: PyTree) -> float:
        return 0.5

    def init(self, terms: PyTree, t0: Any, t1: Any, y0: PyTree, args: PyTree) -> None:
        return None

    def step(
        self,
        terms: Any,
        t0: Any,
        t1: Any,
        y0: PyTree,
        args: PyTree,
        solver_state: None,
        made_jump: Any,
    ) -> tuple[PyTree, None, dict, None, diffrax.RESULTS]:
        drift, *noise = terms.terms if isinstance(terms, diffrax.MultiTerm) else (terms,)
        h = drift.contr(t0, t1)
        leaves, structure = jax.tree.flatten(y0)
        rates = linearised(lambda y: drift.vf(t0, y, args), y0)
        moved = [y + h * phi1(h * a) * f for y, (f, a) in zip(leaves, rates, strict=True)]
        for term in noise:
            kicks = jax.tree.leaves(term.vf_prod(t0, y0, args, term.contr(t0, t1)))
            moved = [
                y + jnp.sqrt(phi1(2 * h * a)) * kick
                for y, (_, a), kick in zip(moved, rates, kicks, strict=True)
            ]
        y1 = structure.unflatten(moved)
        return y1, None, {"y0": y0, "y1": y1}, None, diffrax.RESULTS.successful

    def func(self, terms: Any, t0: Any, y0: PyTree, args: PyTree) -> PyTree:
        return terms.vf(t0, y0, args)
