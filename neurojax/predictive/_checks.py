"""What a hierarchy refuses: edges and clamps that do not fit its nodes."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from ._parts import Edge, Node

Nodes = Mapping[str, Node]


def check_clamps(nodes: Nodes, clamps: Mapping[str, Any]) -> None:
    """Refuse clamps of an unknown name, of another shape than their node, or of different numbers
    of samples."""
    shapes = {name: jnp.shape(value) for name, value in clamps.items()}
    for name, shape in shapes.items():
        if name not in nodes:
            raise ValueError(f"clamps has no {name!r}: the nodes are {', '.join(nodes)}.")
        due = nodes[name].full_shape
        if shape[max(len(shape) - len(due), 0) :] != due or len(shape) > len(due) + 1:
            raise ValueError(
                f"clamps[{name!r}] has shape {shape}, its node {due} behind that of samples."
            )
    if len({_leading(nodes[name], shape) for name, shape in shapes.items()}) > 1:
        raise ValueError(f"clamps must hold the same samples, got shapes {shapes}.")


def samples_of(nodes: Nodes, z: Mapping[str, Array]) -> tuple[int, ...]:
    """The shape of the samples of some activities: (batch,) or none."""
    name, value = next(iter(z.items()))
    return _leading(nodes[name], value.shape)


def _leading(node: Node, shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape[: len(shape) - len(node.full_shape)]


def check_edge(nodes: Nodes, edges: tuple[Edge, ...], edge: Edge, dtype: Any) -> None:
    """Refuse an edge of unknown nodes, or one whose module does not fit them."""
    for name in (*edge.source, edge.target):
        if name not in nodes:
            known = ", ".join(nodes)
            raise ValueError(f"Edge {edge.name}: {name!r} is not one of the nodes {known}.")
    node, module = nodes[edge.target], edge.module
    shapes = [nodes[name].shape for name in edge.source]
    if node.length is not None:
        _check_stack(node, edges, edge, shapes)
        module = jax.tree.map(lambda x: x[0] if eqx.is_array(x) else x, module)
    try:
        sample = [jax.ShapeDtypeStruct(shape, dtype) for shape in shapes]
        predicted = eqx.filter_eval_shape(module, *sample)
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(
            f"Edge {edge.name}: its module does not take shapes {shapes}: {reason}"
        ) from error
    energy = node.energy if edge.energy is None else edge.energy
    parts = len(energy.takes)
    given = [x.shape for x in jax.tree.leaves(predicted)]
    # A prior may be given for all units at once.
    fits = all(s == node.shape or (not edge.source and s == ()) for s in given)
    if len(given) != parts or not fits:
        raise ValueError(
            f"Edge {edge.name}: its module gives shapes {given}, node {node.name!r} with energy "
            f"{type(energy).__name__} takes {[node.shape] * parts}."
        )


def _check_stack(node: Node, edges: tuple[Edge, ...], edge: Edge, shapes: list) -> None:
    if len(shapes) != 1 or shapes[0] != node.shape or edge.energy is not None or edge.amortised:
        raise ValueError(
            f"Edge {edge.name}: a stack takes edges from one node of its layers' shape "
            f"{node.shape}, without energies of their own and not amortised, got shapes {shapes}."
        )
    sources = {other.source for other in edges if other.target == node.name}
    if len(sources) > 1:
        raise ValueError(f"Edge {edge.name}: a stack takes edges from one node, got {sources}.")
    lengths = {x.shape[:1] for x in jax.tree.leaves(eqx.filter(edge.module, eqx.is_array))}
    if lengths - {(node.length,)}:
        raise ValueError(
            f"Edge {edge.name}: each array of the module needs a leading axis of the "
            f"{node.length} layers, got {sorted(lengths)}."
        )
