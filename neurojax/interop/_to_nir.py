"""Deep spiking networks as graphs of NIR."""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .. import spiking
from ..core import plain, positive
from ..neurons import IF, LIF, CurrentLIF, LeakyIntegrator
from ..spiking import Delay, Previous, SpikingNetwork
from ._input_shapes import Shape, input_shapes
from ._nir_discretisation import Discretisation
from ._nir_edges import Edge, reaches, without
from ._nir_layers import layer_to_nir, passes_on
from ._nir_neurons import Notes, as_text, neuron_to_nir, notes_of, pair_to_nir

NEURONS = (LIF, LeakyIntegrator, IF, CurrentLIF)
END = "the output"  # of the network, as a target of edges; no name that a node could have


class _Graph(NamedTuple):
    """Nodes of NIR; an edge with a step is one of a cycle, for what the source gave before."""

    nodes: dict[str, Any]
    edges: list[Edge]


def to_nir(
    network: SpikingNetwork,
    *,
    dt: float | int,
    input_shape: Shape | Mapping[str, Shape],
    euler_dt: float | int | None = None,
) -> Any:
    """A network that is run in steps of `dt` ms, as a `nir.NIRGraph`.

    LIF, LeakyIntegrator (LI), IF, CurrentLIF (CubaLIF) and a LeakyIntegrator that only drives one
    LIF (CubaLIF as well); Equinox's Linear, Conv1d, Conv2d, AvgPool2d, Pool with `lax.add`
    (SumPool2d); `jnp.ravel` and `Flatten`, `Scale`, `Threshold` of `nj.interop`; `spiking.Delay`;
    `Previous` (Delay, or an edge of a cycle). A neuron with a layer from itself to itself becomes a
    subgraph, as in snnTorch. docs/exchange.md has what each means.

    - `input_shape`: of a sample in one step; name → shape for a network of several inputs.
    - `euler_dt`: ms. Time constants are those of NIR's continuous equations, in seconds. With
      `euler_dt` they are such that a reader that takes forward Euler steps of that length takes
      the very steps of this network: 0.1 for snnTorch, 1 for Norse.

    What NIR does not say (reset by subtraction, refractory period, surrogate, dt) is in the
    metadata, which others ignore. Raises `ValueError` naming the node and class of what can be
    said nowhere.
    """
    nir = imported("to_nir")
    if not isinstance(network, SpikingNetwork):
        raise TypeError(f"to_nir: network must be a SpikingNetwork, got {network!r}.")
    time = discretisation("to_nir", dt, euler_dt)
    network = plain(network)
    shapes = _shapes(network, input_shape, float(dt))
    graph = _made(nir, network, shapes, time)
    _add_delays(nir, graph, shapes, time)
    _add_ends(nir, graph, network, shapes)
    neurons = nir.LIF | nir.LI | nir.IF | nir.CubaLIF
    for name in [name for name, node in graph.nodes.items() if isinstance(node, neurons)]:
        _nest_recurrence(nir, graph, name)
    return _as_nir(nir, graph, {"dt": time.dt, "euler_dt": time.euler_dt})


def write_nir(
    path: str | os.PathLike,
    network: SpikingNetwork,
    *,
    dt: float | int,
    input_shape: Shape | Mapping[str, Shape],
    euler_dt: float | int | None = None,
) -> None:
    """Write `to_nir(network, ...)` to a file (HDF5), as `nir.write` does."""
    graph = to_nir(network, dt=dt, input_shape=input_shape, euler_dt=euler_dt)
    imported("write_nir").write(os.fspath(path), graph)


def imported(function: str) -> Any:
    """The package nir."""
    try:
        import nir
    except ImportError:
        raise ImportError(f"{function} needs nir: pip install nir, or neurojax[interop].") from None
    return nir


def discretisation(
    function: str, dt: float | int | None, euler_dt: float | int | None
) -> Discretisation:
    """Raises `ValueError` for steps that are not positive."""
    given = {"dt": dt, "euler_dt": euler_dt}
    positive(function, **{name: x for name, x in given.items() if x is not None})
    return Discretisation(*(None if x is None else float(x) for x in given.values()))


def _shapes(network: SpikingNetwork, input_shape: Any, dt: float) -> dict[str, Shape]:
    """What inputs and nodes give of a sample in a step."""
    of_inputs = input_shapes("to_nir", network, input_shape)
    for name, shape in of_inputs.items():
        if not shape or min(shape) < 1:
            raise ValueError(
                f"to_nir: input_shape of {name!r} must be positive numbers, got {shape}."
            )
    inputs = {name: jnp.zeros((1, 1, *shape)) for name, shape in of_inputs.items()}
    names = tuple(network.nodes)
    given = jax.eval_shape(
        lambda: spiking.run(network, inputs, dt=dt, record=names, key=jax.random.key(0)).recorded
    )
    return {name: x.shape[2:] for name, x in (inputs | given).items()}


def _made(
    nir: Any, network: SpikingNetwork, shapes: dict[str, Shape], time: Discretisation
) -> _Graph:
    """The nodes, and the edges with as many steps as they have."""
    modules = {name: node.module for name, node in network.nodes.items()}
    edges = [Edge(network.output, END)]
    for name, node in network.nodes.items():
        for source in node.sources:
            of = (source.name, source.steps) if isinstance(source, Previous) else (source, 0)
            edges.append(Edge(of[0], name, of[1]))
    for name in [name for name, module in modules.items() if passes_on(module)]:
        edges = without(edges, name)
        del modules[name]
    nodes = {}
    for name, synapse in _pairs(modules, edges).items():
        neuron, integrator = modules.pop(name), modules.pop(synapse)
        made = pair_to_nir(nir, (synapse, name), integrator, neuron, shapes[name], time)
        nodes[name] = _typed(*made, shapes[name], shapes[name])
        edges = [e for e in edges if e.source != synapse]
        edges = [e._replace(target=name) if e.target == synapse else e for e in edges]
    for name, module in modules.items():
        taken = next(shapes[e.source] for e in edges if e.target == name)
        nodes[name] = _node(nir, name, module, taken, shapes[name], time)
    return _Graph(nodes, edges)


def _node(
    nir: Any, name: str, module: Any, taken: Shape, given: Shape, time: Discretisation
) -> Any:
    """The node of one module."""
    if isinstance(module, NEURONS):
        return _typed(*neuron_to_nir(nir, name, module, given, time), given, given)
    if isinstance(module, Delay):
        delay = nir.Delay(np.broadcast_to(time.delay(module.steps), taken).copy())
        return _typed(delay, {"class": "Delay", "shared": module.shape == ()}, taken, given)
    made = layer_to_nir(nir, name, module, taken)
    if made is None:
        kind = module if hasattr(module, "__name__") else type(module)
        raise ValueError(
            f"to_nir: node {name!r}, {kind.__name__} of {kind.__module__.partition('.')[0]}, has "
            "no counterpart in NIR."
        )
    return _typed(*made, taken, given)


def _typed(node: Any, notes: Notes, taken: Shape, given: Shape) -> Any:
    """The node with its metadata and shapes, of which nir gets some wrong."""
    node.metadata = as_text(notes)
    node.input_type = {"input": np.array(taken)}
    node.output_type = {"output": np.array(given)}
    return node


def _pairs(modules: dict[str, Any], edges: list[Edge]) -> dict[str, str]:
    """LIF → the leaky integrator that drives it alone, and nothing else, from 0."""
    pairs = {}
    for name, module in modules.items():
        into = [e for e in edges if e.target == name]
        if not isinstance(module, LIF) or len(into) != 1 or into[0].steps:
            continue
        source = into[0].source
        synapse = modules.get(source)
        alone = sum(e.source == source for e in edges) == 1
        if isinstance(synapse, LeakyIntegrator) and alone and not np.any(synapse.v_rest):
            pairs[name] = source
    return pairs


def _add_delays(nir: Any, graph: _Graph, shapes: dict[str, Shape], time: Discretisation) -> None:
    """Delays for the steps of edges, less one for those that close a cycle."""
    edges = list(graph.edges)
    graph.edges.clear()
    for source, target, steps in edges:
        back = int(steps > 0 and reaches(edges, target, source))
        if steps > back:
            name, shape = f"{source}.{steps - back}_before", shapes[source]
            delay = nir.Delay(np.full(shape, time.delay(steps - back)))
            if name not in graph.nodes:
                graph.nodes[name] = _typed(delay, {}, shape, shape)
                graph.edges.append(Edge(source, name))
            source = name
        graph.edges.append(Edge(source, target, back))
    for edge in graph.edges:
        if sum(e[:2] == edge[:2] for e in graph.edges) > 1:
            raise ValueError(
                f"to_nir: node {edge.target!r} takes {edge.source!r} more than once, NIR has one "
                "edge from node to node."
            )


def _add_ends(nir: Any, graph: _Graph, network: SpikingNetwork, shapes: dict[str, Shape]) -> None:
    """Inputs and output."""
    for name in network.inputs:
        graph.nodes[name] = nir.Input({"input": np.array(shapes[name])})
    end = "output" if "output" not in graph.nodes else "output_"
    graph.nodes[end] = nir.Output({"output": np.array(shapes[network.output])})
    graph.edges[:] = [e._replace(target=end) if e.target == END else e for e in graph.edges]


def _nest_recurrence(nir: Any, graph: _Graph, name: str) -> None:
    """A neuron and the weights from itself to itself become a graph in its place."""
    for weights, node in graph.nodes.items():
        there, back = Edge(name, weights), Edge(weights, name)
        around = [e for e in graph.edges if weights in e[:2]]
        if isinstance(node, nir.Linear | nir.Affine) and {e[:2] for e in around} == {
            there[:2],
            back[:2],
        }:
            break
    else:
        return
    neuron, shape = graph.nodes[name], graph.nodes[name].input_type["input"]
    inner = _Graph(
        {
            "input": nir.Input({"input": shape}),
            "lif": _named(neuron, name),
            "w_rec": _named(graph.nodes.pop(weights), weights),
            "output": nir.Output({"output": shape}),
        },
        [Edge("input", "lif")],
    )
    places = {name: "lif", weights: "w_rec"}
    inner.edges.extend(Edge(places[e.source], places[e.target], e.steps) for e in around)
    # Last: Norse takes for the output what it comes to last.
    inner.edges.append(Edge("lif", "output"))
    graph.edges[:] = [e for e in graph.edges if e not in around]
    graph.nodes[name] = _as_nir(nir, inner, {})


def _named(node: Any, name: str) -> Any:
    """The node, with a note of its name in the network."""
    node.metadata = as_text(notes_of(node) | {"name": name})
    return node


def _as_nir(nir: Any, graph: _Graph, notes: Notes) -> Any:
    keys = _keys(graph.nodes)
    previous = [[keys[e.source], keys[e.target]] for e in graph.edges if e.steps]
    notes = notes | ({"previous": previous} if previous else {})
    nodes = {
        keys[name]: node if keys[name] == name else _named(node, name)
        for name, node in graph.nodes.items()
    }
    edges = [(keys[e.source], keys[e.target]) for e in graph.edges]
    return nir.NIRGraph(nodes, edges, metadata=as_text(notes), type_check=False)


def _keys(names: Any) -> dict[str, str]:
    """What nodes are called in a file, where / means a folder."""
    keys: dict[str, str] = {}
    for name in names:
        key = name.replace("/", "_")
        while key in keys.values():
            key += "_"
        keys[name] = key
    return keys
