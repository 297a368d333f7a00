"""What joins two populations, as it is asked for and as it is built."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import SpikingSystem, as_parameter
from ._connectivity import Connectivity
from ._delivery import deliver
from ._delivery_targets import Targets
from ._listed import as_connectivity
from ._population import Population
from ._port import Port, port_of

Weight = float | np.ndarray | Array | Callable[[np.random.Generator, int], np.ndarray]


@dataclass(frozen=True)
class Projection:
    """Synapses from the neurons `pre` to the neurons `post`.

    - `pre`, `post`: a population, or some of its neurons, `"E[:800]"`; `post` with the synapse that
      spikes arrive at where there are several: `"E.ampa"`.
    - `connectivity`: a rule, or what `as_connectivity` takes for one.
    - `weight`: one for all synapses, an array in the order of the edges (of a list of edges in the
      list's), or a function of a numpy generator and their number that draws them; unless given,
      the values of a matrix, or 1. In the unit that the synapse takes (mV of a membrane's jump, nA,
      µS).
    - `delay`: in steps; with none, spikes are received in the step they are sent in.
    """

    pre: str
    post: str
    connectivity: Any
    weight: Weight | None = None
    delay: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.delay, int) or self.delay < 0:
            raise ValueError(f"Projection: delay must be a number of steps, got {self.delay!r}.")


class Connections(eqx.Module):
    """A projection whose synapses are drawn. `weights` is one number or one for each synapse, in
    the layout of `targets`."""

    pre: Port = eqx.field(static=True)
    post: Port = eqx.field(static=True)
    delay: int = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)
    targets: Targets
    weights: Array

    def sent(self, spikes: Float[Array, "*pre"]) -> Float[Array, "*post"]:
        """What arrives at each neuron of the population of `post`, of spikes of that of `pre`."""
        some = spikes.reshape(-1)[self.pre.first : self.pre.end]
        found = deliver(some, self.weights, self.targets)
        size = int(np.prod(self.shape))
        if self.post.neurons < size:
            found = jnp.pad(found, (self.post.first, size - self.post.end))
        return found.reshape(self.shape)


def built(
    name: str,
    projection: Projection,
    populations: Mapping[str, SpikingSystem],
    draw: np.random.Generator,
) -> Connections:
    """Raises `ValueError` for neurons that are not there and weights that do not fit."""
    pre = port_of(f"projection {name!r}: pre", projection.pre, populations)
    post = port_of(f"projection {name!r}: post", projection.post, populations)
    if pre.synapse:
        raise ValueError(f"projection {name!r}: pre must be neurons, got {projection.pre!r}.")
    population = populations[post.population]
    if not post.synapse and isinstance(population, Population):
        known = ", ".join(population.synapses)
        raise ValueError(f"projection {name!r}: post must name a synapse of {known}.")
    rule = as_connectivity(projection.connectivity)
    same = pre[:3] == post[:3]
    edges = rule.edges(pre.neurons, post.neurons, draw, within=same)
    targets = Targets.of(edges)
    weights = drawn(name, projection.weight, rule, edges.n_synapses, draw)
    if weights.ndim:
        weights = targets.laid_out(weights)
    shape = getattr(population, "shape")  # noqa: B009
    return Connections(pre, post, projection.delay, shape, targets, weights)


def drawn(
    name: str, weight: Weight | None, rule: Connectivity, synapses: int, draw: np.random.Generator
) -> Array:
    """One weight, or one for each synapse in the order of the edges."""
    if weight is None:
        values = as_parameter(1.0 if rule.weights is None else rule.weights)
    else:
        values = as_parameter(weight(draw, synapses) if callable(weight) else weight)
    if values.shape not in ((), (synapses,)):
        raise ValueError(
            f"projection {name!r}: weight has shape {values.shape}; there are {synapses} synapses."
        )
    if not bool(jnp.all(jnp.isfinite(values))):
        raise ValueError(f"projection {name!r}: weight must be finite.")
    of_user = weight is not None and not callable(weight) and values.ndim
    return as_parameter(rule.in_edge_order(np.asarray(values))) if of_user else values
