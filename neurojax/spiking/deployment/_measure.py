"""What a whole network does on data, by NeuroBench's rules, and what energy that takes."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, PRNGKeyArray, Shaped

from ...core import CONTAINERS, plain, refuse_nan
from ...metrics import (
    HARDWARE,
    EnergyEstimate,
    Hardware,
    Operations,
    estimate_energy,
    footprint,
    per_sample,
    sparsity,
    weights_of,
)
from ..network import Node, Shape, SpikingNetwork, Values, order_in_step, run
from ._conventional import chained, layers_by_name, modules_of
from ._counting import Countable, Counts, countable, counts, membranes, refuse_uncountable

Data = Shaped[Array | np.ndarray, "..."] | Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class NetworkMeasures:
    """What a network is and does; operations are of one sample, in the mean.

    - `footprint`: bytes of all its arrays.
    - `connection_sparsity`: the share of zeros among the weights of its connections.
    - `activation_sparsity`: that among all that spiking neurons and activation functions gave.
    - `layers`: the operations of connections and the updates of membranes, by node.
    - `left_out`: the other nodes, such as pools and normalisations.
    """

    footprint: int
    connection_sparsity: float
    activation_sparsity: float
    layers: Mapping[str, Operations]
    left_out: tuple[str, ...]

    @property
    def total(self) -> Operations:
        """The operations of all nodes."""
        return sum(self.layers.values(), start=Operations())


def measure(
    network: Any,
    data: Data,
    *,
    dt: float | int = 1.0,
    batch_size: int = 64,
    state: eqx.nn.State | None = None,
    key: PRNGKeyArray | None = None,
) -> NetworkMeasures:
    """Measure a network by running it on `data`, `batch_size` samples at a time.

    - `network`: a `SpikingNetwork`, with `data`, `dt` and `key` as `spiking.run` takes them. Or a
      conventional network in inference mode, an Equinox or nnx `Sequential`, an `eqx.nn.MLP` or a
      list of layers, with data [samples, *shape].
    - `state`: of an Equinox model with batch normalisation.

    Operations are counted of the Linear and Conv layers of Equinox and nnx, also within containers;
    updates of neurons with a potential v. Raises `ValueError` naming a node whose weights cannot be
    counted.
    Source: Yik et al. 2025, Nat. Commun. 16, 1545 (NeuroBench); its code, version 2.3.0.
    """
    if batch_size < 1:
        raise ValueError(f"measure: batch_size must be at least 1, got {batch_size}.")
    graph, data = _as_graph(network, data, state)
    refuse_uncountable(graph)
    data = data if isinstance(data, Mapping) else {graph.inputs[0]: data}
    refuse_nan(dict(data), "data")
    samples = _samples(data)
    one = jax.eval_shape(lambda: _seen(graph, _some(data, 0, 1), dt, key))
    what = countable(graph, {name: Shape(x.shape[2:], x.dtype) for name, x in one.items()})
    # Of equal size as far as can be: another size is another program.
    size = math.ceil(samples / math.ceil(samples / batch_size))
    batches = [
        _counted(graph, what, _some(data, n, size), dt, None if key is None else jr.fold_in(key, n))
        for n in range(0, samples, size)
    ]
    layers = {
        name: per_sample([batch.operations[name] for batch in batches], samples=samples)
        for name in what.connections
    } | {
        name: Operations(updates=sum(_total(batch.updates[name]) for batch in batches) / samples)
        for name in what.membranes
    }
    order = order_in_step(graph)  # of a network that went through a tree map nodes are sorted
    zeros = sum(_total(x) for batch in batches for x in batch.zeros.values())
    steps = len(next(iter(data.values())))
    given = steps * samples * sum(math.prod(one[n].shape[2:]) for n in what.activations)
    return NetworkMeasures(
        footprint=footprint(graph),
        connection_sparsity=sparsity(weights_of(graph.nodes[n].module) for n in what.connections),
        activation_sparsity=zeros / given if given else float("nan"),
        layers={name: layers[name] for name in order if name in layers},
        left_out=tuple(name for name in order if name not in layers),
    )


def energy(
    network: Any,
    data: Data,
    *,
    hardware: Hardware = HARDWARE["CMOS fp32"],
    dt: float | int = 1.0,
    batch_size: int = 64,
    state: eqx.nn.State | None = None,
    key: PRNGKeyArray | None = None,
) -> EnergyEstimate:
    """The energy that a network takes for one sample of `data`, in the mean: what it does, as
    `measure` counts it, at published energies of single operations.

    Prints as a table of a line for each node; `metrics.compare_energies` sets networks beside each
    other. Arguments are those of `measure`. Raises what `measure` does, and `ValueError` where
    the hardware only adds and inputs are graded.
    """
    found = measure(network, data, dt=dt, batch_size=batch_size, state=state, key=key)
    estimate = estimate_energy(found.layers, hardware)
    if not found.left_out:
        return estimate
    nodes = f"nodes without operations: {', '.join(found.left_out)}"
    return dataclasses.replace(estimate, left_out=(*estimate.left_out, nodes))


def _as_graph(network: Any, data: Any, state: Any) -> tuple[SpikingNetwork, Any]:
    """A network whose layers are nodes, and its inputs over time: a conventional network takes one
    step."""
    if isinstance(network, SpikingNetwork):
        nodes = {name: Node(_opened(x.module), *x.sources) for name, x in network.nodes.items()}
        return plain(SpikingNetwork(nodes, network.output, network.inputs)), data
    if isinstance(data, Mapping):
        raise TypeError("measure: data of a conventional network must be an array, got a dict.")
    x = jnp.asarray(data)
    if not jnp.issubdtype(x.dtype, jnp.inexact):
        x = x.astype(jnp.result_type(float))
    return chained(modules_of(network, Shape(x.shape[1:], x.dtype), state, "measure")), x[None]


def _opened(module: Any) -> Any:
    """A container as a network of its layers."""
    if not isinstance(module, CONTAINERS):
        return module
    return chained(dict(layers_by_name(module, "measure")))


def _samples(data: Mapping[str, Any]) -> int:
    for name, x in data.items():
        if np.ndim(x) < 2 or 0 in np.shape(x)[:2]:
            raise ValueError(
                "measure: data must be [time, samples, ...], or [samples, ...] of a conventional "
                f"network, and not empty; {name!r} has shape {np.shape(x)}."
            )
    return next((np.shape(x)[1] for x in data.values()), 1)


def _some(data: Mapping[str, Any], first: int, samples: int) -> Values:
    return {name: jnp.asarray(x[:, first : first + samples]) for name, x in data.items()}


@eqx.filter_jit
def _counted(
    graph: SpikingNetwork, what: Countable, inputs: Values, dt: float, key: PRNGKeyArray | None
) -> Counts:
    return counts(graph, what, _seen(graph, inputs, dt, key))


def _seen(graph: SpikingNetwork, inputs: Values, dt: float, key: PRNGKeyArray | None) -> Values:
    """What inputs and nodes give in a run [time, samples, ...], and potentials."""
    record = (*graph.nodes, *(f"{name}.v" for name in membranes(graph)))
    return inputs | run(graph, inputs, dt=dt, key=key, record=record).recorded


def _total(counts: Array) -> int:
    return int(np.sum(np.asarray(counts), dtype=np.int64))
