"""The exact propagator of linear systems, as a diffrax solver."""

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from ._exponential_euler import unwrapped
from ._step_solver import StepSolver

DOUBLINGS = 10


class Propagators(eqx.Module):
    """`h φ₁(h A)` of a step of `h` ms, for neurons that are free and those that are refractory
    (None where nothing freezes); row and column are leaves of the state in order."""

    h: Float[Array, ""]
    free: Float[Array, "leaves leaves *small"]
    frozen: Float[Array, "leaves leaves *small"] | None


class ExactLinear(StepSolver):
    """`y₁ = y₀ + h φ₁(h A) f(y₀)`: exact for `f(y) = A y + b` with b held in the step.

    A couples the leaves of the state, element by element: neurons do not see each other, and all
    leaves that flow have one shape. It must not change over the run (of time constants and coupling
    strengths it may be made, not of a drive or of variables), but for neurons that are refractory:
    where the state has a leaf `frozen` above zero, the A of the frozen system holds. It is found by
    forward derivatives, once, as is `φ₁`; the steps multiply and add. Equal time constants are no
    special case.

    A system that is not linear is integrated wrongly, and nothing tells: name this as the
    `default_solver` of one that is. All steps must be equally long.

    Source: Rotter & Diesmann 1999, Biol. Cybern. 81, 381–402, eqs. 3–5.
    """

    def init(self, terms: Any, t0: Any, t1: Any, y0: PyTree, args: PyTree) -> Propagators:
        flow, h = unwrapped(terms).vector_field, jnp.asarray(terms.contr(t0, t1))
        shapes = {x.shape for x in jax.tree.leaves(y0)}
        if len(shapes) != 1:
            raise TypeError(f"ExactLinear needs leaves of one shape, got {sorted(shapes)}.")
        one = _first_of(shapes.pop())
        y, args = one(y0), one(args)

        def propagator(flow: Callable) -> Float[Array, "leaves leaves *small"]:
            return h * phi1_of_matrix(h * jacobian(lambda y: flow(t0, y, args), y))

        if _frozen(flow) is None:
            return Propagators(h, propagator(flow), None)
        flow = eqx.tree_at(lambda f: f.held, flow, one(flow.held))
        free, frozen = (flow.with_frozen(y, jnp.array(which)) for which in (False, True))
        return Propagators(h, propagator(free), propagator(frozen))

    def step(
        self,
        terms: Any,
        t0: Any,
        t1: Any,
        y0: PyTree,
        args: PyTree,
        solver_state: Propagators,
        made_jump: Any,
    ) -> tuple[PyTree, None, dict, Propagators, diffrax.RESULTS]:
        rates = jax.tree.leaves(terms.vf(t0, y0, args))
        change = _applied(solver_state.free, rates)
        frozen = _frozen(unwrapped(terms).vector_field)
        if frozen is not None and solver_state.frozen is not None:
            held = _applied(solver_state.frozen, rates)
            change = [jnp.where(frozen, a, b) for a, b in zip(held, change, strict=True)]
        y1 = jax.tree.map(jnp.add, y0, jax.tree.unflatten(jax.tree.structure(y0), change))
        h = terms.contr(t0, t1)
        same = jnp.abs(h - solver_state.h) <= 1e-3 * jnp.abs(solver_state.h)
        result = diffrax.RESULTS.where(
            same, diffrax.RESULTS.successful, diffrax.RESULTS.internal_error
        )
        return y1, None, {"y0": y0, "y1": y1}, solver_state, result


def jacobian(flow: Callable[[PyTree], PyTree], y: PyTree) -> Float[Array, "leaves leaves *small"]:
    """The derivative of each leaf's rate (row) along each leaf (column), element by element."""
    leaves, structure = jax.tree.flatten(y)

    def along(i: int) -> list[Array]:
        def rates(leaf: Array) -> list[Array]:
            return jax.tree.leaves(flow(structure.unflatten([*leaves[:i], leaf, *leaves[i + 1 :]])))

        return jax.jvp(rates, (leaves[i],), (jnp.ones_like(leaves[i]),))[1]

    columns = [along(i) for i in range(len(leaves))]
    shape = jnp.broadcast_shapes(*(x.shape for column in columns for x in column))
    return jnp.stack(
        [jnp.stack([jnp.broadcast_to(x, shape) for x in column]) for column in columns], 1
    )


def phi1_of_matrix(
    Z: Float[Array, "leaves leaves *small"],
) -> Float[Array, "leaves leaves *small"]:
    """`Z⁻¹ (exp Z − 1)`, of Z singular or not: a Taylor polynomial at Z / 2¹⁰ and ten doublings,
    `φ₁(2W) = φ₁(W) (1 + W φ₁(W) / 2)`. NaN where a row of |Z| adds up to more than 2¹⁰.

    A hundred times as fast for a population as `expm` of jax, which takes it matrix by matrix.
    Source: Higham 2008, Functions of Matrices, sec. 10.7.4.
    """
    ones = jnp.ones(Z.shape[2:], Z.dtype)
    identity = jnp.tensordot(jnp.eye(Z.shape[0], dtype=Z.dtype), ones, 0)
    order = 10 if Z.dtype == jnp.float32 else 18  # 1 / (order + 2)! is below the precision
    W = Z / 2**DOUBLINGS
    value = identity / math.factorial(order + 1)
    for k in range(order, 0, -1):
        value = identity / math.factorial(k) + _product(W, value)

    def doubled(pair: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], None]:
        W, value = pair
        return (2 * W, value + _product(value, _product(W, value)) / 2), None

    (_, value), _ = jax.lax.scan(doubled, (W, value), length=DOUBLINGS)
    fits = jnp.max(jnp.sum(jnp.abs(Z), 1), 0) <= 2**DOUBLINGS
    return jnp.where(fits, value, jnp.nan)


def _product(
    a: Float[Array, "leaves leaves *small"], b: Float[Array, "leaves leaves *small"]
) -> Float[Array, "leaves leaves *small"]:
    """The product of two matrices, neuron by neuron."""
    return jnp.sum(a[:, :, None] * b[None], 1)


def _applied(
    propagator: Float[Array, "leaves leaves *small"], rates: list[Array]
) -> list[Float[Array, "*shape"]]:
    products = [[p * f for p, f in zip(row, rates, strict=True)] for row in propagator]
    return [functools.reduce(jnp.add, row) for row in products]


def _first_of(shape: tuple[int, ...]) -> Callable[[PyTree], PyTree]:
    """Takes the first neuron of state and drive: A does not depend on them, and where no parameter
    differs between neurons, one propagator then serves all."""

    def first(x: Any) -> Any:
        return x.reshape(-1)[0] if eqx.is_array(x) and x.shape == shape else x

    return lambda tree: jax.tree.map(first, tree)


def _frozen(flow: Any) -> Bool[Array, "*shape"] | None:
    """Which neurons are refractory; None for a flow that knows of none."""
    held = getattr(flow, "held", None)
    steps = held.get("frozen") if isinstance(held, Mapping) else getattr(held, "frozen", None)
    return None if steps is None else steps > 0
