"""Conductances on a tree: a symmetric operator on its compartments, and its direct solver."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
from jaxtyping import Array, Float, Int


class Tree:
    """Which nodes are joined, and in what order they are eliminated; hashable, for jit.

    Nodes from `compartments` on are junctions without a membrane. `order` are the nodes from the
    tips to the root, which is last; of each but the root, `parent` is the place in that order of
    the node it hangs from, and `edge` the edge to it. Nodes at one depth follow one another: the
    processor works on several at a time.
    """

    def __init__(
        self, compartments: int, nodes: int, ends: Int[np.ndarray, "edge 2"], root: int = 0
    ) -> None:
        self.compartments, self.nodes = compartments, nodes
        self.ends = np.asarray(ends, np.int32).reshape(-1, 2)
        self.order, self.parent, self.edge = _elimination(nodes, self.ends, root)
        self.place = np.empty(nodes, np.int32)
        self.place[self.order] = np.arange(nodes)
        self._key = (compartments, nodes, root, self.ends.tobytes())

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tree) and self._key == other._key

    def __repr__(self) -> str:
        return f"Tree({self.compartments} compartments, {self.nodes} nodes)"


def _elimination(
    nodes: int, ends: np.ndarray, root: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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
    place = {node: nodes - 1 - k for k, node in enumerate(reached)}
    order = reached[::-1]
    return (
        np.array(order, np.int32),
        np.array([place[above[node]] for node in order[:-1]], np.int32),
        np.array([edge_of[node] for node in order[:-1]], np.int32),
    )


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
    junctions = tree.nodes - tree.compartments
    if junctions:
        to = np.flatnonzero(a >= tree.compartments)
        junction = a[to] - tree.compartments
        pull = jax.ops.segment_sum(g[to] * v[b[to]], junction, junctions)
        v = jnp.concatenate([v, pull / jax.ops.segment_sum(g[to], junction, junctions)])
    flow = g * (v[a] - v[b])
    return jnp.zeros_like(v).at[a].add(flow).at[b].add(-flow)[: tree.compartments]


class TreeSolver(lx.AbstractLinearSolver):
    """Elimination from the tips to the root, and back: exact, without fill, O(compartments).

    What is kept of a node's diagonal is its excess over the conductances to its neighbours: nothing
    is subtracted, so that single precision loses nothing where these are large. Source: Hines 1984,
    Int. J. Biomed. Comput. 15, 69–76; Grassmann, Taksar & Heyman 1985, Oper. Res. 33, 1107, for the
    excess.
    """

    def init(self, operator: lx.AbstractLinearOperator, options: dict[str, Any]) -> TreeOperator:
        if not isinstance(operator, TreeOperator):
            raise TypeError(f"TreeSolver solves a TreeOperator, got {type(operator).__name__}.")
        return operator

    def compute(
        self, state: TreeOperator, vector: Array, options: dict[str, Any]
    ) -> tuple[Array, lx.RESULTS, dict[str, Any]]:
        axial = jnp.broadcast_to(
            _with_axes(state.axial, vector), (len(state.axial), *vector.shape[1:])
        )
        solution = _solver_of(state.tree)(state.diagonal, axial, vector)
        return solution, lx.RESULTS.successful, {}

    def transpose(
        self, state: TreeOperator, options: dict[str, Any]
    ) -> tuple[TreeOperator, dict[str, Any]]:
        return state, {}

    conj = transpose

    def assume_full_rank(self) -> bool:
        return True


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
    diagonal: Float[Array, "compartment *shape"],
    axial: Float[Array, "edge *shape"],
    source: Float[Array, "compartment *shape"],
) -> Float[Array, "compartment *shape"]:
    """The solution x of `d x + Σ g (x − x') = source`, one node after the other."""
    if tree.nodes == 1:
        return source / diagonal
    junctions = jnp.zeros((tree.nodes - tree.compartments, *source.shape[1:]), source.dtype)
    excess = jnp.concatenate([diagonal, junctions])[tree.order]
    x = jnp.concatenate([source, junctions])[tree.order]
    g = axial[tree.edge]
    parent = jnp.asarray(tree.parent, jnp.uint32)
    count = tree.nodes - 1

    def up(k: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        excess, x = carry
        k = k.astype(jnp.uint32)
        to, own, conductance = _row(parent, k), _row(excess, k), _row(g, k)
        share = conductance / (own + conductance)
        return _added(excess, share * own, to), _added(x, share * _row(x, k), to)

    excess, x = jax.lax.fori_loop(0, count, up, (excess, x))
    inverse = 1 / (excess + jnp.concatenate([g, jnp.zeros_like(x[:1])]))
    x, share = x * inverse, g * inverse[:-1]

    def down(n: Array, x: Array) -> Array:
        k = (count - 1 - n).astype(jnp.uint32)
        return _added(x, _row(share, k) * _row(x, _row(parent, k)), k)

    x = jax.lax.fori_loop(0, count, down, x)
    return x[tree.place[: tree.compartments]]


def _row(x: Array, k: Array) -> Array:
    """x[k], with an unsigned k, which spares a look whether it is negative."""
    return jax.lax.dynamic_index_in_dim(x, k, 0, keepdims=False)


def _added(x: Array, change: Array, k: Array) -> Array:
    return jax.lax.dynamic_update_index_in_dim(x, _row(x, k) + change, k, 0)


def _with_axes(axial: Array, v: Array) -> Array:
    """axial with as many axes as v."""
    return axial.reshape(axial.shape + (1,) * (v.ndim - axial.ndim))
