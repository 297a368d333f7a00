"""Conductances on a tree: a symmetric operator on its compartments, and its direct solver."""

from functools import partial
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
from jax.ad_checkpoint import checkpoint_name
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float, Int

from ..core import SOLVED, spread_rows, take_rows


class Tree:
    """Which nodes are joined, and in what order they are eliminated; hashable, for jit.

    Nodes from `compartments` on are junctions without a membrane. `sweep` are, from the tips to the
    root, each node but the root, the node it hangs from, and the edge between them. Nodes at one
    depth follow one another: the processor works on several at a time.
    """

    def __init__(
        self, compartments: int, nodes: int, ends: Int[np.ndarray, "edge 2"], root: int = 0
    ) -> None:
        self.compartments, self.nodes, self.root = compartments, nodes, root
        self.ends = np.asarray(ends, np.int32).reshape(-1, 2)
        self.sweep = _elimination(nodes, self.ends, root)
        self._key = (compartments, nodes, root, self.ends.tobytes())

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tree) and self._key == other._key

    def __repr__(self) -> str:
        return f"Tree({self.compartments} compartments, {self.nodes} nodes)"


def _elimination(nodes: int, ends: np.ndarray, root: int) -> np.ndarray:
    neighbours: list[list[tuple[int, int]]] = [[] for _ in range(nodes)]
    for edge, (a, b) in enumerate(ends.tolist()):
        neighbours[a].append((b, edge))
        neighbours[b].append((a, edge))
    above, edge_of = {root: -1}, {root: -1}
    reached = [root]
    for node in reached:  # grows as it is read: breadth first
        for other, edge in neighbours[node]:
            if other not in above:
                above[other], edge_of[other] = node, edge
                reached.append(other)
    if len(reached) != nodes or len(ends) != nodes - 1:
        raise ValueError(
            f"ends: {len(ends)} edges between {nodes} nodes, of which {len(reached)} hang "
            "together, are no tree."
        )
    order = reached[:0:-1]
    sweep = [order, [above[node] for node in order], [edge_of[node] for node in order]]
    return np.array(sweep, np.int32)


class TreeOperator(lx.AbstractLinearOperator):
    """`y = d x + Σ g (x − x')`, summed over the neighbours x' of each compartment; junctions are at
    the potential at which as much current leaves them as enters.

    diagonal [compartment, *shape] and axial [edge] or [edge, *shape], all positive (µS).
    """

    diagonal: Float[Array, "compartment *shape"]
    axial: Float[Array, "edge *axial_shape"]
    tree: Tree = eqx.field(static=True)

    def mv(self, vector: Float[Array, "compartment *shape"]) -> Float[Array, "compartment *shape"]:
        return self.diagonal * vector + axial_current(self.tree, self.axial, vector)

    def as_matrix(self) -> Float[Array, "compartment compartment"]:
        columns = jnp.eye(self.tree.compartments, dtype=self.diagonal.dtype)
        return jax.vmap(self.mv, in_axes=1, out_axes=1)(columns)

    def transpose(self) -> "TreeOperator":
        return self

    def in_structure(self) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(self.diagonal.shape, self.diagonal.dtype)

    def out_structure(self) -> jax.ShapeDtypeStruct:
        return self.in_structure()

    def __add__(self, other: lx.AbstractLinearOperator) -> lx.AbstractLinearOperator:
        if isinstance(other, lx.DiagonalLinearOperator):
            return TreeOperator(self.diagonal + other.diagonal, self.axial, self.tree)
        return super().__add__(other)


for _property, _holds in {
    lx.is_symmetric: True,
    lx.is_positive_semidefinite: True,
    lx.is_negative_semidefinite: False,
    lx.is_diagonal: False,
    lx.is_tridiagonal: False,
    lx.has_unit_diagonal: False,
    lx.is_lower_triangular: False,
    lx.is_upper_triangular: False,
}.items():
    _property.register(TreeOperator)(lambda operator, holds=_holds: holds)
for _change in (lx.linearise, lx.materialise):
    _change.register(TreeOperator)(lambda operator: operator)


def axial_current(
    tree: Tree, axial: Float[Array, "edge *axial_shape"], v: Float[Array, "compartment *shape"]
) -> Float[Array, "compartment *shape"]:
    """What flows out of each compartment to its neighbours (nA, at v in mV)."""
    g = _with_axes(axial, v)
    a, b = tree.ends.T
    to = np.flatnonzero(a >= tree.compartments)
    if len(to):
        junction, junctions = _rows(a[to] - tree.compartments), tree.nodes - tree.compartments
        there = take_rows(g, _rows(to))
        pull = spread_rows(there * take_rows(v, _rows(b[to])), junction, junctions)
        v = jnp.concatenate([v, pull / spread_rows(there, junction, junctions)])
    return _outflow(tree, g, v)[: tree.compartments]


def _outflow(tree: Tree, g: Array, x: Array) -> Array:
    """`Σ g (x − x')` at each node."""
    a, b = (_rows(ends) for ends in tree.ends.T)
    flow = g * (take_rows(x, a) - take_rows(x, b))
    return spread_rows(flow, a, tree.nodes) - spread_rows(flow, b, tree.nodes)


def _rows(index: np.ndarray) -> tuple[int, ...]:
    return tuple(index.tolist())


class TreeSolver(lx.AbstractLinearSolver):
    """Elimination from the tips to the root, and back: exact, without fill, O(compartments).

    What is kept of a node's diagonal is its excess over the conductances to its neighbours: nothing
    is subtracted, so that single precision loses nothing where these are large. Source: Hines 1984,
    Int. J. Biomed. Comput. 15, 69–76; Grassmann, Taksar & Heyman 1985, Oper. Res. 33, 1107, for the
    excess.
    """

    own_adjoint: ClassVar[bool] = True

    def init(self, operator: lx.AbstractLinearOperator, options: dict[str, Any]) -> TreeOperator:
        if not isinstance(operator, TreeOperator):
            raise TypeError(f"TreeSolver solves a TreeOperator, got {type(operator).__name__}.")
        return operator

    def compute(
        self, state: TreeOperator, vector: Array, options: dict[str, Any]
    ) -> tuple[Array, lx.RESULTS, dict[str, Any]]:
        tree = state.tree
        axial = _with_axes(state.axial, vector)
        axial = jnp.broadcast_to(axial, (len(axial), *vector.shape[1:]))
        junctions = jnp.zeros((tree.nodes - tree.compartments, *vector.shape[1:]), vector.dtype)
        diagonal, source = (jnp.concatenate([x, junctions]) for x in (state.diagonal, vector))
        solution = _solved(tree, diagonal, axial, source)
        return solution[: tree.compartments], lx.RESULTS.successful, {}

    def transpose(
        self, state: TreeOperator, options: dict[str, Any]
    ) -> tuple[TreeOperator, dict[str, Any]]:
        return state, {}

    conj = transpose

    def assume_full_rank(self) -> bool:
        return True


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _solved(tree: Tree, diagonal: Array, axial: Array, source: Array) -> Array:
    """The solution at all nodes."""
    return _linear_solve(tree, diagonal, axial, source)


def _solved_jvp(tree: Tree, primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    """`A dx = db − dA x`: in reverse a solve with the same A, and sums over edges. A gradient that
    remembers little else keeps the solution."""
    diagonal, axial, _ = primals
    x = checkpoint_name(_solved(tree, *primals), SOLVED)
    change = jnp.zeros_like(x)
    moved_diagonal, moved_axial, moved_source = (
        None if isinstance(t, SymbolicZero) else t for t in tangents
    )
    if moved_source is not None:
        change += moved_source
    if moved_diagonal is not None:
        change -= moved_diagonal * x
    if moved_axial is not None:
        change -= _outflow(tree, moved_axial, x)
    return x, _linear_solve(tree, diagonal, axial, change)


_solved.defjvp(_solved_jvp, symbolic_zeros=True)


def _linear_solve(tree: Tree, diagonal: Array, axial: Array, source: Array) -> Array:
    """Linear in `source` alone, and symmetric."""
    diagonal, axial = jax.lax.stop_gradient((diagonal, axial))
    solve = _solver_of(tree)
    return jax.lax.custom_linear_solve(
        lambda x: diagonal * x + _outflow(tree, axial, x),
        source,
        lambda _, b: solve(diagonal, axial, b),
        symmetric=True,
    )


def _solver_of(tree: Tree) -> Any:
    """`eliminated` of this tree, which puts a batch on the last axis, where rows are contiguous."""

    @jax.custom_batching.custom_vmap
    def solve(diagonal: Array, axial: Array, source: Array) -> Array:
        return eliminated(tree, diagonal, axial, source)

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


def eliminated(
    tree: Tree,
    diagonal: Float[Array, "node *shape"],
    axial: Float[Array, "edge *shape"],
    source: Float[Array, "node *shape"],
) -> Float[Array, "node *shape"]:
    """The solution x of `d x + Σ g (x − x') = source`, one node after the other."""
    if tree.nodes == 1:
        return source / diagonal
    excess, x = diagonal, source
    nodes, parents, edges = (jnp.asarray(k, jnp.uint32) for k in tree.sweep)
    count = tree.nodes - 1

    def up(k: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        excess, x = carry
        node, parent, g = _row(nodes, k), _row(parents, k), _row(axial, _row(edges, k))
        own = _row(excess, node)
        share = g / (own + g)
        return _added(excess, share * own, parent), _added(x, share * _row(x, node), parent)

    def down(n: Array, x: Array) -> Array:
        k = count - 1 - n
        node, parent, g = _row(nodes, k), _row(parents, k), _row(axial, _row(edges, k))
        value = (_row(x, node) + g * _row(x, parent)) / (_row(excess, node) + g)
        return jax.lax.dynamic_update_index_in_dim(x, value, node, 0)

    excess, x = jax.lax.fori_loop(0, count, up, (excess, x))
    x = x.at[tree.root].divide(excess[tree.root])
    return jax.lax.fori_loop(0, count, down, x)


def _row(x: Array, k: Array) -> Array:
    """x[k], with an unsigned k, which spares a look whether it is negative."""
    return jax.lax.dynamic_index_in_dim(x, k.astype(jnp.uint32), 0, keepdims=False)


def _added(x: Array, change: Array, k: Array) -> Array:
    return jax.lax.dynamic_update_index_in_dim(x, _row(x, k) + change, k, 0)


def _with_axes(axial: Array, v: Array) -> Array:
    """axial with as many axes as v."""
    return axial.reshape(axial.shape + (1,) * (v.ndim - axial.ndim))
