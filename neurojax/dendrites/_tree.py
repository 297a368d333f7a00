"""Which compartments are joined, and the currents between them."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..core import spread_rows, take_rows


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


def axial_current(
    tree: Tree, axial: Float[Array, "edge *axial_shape"], v: Float[Array, "compartment *shape"]
) -> Float[Array, "compartment *shape"]:
    """What flows out of each compartment to its neighbours (nA, at v in mV)."""
    g = with_axes(axial, v)
    a, b = tree.ends.T
    to = np.flatnonzero(a >= tree.compartments)
    if len(to):
        junction, junctions = _rows(a[to] - tree.compartments), tree.nodes - tree.compartments
        there = take_rows(g, _rows(to))
        pull = spread_rows(there * take_rows(v, _rows(b[to])), junction, junctions)
        v = jnp.concatenate([v, pull / spread_rows(there, junction, junctions)])
    return outflow(tree, g, v)[: tree.compartments]


def outflow(tree: Tree, g: Array, x: Array) -> Array:
    """`Σ g (x − x')` at each node."""
    a, b = (_rows(ends) for ends in tree.ends.T)
    flow = g * (take_rows(x, a) - take_rows(x, b))
    return spread_rows(flow, a, tree.nodes) - spread_rows(flow, b, tree.nodes)


def _rows(index: np.ndarray) -> tuple[int, ...]:
    return tuple(index.tolist())


def with_axes(axial: Array, v: Array) -> Array:
    """axial with as many axes as v."""
    return axial.reshape(axial.shape + (1,) * (v.ndim - axial.ndim))
