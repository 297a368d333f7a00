"""Neurons with synapses: what arrives opens them, and their current drives the membrane."""

from collections.abc import Mapping
from typing import Any, NamedTuple, final

import diffrax
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool, Float, PRNGKeyArray, PyTree

from ..core import Clock, ExactLinear, SpikingSystem, Surrogate
from ..neurons import LeakyIntegrateAndFire
from ..synapses import CurrentBased, Synapse


class PopulationState(NamedTuple):
    """That of the neurons, whose parts are also found by their own names, and the stages of each
    kind of synapse."""

    neurons: PyTree
    synapses: dict[str, tuple[Float[Array, "*shape"], ...]]

    def __getattr__(self, name: str) -> Any:
        if name in self.synapses:
            return self.synapses[name]
        return getattr(self.neurons, name)


@final
class Population(SpikingSystem):
    """Neurons of one kind, each with a synapse of each kind, into which all that arrive are summed.

    A synapse's current is added to the drive of its neuron. What arrives is a dict by the names of
    synapses, with a weight for each neuron.

    Raises `ValueError` for a synapse that has the name of a part of the neurons' state.
    """

    neurons: SpikingSystem
    synapses: dict[str, Synapse]

    default_record = ("spikes",)
    synaptic = True

    def __init__(self, neurons: SpikingSystem, synapses: Mapping[str, Synapse]) -> None:
        self.neurons, self.synapses = neurons, dict(synapses)
        for name in getattr(jax.eval_shape(neurons.initial_state, jr.key(0)), "_fields", ()):
            if name in self.synapses:
                raise ValueError(
                    f"Population: a synapse cannot be called {name!r}, as a part of the state of "
                    f"{type(neurons).__name__} is."
                )

    @property
    def shape(self) -> tuple[int, ...]:
        return getattr(self.neurons, "shape")  # noqa: B009

    @property
    def refractory(self) -> Array | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.neurons.refractory

    @property
    def surrogate(self) -> Surrogate:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.neurons.surrogate

    @property
    def spike_stamp(self) -> int:
        return self.neurons.spike_stamp

    @property
    def random(self) -> bool:
        return self.neurons.random

    @property
    def default_solver(self) -> diffrax.AbstractSolver:
        """That of the neurons; where currents make one linear system with them, its propagator."""
        linear = isinstance(self.neurons, LeakyIntegrateAndFire) and all(
            isinstance(synapse, CurrentBased) for synapse in self.synapses.values()
        )
        return ExactLinear() if linear else self.neurons.default_solver

    def initial_state(self, key: PRNGKeyArray | None = None) -> PopulationState:
        neurons = self.neurons.initial_state(key)
        zeros = jnp.zeros(self.shape)
        return PopulationState(
            neurons, {name: tuple(0.0 * x.opening(zeros)) for name, x in self.synapses.items()}
        )

    def vector_field(self, t: Any, state: PopulationState, drive: Any) -> PopulationState:
        v = self.neurons.output(state.neurons)
        for name, synapse in self.synapses.items():
            drive = drive + synapse.current(jnp.stack(state.synapses[name]), v).at(v)
        return PopulationState(
            self.neurons.vector_field(t, state.neurons, drive),
            {n: tuple(x.rate(jnp.stack(state.synapses[n]))) for n, x in self.synapses.items()},
        )

    def output(self, state: PopulationState) -> PyTree:
        return self.neurons.output(state.neurons)

    def spike_condition(self, state: PopulationState) -> Float[Array, "*shape"]:
        return self.neurons.spike_condition(state.neurons)

    def reset(self, state: PopulationState, spikes: Float[Array, "*shape"]) -> PopulationState:
        return state._replace(neurons=self.neurons.reset(state.neurons, spikes))

    def freeze(self, state: PopulationState, frozen: Bool[Array, "*shape"]) -> PopulationState:
        return state._replace(neurons=self.neurons.freeze(state.neurons, frozen))

    def receive(self, state: PopulationState, incoming: Mapping[str, Any]) -> PopulationState:
        opened = {
            name: tuple(jnp.stack(state.synapses[name]) + self.synapses[name].opening(weight))
            for name, weight in incoming.items()
        }
        return state._replace(synapses=state.synapses | opened)

    def jump(
        self,
        clock: Clock,
        state: PopulationState,
        incoming: Mapping[str, Any] | None,
        key: PRNGKeyArray | None,
    ) -> tuple[PopulationState, Float[Array, "*shape"]]:
        neurons, spikes = self.neurons.jump(clock, state.neurons, None, key)
        state = state._replace(neurons=neurons)
        return state if incoming is None else self.receive(state, incoming), spikes
