"""What evolves: systems that flow, systems that spike, systems that descend an energy."""

import abc
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree

from ._exponential_euler import ExponentialEuler
from ._native import decided
from ._spike import Surrogate, spiked

if TYPE_CHECKING:  # to a type checker an AbstractVar would be a field that __init__ takes
    from typing import ClassVar as AbstractVar
else:
    from equinox import AbstractVar

Time = float | int | Float[Array, ""]


class Clock(NamedTuple):
    """Where a clocked simulation is: `step` steps of `dt` ms from time zero (or many of them)."""

    step: Int[Array, "..."]
    dt: float

    @property
    def t(self) -> Float[Array, "..."]:
        """Start of this step (ms): a counter times dt, never an accumulated float."""
        return self.step.astype(jnp.result_type(float)) * self.dt

    def steps(self, duration: Float[Array, "*shape"]) -> Int[Array, "*shape"]:
        """Whole steps in `duration` (ms), rounded down but for a thousandth of a step, as Brian2
        counts them (`timestep` in its source)."""
        return jnp.floor(duration / self.dt + 1e-3).astype(jnp.int32)


class StiffPart(NamedTuple):
    """The stiff linear part of a flow: `mass · dx/dt = source − conductance · x` for one leaf x."""

    where: Callable[[PyTree], Array]
    mass: Array
    conductance: lx.AbstractLinearOperator
    source: Array


class System(eqx.Module):
    """Anything that evolves: it says how its state changes, and `simulate` runs it.

    A subclass owes `initial_state` and `vector_field`; the state is a pytree (best a NamedTuple)
    of few, stacked arrays. Time is in ms. Parameters are the module's array leaves.
    """

    default_record: ClassVar[tuple[str, ...]] = ("output",)

    @abc.abstractmethod
    def initial_state(self, key: PRNGKeyArray | None = None) -> PyTree:
        """The state at the start of a simulation; `key` where the start is random."""

    @abc.abstractmethod
    def vector_field(self, t: Time, state: PyTree, drive: PyTree) -> PyTree:
        """d(state)/dt per ms, in the state's structure, with None for leaves that only jump."""

    def output(self, state: PyTree) -> PyTree:
        """What others see of the state."""
        return state

    def jump(
        self, clock: Clock, state: PyTree, incoming: PyTree, key: PRNGKeyArray | None
    ) -> tuple[PyTree, PyTree]:
        """What happens at the end of a clock step: the state after it, and what is emitted.

        `incoming` is what other parts emitted in this step.
        """
        return state, None

    def diffusion(self, t: Time, state: PyTree, drive: PyTree) -> PyTree | None:
        """Noise amplitude per √ms (independent for each element, Itô), in the state's structure
        with None for noiseless leaves; None for a deterministic system."""
        return None

    def split(self, t: Time, state: PyTree, drive: PyTree) -> StiffPart:
        """The stiff linear part of the flow, for `SemiImplicitEuler`."""
        raise TypeError(
            f"SemiImplicitEuler needs the stiff part of a system, and {type(self).__name__} "
            "defines no split(t, state, drive); use another solver, such as ExponentialEuler."
        )

    @property
    def default_solver(self) -> diffrax.AbstractSolver:
        """The solver that a clocked `simulate` takes unless told otherwise."""
        return ExponentialEuler()


class SpikingSystem(System):
    """A System that spikes when `spike_condition` is above zero, and is then reset.

    A subclass owes `spike_condition` and `reset`, and has the fields `surrogate`, the derivative
    that stands for the spike's in training, and `refractory` (ms, scalar or one for each neuron,
    None for never). Where that can be above zero, it does the counting in its `jump`, and `freeze`
    freezes neurons from outside.
    """

    default_record: ClassVar[tuple[str, ...]] = ("output", "spikes")
    synaptic: ClassVar[bool] = False
    """Whether it has synapses of its own, with currents or conductances: as a layer of a network it
    then `receive`s what comes in, where others have it as their drive."""
    refractory: AbstractVar[Array | None]
    surrogate: AbstractVar[Surrogate]

    @property
    def refractory_period(self) -> Array:
        """`refractory` (ms), 0 for a neuron that never is."""
        return jnp.zeros(()) if self.refractory is None else self.refractory

    @property
    def spike_stamp(self) -> int:
        """The edge of its clock step that a spike is stamped with: 0 the start, 1 the end."""
        return 0

    @property
    def random(self) -> bool:
        """Whether spikes are drawn, which needs a clock and a key."""
        return False

    @abc.abstractmethod
    def spike_condition(self, state: PyTree) -> Float[Array, "*shape"]:
        """Crosses zero upward at a spike; one element for each neuron."""

    def spikes(self, state: PyTree) -> Float[Array, "*shape"]:
        """1 where the spike condition is above zero, else 0, with the surrogate's derivative."""
        condition = self.spike_condition(state)
        return spiked(condition, decided(condition > 0), self.surrogate)

    @abc.abstractmethod
    def reset(self, state: PyTree, spikes: Float[Array, "*shape"]) -> PyTree:
        """The state after the neurons with `spikes` = 1 have spiked."""

    def freeze(self, state: PyTree, frozen: Bool[Array, "*shape"]) -> PyTree:
        """The state in which exactly the neurons in `frozen` are refractory (event mode)."""
        return state

    def receive(self, state: PyTree, incoming: PyTree) -> PyTree:
        """The state after spikes have arrived, `incoming` their summed weight at each neuron."""
        raise TypeError(f"incoming: {type(self).__name__} has no synapses for spikes to arrive at.")

    def jump(
        self, clock: Clock, state: PyTree, incoming: PyTree, key: PRNGKeyArray | None
    ) -> tuple[PyTree, PyTree]:
        spikes = self.spikes(state)
        state = self.reset(state, spikes)
        return state if incoming is None else self.receive(state, incoming), spikes


class EnergySystem(System):
    """A System that flows down the gradient of an energy: dx/dt = −∂E/∂x.

    A subclass owes `energy`, summed over samples, so that a sample's path does not depend on the
    batch it is in. The drive holds the clamps: parts of the state that are held at data.
    """

    @abc.abstractmethod
    def energy(self, state: PyTree, clamps: PyTree) -> Float[Array, ""]:
        """The energy of `state` with its clamped parts replaced by `clamps`."""

    def free(self, state: PyTree, clamps: PyTree) -> PyTree[bool]:
        """Which leaves of the state move: True where free, False where clamped."""
        return jax.tree.map(lambda _: True, state)

    def vector_field(self, t: Time, state: PyTree, drive: PyTree) -> PyTree:
        moving, held = eqx.partition(state, self.free(state, drive))
        slope = jax.grad(lambda part: self.energy(eqx.combine(part, held), drive))(moving)
        return jax.tree.map(jnp.negative, slope)
