"""A layer of neurons that spikes reach through weights."""

from typing import Any, final

import diffrax
import equinox as eqx
import jax
from jaxtyping import Array, Bool, Float, PRNGKeyArray, PyTree

from ...core import Clock, SpikingSystem, StiffPart, Surrogate, as_parameter


def _as_weights(x: Any) -> Array | None:
    return None if x is None else as_parameter(x)


@final
class Layer(SpikingSystem):
    """Neurons that receive incoming spikes through `weights` [inputs, neurons], and each other's
    through `recurrent` [neurons, neurons] (from row to column) where that is given.

    `neuron` is any SpikingSystem of shape `(neurons,)` with synapses; weights are in the unit of
    what it receives. The layer has the neuron's state, drive, recordings and solver; the incoming
    spikes of `simulate` are of shape [inputs]. A neuron's own spikes are delivered in the jump that
    resets it: at the spike by events, at the end of its step by the clock.

    Raises `TypeError` for what is no SpikingSystem, `ValueError` for shapes that do not fit.
    """

    synaptic = True

    neuron: SpikingSystem
    weights: Float[Array, "inputs neurons"] = eqx.field(converter=as_parameter)
    recurrent: Float[Array, "neurons neurons"] | None = eqx.field(
        converter=_as_weights, default=None
    )

    def __check_init__(self) -> None:
        if not isinstance(self.neuron, SpikingSystem):
            raise TypeError(f"Layer: neuron must be a SpikingSystem, got {self.neuron!r}.")
        condition = jax.eval_shape(
            lambda key: self.neuron.spike_condition(self.neuron.initial_state(key)),
            jax.random.key(0),
        )
        if self.weights.ndim != 2 or condition.shape != self.weights.shape[1:]:
            raise ValueError(
                f"Layer: weights of shape {self.weights.shape} need neurons of shape "
                f"{self.weights.shape[1:]}, got shape {condition.shape}."
            )
        square = self.weights.shape[1:] * 2
        if self.recurrent is not None and self.recurrent.shape != square:
            raise ValueError(
                f"Layer: recurrent must have shape {square}, got {self.recurrent.shape}."
            )

    @property
    def refractory(self) -> Array | None:
        return self.neuron.refractory

    @property
    def surrogate(self) -> Surrogate:
        return self.neuron.surrogate

    @property
    def default_record(self) -> tuple[str, ...]:
        return self.neuron.default_record

    @property
    def default_solver(self) -> diffrax.AbstractSolver:
        return self.neuron.default_solver

    @property
    def spike_stamp(self) -> int:
        return self.neuron.spike_stamp

    @property
    def random(self) -> bool:
        return self.neuron.random

    def initial_state(self, key: PRNGKeyArray | None = None) -> PyTree:
        return self.neuron.initial_state(key)

    def vector_field(self, t: Any, state: PyTree, drive: PyTree) -> PyTree:
        return self.neuron.vector_field(t, state, drive)

    def diffusion(self, t: Any, state: PyTree, drive: PyTree) -> PyTree | None:
        return self.neuron.diffusion(t, state, drive)

    def split(self, t: Any, state: PyTree, drive: PyTree) -> StiffPart:
        return self.neuron.split(t, state, drive)

    def output(self, state: PyTree) -> PyTree:
        return self.neuron.output(state)

    def spike_condition(self, state: PyTree) -> Float[Array, " neurons"]:
        return self.neuron.spike_condition(state)

    def freeze(self, state: PyTree, frozen: Bool[Array, "..."]) -> PyTree:
        return self.neuron.freeze(state, frozen)

    def reset(self, state: PyTree, spikes: Float[Array, " neurons"]) -> PyTree:
        return self._delivered(self.neuron.reset(state, spikes), spikes)

    def receive(self, state: PyTree, incoming: Float[Array, " inputs"]) -> PyTree:
        return self.neuron.receive(state, incoming @ self.weights)

    def jump(
        self, clock: Clock, state: PyTree, incoming: PyTree, key: PRNGKeyArray | None
    ) -> tuple[PyTree, Float[Array, " neurons"]]:
        weighted = None if incoming is None else incoming @ self.weights
        state, spikes = self.neuron.jump(clock, state, weighted, key)
        return self._delivered(state, spikes), spikes

    def _delivered(self, state: PyTree, spikes: Float[Array, " neurons"]) -> PyTree:
        if self.recurrent is None:
            return state
        return self.neuron.receive(state, spikes @ self.recurrent)
