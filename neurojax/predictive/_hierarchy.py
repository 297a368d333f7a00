"""Nodes that predict each other, as a system that descends the energy of what they get wrong."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ..core import EnergySystem
from ._checks import check_clamps, check_edge, samples_of
from ._energies import Energy
from ._graph import Factor, Placement, barren_nodes, factors_of, feedforward_order
from ._parts import Edge, Node, summed, through_layers

Activities = dict[str, Float[Array, "..."]]
Clamps = Mapping[str, Float[Array, "..."]]
Given = Mapping[int, PyTree]
INPUT, OUTPUT = "input", "output"
NOTHING: Given = MappingProxyType({})


@final
class Hierarchy(EnergySystem):
    """Predictive coding over any graph: `E = Σ Eₙ(zₙ, μₙ)`, the sum over the predictions of nodes.

    The state is a dict of activities by node, [batch, *shape] (or of one sample). The drive is the
    clamps, a dict of activities held at data. A node that is not clamped, has one prediction and
    predicts nothing but such nodes rests at its prediction, so its energy is left out; logits are
    left as logits there. The nodes "input" and "output" are those that `predict`, `finetune` and
    pairs of data mean. `origin` rebuilds the model that the hierarchy was made from.

    Energies are summed over samples, so that what a sample does depends on no other.

    Raises `ValueError` for names that are unknown or taken and for predictions that do not have
    their node's shape, naming the edge.
    Source: Whittington & Bogacz 2017, Neural Computation 29(5), eqs. 2.7–2.15; Salvatori et al.
    2022, Learning on arbitrary graph topologies via predictive coding.
    """

    nodes: tuple[Node, ...] = eqx.field(converter=tuple)
    edges: tuple[Edge, ...] = eqx.field(converter=tuple)
    origin: Any = None

    def __check_init__(self) -> None:
        counted = Counter(node.name for node in self.nodes)
        repeated = [name for name, count in counted.items() if count > 1]
        if repeated:
            raise ValueError(f"Hierarchy: node {repeated[0]!r} is there more than once.")
        for edge in self.edges:
            check_edge(self.by_name, self.edges, edge, self.dtype)

    @property
    def by_name(self) -> dict[str, Node]:
        return {node.name: node for node in self.nodes}

    @property
    def factors(self) -> tuple[Factor, ...]:
        """The predictions: each node's own, its amortised one, its edges' with their own energy."""
        places = [
            Placement(edge.source, edge.target, edge.energy is not None, edge.amortised)
            for edge in self.edges
        ]
        return factors_of([node.name for node in self.nodes], places)

    @property
    def inferred(self) -> tuple[Factor, ...]:
        """The predictions that cost energy during inference."""
        return tuple(factor for factor in self.factors if not factor.amortised)

    @property
    def energy_names(self) -> tuple[str, ...]:
        """What `energies` holds in turn: a node's name, or `name[0]`, ... for a stack's layers."""
        names = []
        for factor in self.inferred:
            length = self.by_name[factor.target].length
            layers = range(length or 0)
            names += [f"{factor.name}[{n}]" for n in layers] if layers else [factor.name]
        return tuple(names)

    @property
    def dtype(self) -> Any:
        """Of the weights."""
        leaves = jax.tree.leaves(eqx.filter(self.edges, eqx.is_inexact_array))
        return leaves[0].dtype if leaves else jnp.result_type(float)

    def initial_state(self, key: PRNGKeyArray | None = None) -> Activities:
        """Activities of one sample that follow from a zero input."""
        return self.feedforward({INPUT: jnp.zeros(self.by_name[INPUT].full_shape, self.dtype)})

    def energies(self, state: Activities, clamps: Clamps) -> Float[Array, " energies"]:
        """The energy of each prediction, summed over samples; `energy_names` names them."""
        return self.cost(self.clamped(state, clamps), without=self.barren(clamps))

    def energy(self, state: Activities, clamps: Clamps) -> Float[Array, ""]:
        return jnp.sum(self.energies(state, clamps))

    def clamped(self, state: Activities, clamps: Clamps) -> Activities:
        """The activities with their clamped parts at the data."""
        check_clamps(self.by_name, clamps)
        return {**state, **clamps}

    def free(self, state: Activities, clamps: Clamps) -> PyTree[bool]:
        barren = self.barren(clamps)
        return {name: name not in clamps and name not in barren for name in state}

    def barren(self, clamps: Collection[str]) -> frozenset[str]:
        """The nodes that rest at their predictions when these are clamped, for nothing that they
        predict is."""
        return barren_nodes(list(self.by_name), self.factors, clamps)

    def output(self, state: Activities) -> Float[Array, "..."]:
        return state[OUTPUT]

    def feedforward(self, clamps: Clamps) -> Activities:
        """The activities that follow from the clamped ones, each at its prediction; what nothing
        that is known predicts is zero."""
        check_clamps(self.by_name, clamps)
        return self._forward(clamps, self.factors)

    def completed(self, z: Activities, resting: Collection[str]) -> Activities:
        """The activities with the resting nodes at their predictions; `z` need not hold them."""
        known = {name: value for name, value in z.items() if name not in resting}
        return self._forward(known, self.inferred)

    def _forward(self, known: Clamps, factors: tuple[Factor, ...]) -> Activities:
        z, nodes = dict(known), self.by_name
        samples = samples_of(nodes, z)
        for name, factor in feedforward_order(list(nodes), factors, known):
            if factor is None:
                z[name] = jnp.zeros((*samples, *nodes[name].full_shape), self.dtype)
            else:
                z[name] = self.at_prediction(factor, z, samples)
        return z

    def at_prediction(
        self,
        factor: Factor,
        z: Activities,
        samples: tuple[int, ...],
        errors: Float[Array, "..."] | None = None,
        given: Given = NOTHING,
    ) -> Float[Array, "..."]:
        """A node's activities at its prediction, or off it by `errors`; layer after layer in a
        stack."""
        node = self.by_name[factor.target]
        mean = mean_of(self.energy_of(factor))
        if node.length is not None:
            edges = [self.edges[number] for number in factor.edges]
            first = self.by_name[factor.sources[0]].read(z[factor.sources[0]])
            return through_layers(edges, first, errors, node.length, mean, batched=bool(samples))
        activities = mean(self.prediction(factor, z, given))
        return activities if errors is None else activities + errors

    def contribution(self, number: int, z: Activities) -> PyTree[Array]:
        """What one edge, by its number, adds to its node's prediction."""
        edge, nodes = self.edges[number], self.by_name
        target = nodes[edge.target]
        samples = samples_of(nodes, z)
        sources = [nodes[name].read(z[name]) for name in edge.source]
        if target.length is not None:
            return edge.predicted_of_layers(sources[0], z[edge.target], batched=bool(samples))
        prediction = edge.predicted(*sources, batched=bool(samples and sources))
        shape = (*samples, *target.shape)  # a prior's is of no sample, perhaps of all units at once
        return jax.tree.map(lambda x: jnp.broadcast_to(x, shape), prediction)

    def prediction(
        self, factor: Factor, z: Activities, given: Given = NOTHING
    ) -> PyTree[Float[Array, "..."]]:
        """What a node's edges predict together; those in `given` have been evaluated already."""
        numbers = factor.edges
        return summed([given[n] if n in given else self.contribution(n, z) for n in numbers])

    def cost(
        self, z: Activities, *, without: Collection[str] = (), given: Given = NOTHING
    ) -> Float[Array, " energies"]:
        """The energies at given activities; zero for those of the nodes in `without`."""
        costs = [
            jnp.zeros(self.by_name[factor.target].length or 1, self.dtype)
            if factor.target in without
            else self._cost(factor, z, given)
            for factor in self.inferred
        ]
        return jnp.concatenate(costs) if costs else jnp.zeros(0, self.dtype)

    def amortised_cost(self, z: Activities) -> Float[Array, ""]:
        """The energy of the amortised predictions of given activities."""
        amortised = [factor for factor in self.factors if factor.amortised]
        costs = [jnp.sum(self._cost(factor, z, NOTHING)) for factor in amortised]
        return sum(costs, start=jnp.zeros((), self.dtype))

    def energy_of(self, factor: Factor) -> Energy:
        """What departing from a prediction costs."""
        own = self.edges[factor.edges[0]].energy if factor.own else None
        return self.by_name[factor.target].energy if own is None else own

    def _cost(self, factor: Factor, z: Activities, given: Given) -> Float[Array, " layers"]:
        node, energy = self.by_name[factor.target], self.energy_of(factor)
        activities, prediction = z[factor.target], self.prediction(factor, z, given)
        if node.length is None:
            return energy(activities, prediction)[None]
        axis = activities.ndim - len(node.full_shape)
        return jax.vmap(energy, in_axes=axis)(activities, prediction)


def mean_of(energy: Energy) -> Callable[[PyTree], Array]:
    """What of a prediction its node's activities follow: all, or the first of several parts."""
    several = len(energy.takes) > 1
    return (lambda prediction: prediction[0]) if several else (lambda prediction: prediction)


def predict(hierarchy: Hierarchy, x: Float[Array, "..."]) -> Float[Array, "..."]:
    """The output's prediction (logits under a categorical energy) from an input, feed-forward.

    With only the input clamped this is where inference ends, so none is run. Raises `ValueError`
    for a hierarchy in which more follows from an input than its feed-forward activities.
    """
    clamps = {INPUT: x}
    check_clamps(hierarchy.by_name, clamps)
    barren = hierarchy.barren(clamps)
    others = [name for name in hierarchy.by_name if name != INPUT and name not in barren]
    if others:
        raise ValueError(
            f"predict: nodes {', '.join(others)} do not follow from the input alone: infer the "
            "output with the input clamped."
        )
    return hierarchy.completed(dict(clamps), barren)[OUTPUT]
