"""Conductances on a tree: a symmetric operator on its compartments, and its direct solver."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
from jaxtyping import Array, Float


class Tree:
    """Which nodes are joined, and in what order they are eliminated; hashable, for jit.

    Nodes from `compartments` on are junctions without a membrane. In elimination order each node
    comes before the one that it hangs from; the root is last.
    """

    def __init__(self, compartments: int, nodes: int, ends: np.ndarray, root: int = 0) -> None:
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
    """Nodes from the tips to the root; for each but the root, its parent's place and its edge."""
    neighbours: list[list[tuple[int, int]]] = [[] for _ in range(nodes)]
    for edge, (a, b) in enumerate(ends.tolist()):
        neighbours[a].append((b, edge))
        neighbours[b].append((a, edge))
    seen, above, edge_of = [root], {root: -1}, {root: -1}
    pending = [root]
    while pending:
        node = pending.pop()
        for other, edge in neighbours[node]:
            if other not in above:
                above[other], edge_of[other] = node, edge
                seen.append(other)
                pending.append(other)
    if len(seen) != nodes:
        raise ValueError(f"the tree has {nodes} nodes, of which {len(seen)} hang together.")
    order = np.array(seen[::-1], np.int32)
    place = {int(node): k for k, node in enumerate(order)}
    hanging = order[:-1]
    return (
        order,
        np.array([place[above[int(node)]] for node in hanging], np.int32),
        np.array([edge_of[int(node)] for node in hanging], np.int32),
    )


class TreeOperator(lx.AbstractLinearOperator):
    """`y = d x + Σ g (x − x')` over the neighbours x' of each compartment, junctions at the
    potential at which no current stays in them.

    diagonal [compartment, *shape] and axial [edge, *shape or edge], both µS.
    """

    diagonal: Float[Array, "compartment *shape"]
    axial: Float[Array, "edge *axial_shape"]
    tree: Tree = eqx.field(static=True)

    def mv(self, vector: Float[Array, "compartment *shape"]) -> Float[Array, "compartment *shape"]:
        return self.diagonal * vector + axial_currents(self.tree, self.axial, vector)

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
            return eqx.tree_at(lambda o: o.diagonal, self, self.diagonal + other.diagonal)
        return super().__add__(other)


@lx.is_symmetric.register(TreeOperator)
def _(operator: TreeOperator) -> bool:
    return True


for _property in (
    lx.is_diagonal,
    lx.is_tridiagonal,
    lx.has_unit_diagonal,
    lx.is_lower_triangular,
    lx.is_upper_triangular,
    lx.is_negative_semidefinite,
):
    _property.register(TreeOperator)(lambda operator: False)

lx.is_positive_semidefinite.register(TreeOperator)(lambda operator: True)
lx.linearise.register(TreeOperator)(lambda operator: operator)
lx.materialise.register(TreeOperator)(lambda operator: operator)


def axial_currents(
    tree: Tree, axial: Float[Array, "edge *axial_shape"], v: Float[Array, "compartment *shape"]
) -> Float[Array, "compartment *shape"]:
    """What flows out of each compartment to its neighbours (nA at v in mV)."""
    g = axial.reshape(axial.shape + (1,) * (v.ndim - axial.ndim))
    a, b = tree.ends.T
    extra = tree.nodes - tree.compartments
    if extra:
        of_junction = a >= tree.compartments
        junction = a[of_junction] - tree.compartments
        pull = jax.ops.segment_sum(g[of_junction] * v[b[of_junction]], junction, extra)
        total = jax.ops.segment_sum(g[of_junction], junction, extra)
        v = jnp.concatenate([v, pull / total])
    flow = g * (v[a] - v[b])
    out = jnp.zeros_like(v).at[a].add(flow).at[b].add(-flow)
    return out[: tree.compartments]


class TreeSolver(lx.AbstractLinearSolver):
    """Gaussian elimination from the tips to the root, and back: no fill, O(compartments).

    Source: Hines 1984, Int. J. Biomed. Comput. 15, 69–76.
    """

    def init(self, operator: lx.AbstractLinearOperator, options: dict[str, Any]) -> TreeOperator:
        if not isinstance(operator, TreeOperator):
            raise TypeError(f"TreeSolver solves a TreeOperator, got {type(operator).__name__}.")
        return operator

    def compute(
        self, state: TreeOperator, vector: Array, options: dict[str, Any]
    ) -> tuple[Array, lx.RESULTS, dict[str, Any]]:
        return eliminated(state.tree, state.diagonal, state.axial, vector), lx.RESULTS.successful, {}

    def transpose(
        self, state: TreeOperator, options: dict[str, Any]
    ) -> tuple[TreeOperator, dict[str, Any]]:
        return state, {}

    def conj(
        self, state: TreeOperator, options: dict[str, Any]
    ) -> tuple[TreeOperator, dict[str, Any]]:
        return state, {}

    def assume_full_rank(self) -> bool:
        return True


def eliminated(
    tree: Tree,
    diagonal: Float[Array, "compartment *shape"],
    axial: Float[Array, "edge *axial_shape"],
    source: Float[Array, "compartment *shape"],
) -> Float[Array, "compartment *shape"]:
    """The solution, one node at a time."""
    extra = (tree.nodes - tree.compartments, *source.shape[1:])
    g = axial.reshape(axial.shape + (1,) * (source.ndim - axial.ndim))
    zeros = jnp.zeros(extra, source.dtype)
    a, b = tree.ends.T
    sums = jnp.zeros((tree.nodes, *g.shape[1:]), g.dtype).at[a].add(g).at[b].add(g)
    d = (jnp.concatenate([diagonal, zeros]) + sums)[tree.order]
    x = jnp.concatenate([source, zeros])[tree.order]
    g = g[tree.edge]
    parent = jnp.asarray(tree.parent)

    def up(k: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        d, x = carry
        to, factor = parent[k], g[k] / d[k]
        return d.at[to].add(-factor * g[k]), x.at[to].add(factor * x[k])

    def down(k: Array, x: Array) -> Array:
        here = tree.nodes - 2 - k
        return x.at[here].set((x[here] + g[here] * x[parent[here]]) / d[here])

    d, x = jax.lax.fori_loop(0, tree.nodes - 1, up, (d, x))
    x = x.at[tree.nodes - 1].divide(d[tree.nodes - 1])
    x = jax.lax.fori_loop(0, tree.nodes - 1, down, x)
    return x[tree.place[: tree.compartments]]
