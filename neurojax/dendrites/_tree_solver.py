"""The direct solver of conductances on a tree, and its adjoint."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
from jax.ad_checkpoint import checkpoint_name
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array

from ..core import SOLVED
from ._contraction import contracted
from ._elimination import eliminated
from ._tree import Tree, outflow, with_axes
from ._tree_operator import TreeOperator


class TreeSolver(lx.AbstractLinearSolver):
    """Exact, in O(compartments), by `method`: "elimination" of one node after the other, from the
    tips to the root and back, or "contraction" of many at once; None is the first on a CPU, whose
    threads are few, and else the second. Populations and batches are the last axis of either.

    What is kept of a node's diagonal is its excess over the conductances to its neighbours: nothing
    is subtracted, so that single precision loses nothing where these are large. Source: Hines 1984,
    Int. J. Biomed. Comput. 15, 69–76; Grassmann, Taksar & Heyman 1985, Oper. Res. 33, 1107, for the
    excess.
    """

    method: str | None = eqx.field(static=True, default=None)
    own_adjoint: ClassVar[bool] = True

    def __check_init__(self) -> None:
        if self.method not in (None, *METHODS):
            raise ValueError(
                f"TreeSolver: method must be one of {', '.join(METHODS)} or None, got "
                f"{self.method!r}."
            )

    def init(self, operator: lx.AbstractLinearOperator, options: dict[str, Any]) -> TreeOperator:
        if not isinstance(operator, TreeOperator):
            raise TypeError(f"TreeSolver solves a TreeOperator, got {type(operator).__name__}.")
        return operator

    def compute(
        self, state: TreeOperator, vector: Array, options: dict[str, Any]
    ) -> tuple[Array, lx.RESULTS, dict[str, Any]]:
        tree = state.tree
        axial = with_axes(state.axial, vector)
        axial = jnp.broadcast_to(axial, (len(axial), *vector.shape[1:]))
        junctions = jnp.zeros((tree.nodes - tree.compartments, *vector.shape[1:]), vector.dtype)
        diagonal, source = (jnp.concatenate([x, junctions]) for x in (state.diagonal, vector))
        method = self.method or default_method()
        solution = _solved(tree, method, diagonal, axial, source)
        return solution[: tree.compartments], lx.RESULTS.successful, {}

    def transpose(
        self, state: TreeOperator, options: dict[str, Any]
    ) -> tuple[TreeOperator, dict[str, Any]]:
        return state, {}

    conj = transpose

    def assume_full_rank(self) -> bool:
        return True


METHODS = {"elimination": eliminated, "contraction": contracted}


def default_method() -> str:
    return "elimination" if jax.default_backend() == "cpu" else "contraction"


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _solved(tree: Tree, method: str, diagonal: Array, axial: Array, source: Array) -> Array:
    """The solution at all nodes."""
    return _linear_solve(tree, method, diagonal, axial, source)


def _solved_jvp(tree: Tree, method: str, primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    """`A dx = db − dA x`: in reverse a solve with the same A, and sums over edges. A gradient that
    remembers little else keeps the solution."""
    diagonal, axial, _ = primals
    x = checkpoint_name(_solved(tree, method, *primals), SOLVED)
    change = jnp.zeros_like(x)
    moved_diagonal, moved_axial, moved_source = (
        None if isinstance(t, SymbolicZero) else t for t in tangents
    )
    if moved_source is not None:
        change += moved_source
    if moved_diagonal is not None:
        change -= moved_diagonal * x
    if moved_axial is not None:
        change -= outflow(tree, moved_axial, x)
    return x, _linear_solve(tree, method, diagonal, axial, change)


_solved.defjvp(_solved_jvp, symbolic_zeros=True)


def _linear_solve(tree: Tree, method: str, diagonal: Array, axial: Array, source: Array) -> Array:
    """Transposable in `source`; JAX's general rule in the others serves second derivatives."""
    solve = _solver_of(tree, METHODS[method])
    return jax.lax.custom_linear_solve(
        lambda x: diagonal * x + outflow(tree, axial, x),
        source,
        lambda _, b: solve(diagonal, axial, b),
        symmetric=True,
    )


def _solver_of(tree: Tree, method: Callable) -> Any:
    """The method for this tree, which puts a batch on the last axis, where rows are contiguous."""

    @jax.custom_batching.custom_vmap
    def solve(diagonal: Array, axial: Array, source: Array) -> Array:
        return method(tree, diagonal, axial, source)

    @solve.def_vmap
    def batched(size: int, mapped: list[bool], *operands: Array) -> tuple[Array, bool]:
        last = [
            jnp.moveaxis(x, 0, -1)
            if is_mapped
            else jnp.broadcast_to(x[..., None], (*x.shape, size))
            for x, is_mapped in zip(operands, mapped, strict=True)
        ]
        return jnp.moveaxis(solve(*last), -1, 0), True

    return solve
