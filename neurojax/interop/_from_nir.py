"""Graphs of NIR as deep spiking networks."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from ..spiking import Delay, Node, Previous, SpikingNetwork
from ._nir_discretisation import Discretisation
from ._nir_edges import Edge, broken, without
from ._nir_layers import layer_from_nir
from ._nir_modules import summed
from ._nir_neurons import neuron_from_nir, notes_of, pair_from_nir
from ._to_nir import discretisation, imported

NEURONS = ("LIF", "LI", "IF", "CubaLIF")


def from_nir(
    graph: Any, *, dt: float | int | None = None, euler_dt: float | int | None = None
) -> SpikingNetwork:
    """The network of a `nir.NIRGraph`, or of a file of one, to be run in steps of `dt` ms.

    `to_nir` has what becomes what. Of a file by others: a CubaLIF becomes a LeakyIntegrator (its
    synapse, `"name.i_syn"`) and a LIF; edges that close a cycle, as seen from the input, give what
    came a step before, and of these, edges behind weights are moved before them; subgraphs are
    replaced by what they hold; a Delay that is the same for all elements becomes a `Previous`;
    where several edges meet before a layer they are `summed`; resets are to v_reset, as NIR says.
    Parameters are one for each neuron where the file has it so.

    - `dt`: needed for files by others that have a Delay, and with `euler_dt`; else the file's.
    - `euler_dt`: ms. Unless given here or in the file, time constants are those of NIR's continuous
      equations. With it, the network's steps of `dt` are the forward Euler steps of that length
      that others take with those time constants: 0.1 for snnTorch, 1 for Norse.

    Raises `ValueError` naming the node and class of what has no counterpart.
    """
    nir = imported("from_nir")
    if isinstance(graph, str | os.PathLike):
        graph = _read(nir, graph)
    if not isinstance(graph, nir.NIRGraph):
        raise TypeError(f"from_nir: graph must be a NIRGraph or the path of one, got {graph!r}.")
    notes = notes_of(graph)
    time = discretisation(
        "from_nir",
        notes.get("dt") if dt is None else dt,
        notes.get("euler_dt") if euler_dt is None else euler_dt,
    )
    nodes, edges = _flat(nir, graph)
    inputs = [name for name, node in nodes.items() if isinstance(node, nir.Input)]
    end = _only(nir.Output, graph, "the graph")
    for name in [name for name, node in nodes.items() if isinstance(node, nir.Delay)]:
        steps = time.steps(name, nodes[name].delay)
        if "class" not in notes_of(nodes[name]) and len(np.unique(steps)) == 1:
            edges = without(edges, name, int(steps.flat[0]))
            del nodes[name]
    stateless = {n for n, node in nodes.items() if type(node).__name__ not in NEURONS}
    return _network(nodes, broken(edges, inputs, stateless.__contains__), inputs, end, time)


def _read(nir: Any, path: str | os.PathLike) -> Any:
    if not Path(path).is_file():
        raise ValueError(f"from_nir: no file at {path}.")
    try:
        # nir's own check knows neither kernels that are not square nor groups.
        return nir.read(os.fspath(path), type_check=False)
    except Exception as error:  # whatever a reader of HDF5 meets in a file that is something else
        raise ValueError(f"from_nir: {path} is no file of NIR: {error}.") from error


def _flat(nir: Any, graph: Any) -> tuple[dict[str, Any], list[Edge]]:
    """Nodes and edges, those of subgraphs in their place, by the names that they had here."""
    paths, edges = _opened(nir, graph, "")
    ends = nir.Input | nir.Output
    for path in [p for p, node in paths.items() if isinstance(node, ends) and p not in graph.nodes]:
        edges = without(edges, path)
        del paths[path]
    names = {path: notes_of(node).get("name", path) for path, node in paths.items()}
    if len(set(names.values())) < len(names):
        names = {path: path for path in paths}
    nodes = {names[path]: node for path, node in paths.items()}
    return nodes, [Edge(names[e.source], names[e.target], e.steps) for e in edges]


def _opened(nir: Any, graph: Any, prefix: str) -> tuple[dict[str, Any], list[Edge]]:
    """Nodes and edges by their paths, subgraphs opened."""
    nodes: dict[str, Any] = {}
    edges: list[Edge] = []
    entries, exits = {}, {}
    for name, node in graph.nodes.items():
        path = f"{prefix}{name}"
        if not isinstance(node, nir.NIRGraph):
            nodes[path] = node
            continue
        inner, inner_edges = _opened(nir, node, f"{path}.")
        nodes |= inner
        edges += inner_edges
        entries[name] = f"{name}.{_only(nir.Input, node, path)}"
        exits[name] = f"{name}.{_only(nir.Output, node, path)}"
    previous = [tuple(edge) for edge in notes_of(graph).get("previous", ())]
    for edge in graph.edges:
        source, target = edge
        for name in edge:
            if name not in graph.nodes:
                raise ValueError(f"from_nir: edge {edge} is of an unknown node, {name!r}.")
        edges.append(
            Edge(
                prefix + exits.get(source, source),
                prefix + entries.get(target, target),
                int(tuple(edge) in previous),
            )
        )
    return nodes, edges


def _only(kind: type, graph: Any, path: str) -> str:
    """The name of a graph's only node of a kind."""
    found = [name for name, node in graph.nodes.items() if isinstance(node, kind)]
    if len(found) != 1:
        raise ValueError(f"from_nir: {path} must have one {kind.__name__}, got {len(found)}.")
    return found[0]


def _network(
    nodes: dict[str, Any],
    edges: list[Edge],
    inputs: list[str],
    end: str,
    time: Discretisation,
) -> SpikingNetwork:
    """The network of nodes and edges that have no cycle within a step."""
    made: dict[str, Node] = {}
    output = end
    for name, node in nodes.items():
        sources = [
            Previous(e.source, e.steps) if e.steps else e.source for e in edges if e.target == name
        ]
        if name in inputs:
            continue
        if not sources:
            raise ValueError(f"from_nir: node {name!r}, {type(node).__name__}, takes nothing.")
        if name == end:
            if len(sources) == 1 and sources[0] in nodes and sources[0] not in inputs:
                output = str(sources[0])
            else:
                made[name] = Node(summed, *sources)
            continue
        made |= _as_nodes(name, node, sources, time)
    return SpikingNetwork(made, output, tuple(inputs))


def _as_nodes(name: str, node: Any, sources: list[Any], time: Discretisation) -> dict[str, Node]:
    """Our nodes for one of NIR."""
    notes = notes_of(node)
    kind = type(node).__name__
    if kind == "CubaLIF" and notes.get("class") != "CurrentLIF":
        synapse, neuron = pair_from_nir(name, node, notes, time)
        place = notes.get("synapse", {}).get("name", f"{name}.i_syn")
        return {place: Node(synapse, *sources), name: Node(neuron, place)}
    if kind == "Delay":
        steps = time.steps(name, node.delay)
        return {name: Node(Delay(int(steps.flat[0]) if notes.get("shared") else steps), *sources)}
    if kind in NEURONS:
        return {name: Node(neuron_from_nir(name, node, notes, time), *sources)}
    module = layer_from_nir(name, node, notes)
    if module is None:
        raise ValueError(f"from_nir: node {name!r}, {kind}, has no counterpart.")
    if len(sources) == 1:
        return {name: Node(module, *sources)}
    return {f"{name}.sum": Node(summed, *sources), name: Node(module, f"{name}.sum")}
