"""Event-driven predictive coding: units send only what changed by more than a threshold."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, final

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree

from ...core import Clock, System, is_known
from ...metrics import Connection, SynapticOperations, synaptic_operations
from .._checks import check_clamps, samples_of
from .._energies import Energy
from .._hierarchy import Activities, Clamps, Hierarchy
from .._parts import Edge
from .._rules import hold_fixed
from ._event_edges import connections_of, in_order, split

Threshold = float | Array | Mapping[str, float | Array]
MODES = ("graded", "ternary")


class Messages(NamedTuple):
    """One direction of an edge: what has been sent along it, and what that cost.

    - `sent` [samples, *sender]: the senders' values as the receivers know them; `change`, by how
      much they differed when last compared with the threshold.
    - `received` [samples, *receiver]: the weights' response to all messages, accumulated.
    - `events`, `operations`, `comparisons` [samples]: messages, pairs of a message and a nonzero
      weight, and comparisons of a change with the threshold: all units in the first step, then
      those whose change is another than before.
    - `ternary`, `silent` [samples]: whether all messages were −1, 0 or 1; whether there was none in
      the last step.
    """

    sent: Float[Array, "..."]
    change: Float[Array, "..."]
    received: Float[Array, "..."]
    events: Int[Array, "..."]
    operations: Int[Array, "..."]
    comparisons: Int[Array, "..."]
    ternary: Bool[Array, "..."]
    silent: Bool[Array, "..."]


class EventState(NamedTuple):
    """Activities of all nodes; the messages of each edge, in the chain's order: `predictions` with
    activities going up, `feedback` with errors going down; the number of steps."""

    activities: Activities
    predictions: tuple[Messages, ...]
    feedback: tuple[Messages, ...]
    steps: Int[Array, ""]


@final
class EventDriven(System):
    """A chain of predictions in which units send only changes above a threshold, and receivers add
    up `weight · message`: nothing is computed anew.

    Up an edge go the changes of its source's activities, down it those of its target's prediction
    errors `−∂E/∂μ`. The free activities flow by what has been received,
    `dz/dt = −∂E/∂z + f'(z) · Wᵀe`; nodes that no data reach from above rest at their prediction and
    send no errors. In each step of the clock activities are sent up layer by layer, then errors.

    - `clamps`: activities held at data, [samples, *shape] or of one sample. A run may go on from
      the state of one with other clamps: only what differs is sent.
    - `threshold` of activities, `error_threshold` of errors (the same unless given): one number or
      one for each sending node.
    - `mode`: "graded" sends a change |Δ| > θ as it is, so that what receivers know is off by at
      most θ. "ternary" sends its sign, for a quantum of 2θ which the weights carry: one in a step,
      so that receivers only accumulate, and what they know is off by at most θ once all are silent.

    It starts at rest for a blank (zero) input, everything sent. `simulate` runs it: clocked, dt
    being the step size of `infer`. Messages are felt one step after they are sent.

    Raises `ValueError` for a hierarchy that is no chain, modules that are not one `Dense`,
    `eqx.nn.Linear` or `eqx.nn.Conv` with functions before and after it, clamps that do not fit, and
    thresholds that are missing or below zero (ternary: not above it).
    Sources: the dynamics, Whittington & Bogacz 2017, Neural Computation 29(5), eqs. 2.7–2.15;
    messages, O'Connor & Welling 2016, Sigma delta quantized networks, arXiv:1611.02024.
    """

    hierarchy: Hierarchy
    clamps: dict[str, Float[Array, "..."]]
    thresholds: dict[str, Float[Array, ""]]
    error_thresholds: dict[str, Float[Array, ""]]
    connections: tuple[tuple[Connection, Connection], ...]
    mode: str = eqx.field(static=True)

    def __init__(
        self,
        hierarchy: Hierarchy,
        clamps: Clamps,
        *,
        threshold: Threshold,
        error_threshold: Threshold | None = None,
        mode: str = "graded",
    ) -> None:
        if mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(MODES)}, got {mode!r}.")
        edges = in_order(hierarchy)
        check_clamps(hierarchy.by_name, clamps)
        if not clamps:
            raise ValueError("clamps is empty: nothing to infer from.")
        self.hierarchy = hierarchy
        self.clamps = {k: jnp.asarray(v, hierarchy.dtype) for k, v in clamps.items()}
        self.mode = mode
        self.connections = tuple(connections_of(hierarchy, edge) for edge in edges)
        read = lambda what, name, node: _threshold(what, name, node, mode, hierarchy.dtype)  # noqa: E731
        self.thresholds = {e.source[0]: read(threshold, "threshold", e.source[0]) for e in edges}
        errors, name = (
            (threshold, "threshold")
            if error_threshold is None
            else (error_threshold, "error_threshold")
        )
        self.error_thresholds = {
            e.target: read(errors, name, e.target) for e in edges if self._sends_errors(e)
        }

    @property
    def default_solver(self) -> diffrax.AbstractSolver:
        """That of `infer`."""
        return diffrax.Euler()

    def initial_state(self, key: PRNGKeyArray | None = None) -> EventState:
        """At rest for a zero input, all activities sent and nothing counted."""
        nodes, edges = self.hierarchy.by_name, in_order(self.hierarchy)
        samples = samples_of(nodes, self.clamps)
        first = edges[0].source[0]
        blank = jnp.zeros((*samples, *nodes[first].shape), self.hierarchy.dtype)
        z = self.hierarchy.feedforward({first: blank})
        predictions, feedback = [], []
        for edge in edges:
            parts = split(edge)
            sent = self._each(parts.before)(z[edge.source[0]])
            received = self._each(parts.weights)(sent)
            predictions.append(_nothing_sent(sent, received, samples))
            none = jnp.zeros_like(received)
            feedback.append(_nothing_sent(none, jnp.zeros_like(sent), samples))
        return EventState(z, tuple(predictions), tuple(feedback), jnp.zeros((), int))

    def vector_field(self, t: Any, state: EventState, drive: PyTree = None) -> PyTree:
        """The slope of the energy by what has been received, of free activities alone."""
        edges, barren = in_order(self.hierarchy), self.hierarchy.barren(self.clamps)
        free = [name for name in state.activities if name not in barren | self.clamps.keys()]
        rates = {name: jnp.zeros_like(state.activities[name]) for name in free}
        for edge, up, down in zip(edges, state.predictions, state.feedback, strict=True):
            source, target = edge.source[0], edge.target
            if target in rates:
                rates[target] -= self._slopes(edge, state.activities, up)[0]
            if source in rates:
                back = jax.vjp(self._each(split(edge).before), state.activities[source])[1]
                rates[source] += back(down.received)[0]
        nothing = jax.tree.map(lambda _: None, state)
        return nothing._replace(activities={name: rates.get(name) for name in state.activities})

    def jump(
        self, clock: Clock, state: EventState, incoming: PyTree, key: PRNGKeyArray | None
    ) -> tuple[EventState, None]:
        """Send what has changed: activities up, layer by layer, then errors down."""
        edges, barren = in_order(self.hierarchy), self.hierarchy.barren(self.clamps)
        z = {**state.activities, **self.clamps}
        first = state.steps == 0
        predictions, feedback = [], []
        for edge, (connection, _), sent in zip(
            edges, self.connections, state.predictions, strict=True
        ):
            parts, source = split(edge), edge.source[0]
            value = self._each(parts.before)(z[source])
            threshold, carry = self.thresholds[source], self._each(parts.up)
            predictions.append(self._send(value, sent, threshold, connection, carry, first))
            if edge.target in barren:
                z[edge.target] = self._predicted(edge)(predictions[-1].received)
        for edge, (_, connection), up, sent in zip(
            edges, self.connections, predictions, state.feedback, strict=True
        ):
            if edge.target in self.error_thresholds:
                error = -self._slopes(edge, z, up)[1]
                threshold, carry = self.error_thresholds[edge.target], self._each(split(edge).down)
                carry = lambda m, up=up, carry=carry: carry(m, up.sent)  # noqa: E731
                sent = self._send(error, sent, threshold, connection, carry, first)
            feedback.append(sent)
        return EventState(z, tuple(predictions), tuple(feedback), state.steps + 1), None

    def output(self, state: EventState) -> Float[Array, "..."]:
        return self.hierarchy.output(state.activities)

    def silent(self, t: Any, state: EventState, rate: PyTree = None) -> Bool[Array, ""]:
        """Whether no unit had anything to send in the last step: for `simulate`'s `until`."""
        quiet = [jnp.all(messages.silent) for _, messages, _ in self._directions(state)]
        return jnp.all(jnp.stack(quiet))

    def gradient(self, state: EventState) -> Hierarchy:
        """Of the mean energy over samples in the weights, from what is at each synapse: what its
        sender has sent and its receiver's error. A gradient of zero where none is wrong."""
        barren = self.hierarchy.barren(self.clamps)
        samples = samples_of(self.hierarchy.by_name, self.clamps) or (1,)

        def mean_energy(model: Hierarchy) -> Float[Array, ""]:
            energies = [
                self._energy(edge)(
                    state.activities[edge.target],
                    self._predicted(edge)(self._each(split(edge).weights)(messages.sent)),
                )
                for edge, messages in zip(
                    in_order(hold_fixed(model)), state.predictions, strict=True
                )
                if edge.target not in barren
            ]
            return sum(energies, start=jnp.zeros((), model.dtype)) / samples[0]

        return eqx.filter_grad(mean_energy)(self.hierarchy)

    def operations(self, state: EventState) -> dict[str, SynapticOperations]:
        """What has been sent until now, by edge, for `metrics.per_sample`: synaptic operations of
        each sample, predictions ("input to h1") and errors ("errors of h1 to input"). Not in jit.
        """
        counted = {}
        for name, messages, connection in self._directions(state):
            dense = connection.dense * int(state.steps)
            counted[name] = SynapticOperations(messages.operations, messages.ternary, dense)
        return counted

    def comparisons(self, state: EventState) -> dict[str, Int[Array, "..."]]:
        """Comparisons with the threshold until now, of each sample, by edge as `operations`."""
        return {name: messages.comparisons for name, messages, _ in self._directions(state)}

    def _directions(self, state: EventState) -> list[tuple[str, Messages, Connection]]:
        """Where something may be sent: activities up each edge, then errors down those that do."""
        edges = list(zip(in_order(self.hierarchy), self.connections, strict=True))
        ups = [
            (edge.name, sent, up)
            for (edge, (up, _)), sent in zip(edges, state.predictions, strict=True)
        ]
        downs = [
            (f"errors of {edge.target} to {edge.source[0]}", sent, down)
            for (edge, (_, down)), sent in zip(edges, state.feedback, strict=True)
            if edge.target in self.error_thresholds
        ]
        return ups + downs

    def _sends_errors(self, edge: Edge) -> bool:
        """Whether what the edge predicts can be wrong, and what predicts it can change."""
        barren = self.hierarchy.barren(self.clamps)
        return edge.target not in barren and edge.source[0] not in self.clamps

    def _each(self, function: Callable) -> Callable:
        """A function of one sample, of all samples."""
        batched = bool(samples_of(self.hierarchy.by_name, self.clamps))
        return jax.vmap(function) if batched else function

    def _predicted(self, edge: Edge) -> Callable[[Array], Array]:
        """A node's prediction from what it has received."""
        after = self._each(split(edge).after)
        return lambda received: edge.scale * after(received)

    def _energy(self, edge: Edge) -> Energy:
        """What departing from the edge's prediction costs."""
        return self.hierarchy.by_name[edge.target].energy if edge.energy is None else edge.energy

    def _slopes(self, edge: Edge, z: Activities, up: Messages) -> tuple[Array, Array]:
        """Of the target's energy, in its activities and in what it has received."""
        energy, predicted = self._energy(edge), self._predicted(edge)
        cost = lambda activities, received: energy(activities, predicted(received))  # noqa: E731
        return jax.grad(cost, argnums=(0, 1))(z[edge.target], up.received)

    def _send(
        self,
        value: Array,
        before: Messages,
        threshold: Array,
        connection: Connection,
        carry: Callable[[Array], Array],
        first: Array,
    ) -> Messages:
        """The messages after one step in which the senders' values are `value`."""
        change = value - before.sent
        above = jnp.abs(change) > threshold
        if self.mode == "graded":
            message = jnp.where(above, change, 0)
            sent, received = jnp.where(above, value, before.sent), carry(message)
        else:
            quantum = 2 * threshold
            # Between two quanta, rounding could make of one too few one too many, for ever.
            after = value - (before.sent + quantum * jnp.sign(change))
            above = above & (jnp.abs(after) < jnp.abs(change))
            message = jnp.where(above, jnp.sign(change), 0)
            sent, received = before.sent + quantum * message, quantum * carry(message)
        cost = synaptic_operations(connection, message)
        units = tuple(range(cost.effective.ndim, message.ndim))
        events = jnp.sum(above, axis=units)
        compared = (change != before.change) | first
        return Messages(
            sent=sent,
            change=change,
            received=before.received + received,
            events=before.events + events,
            operations=before.operations + cost.effective,
            comparisons=before.comparisons + jnp.sum(compared, axis=units),
            ternary=before.ternary & cost.ternary,
            silent=events == 0,
        )


def _threshold(given: Threshold, argument: str, node: str, mode: str, dtype: Any) -> Array:
    if isinstance(given, Mapping):
        if node not in given:
            raise ValueError(f"{argument} has none for node {node!r}: {sorted(given)}.")
        given = given[node]
    value = jnp.asarray(given, dtype)
    least = "above zero" if mode == "ternary" else "at least zero"
    fits = not is_known(value) or bool(
        (value > 0 if mode == "ternary" else value >= 0).all() & jnp.isfinite(value).all()
    )
    if value.shape != () or not fits:
        raise ValueError(
            f"{argument} of node {node!r} must be a finite number {least} in mode {mode!r}, "
            f"got {given}."
        )
    return value


def _nothing_sent(sent: Array, received: Array, samples: tuple[int, ...]) -> Messages:
    none, all_so_far = jnp.zeros(samples, jnp.result_type(int)), jnp.ones(samples, bool)
    return Messages(
        sent,
        change=jnp.zeros_like(sent),
        received=received,
        events=none,
        operations=none,
        comparisons=none,
        ternary=all_so_far,
        silent=all_so_far,
    )
