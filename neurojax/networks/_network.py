"""Populations that send each other spikes through projections."""

from collections.abc import Mapping, Sequence
from typing import Any, final

import diffrax
import jax
import jax.random as jr
import numpy as np
from jaxtyping import Array, PRNGKeyArray, PyTree

from ..core import Clock, SpikingSystem, System, with_root_finder
from ._in_flight import InFlight
from ._partitioned import Partitioned
from ._projection import Connections, Projection, built

IN_FLIGHT = "in_flight"

State = dict[str, PyTree]


@final
class Network(System):
    """Populations by name, and projections that take their spikes to others.

    In a step all populations flow, each by its own solver, and jump: who is above threshold
    spikes. Then the spikes go out: one of step n that takes a delay of d steps is received in the
    jump of step n + d, and felt by the flow of the step after. What has no delay is received after
    the resets of its step.

    `populations` are spiking Systems of any kind; `projections` a list of `Projection`s, which get
    names as `"E->I"`, or a dict of them. Which neurons a projection joins is drawn from `seed`.

    The drive is a dict by population, or one value for all; `incoming` is a dict by population. So
    is the state: `record=["E.v", "spikes"]`; spikes are recorded by population, `sol.spikes["E"]`.

    Raises `ValueError` for a projection from or to what there is not, and for a drive or spikes
    from outside to a population that is not there.
    """

    populations: dict[str, SpikingSystem]
    projections: dict[str, Connections]

    default_record = ("spikes",)

    def __init__(
        self,
        populations: Mapping[str, SpikingSystem],
        projections: Mapping[str, Projection] | Sequence[Projection] = (),
        *,
        seed: int = 0,
    ) -> None:
        self.populations = dict(populations)
        for name, system in self.populations.items():
            if not isinstance(system, SpikingSystem):
                raise TypeError(
                    f"Network: population {name!r} must be a SpikingSystem, got {system!r}."
                )
            if name == IN_FLIGHT or not name or "." in name:
                raise ValueError(f"Network: a population cannot be called {name!r}.")
        if not isinstance(projections, Mapping):
            projections = _named(projections)
        draw = np.random.default_rng(seed)
        self.projections = {
            name: built(name, each, self.populations, draw) for name, each in projections.items()
        }

    @property
    def default_solver(self) -> diffrax.AbstractSolver:
        return Partitioned(
            {name: with_root_finder(x.default_solver) for name, x in self.populations.items()}
        )

    @property
    def spike_stamp(self) -> dict[str, int]:
        """Of each population."""
        return {name: system.spike_stamp for name, system in self.populations.items()}

    def initial_state(self, key: PRNGKeyArray | None = None) -> State:
        state: State = {
            name: system.initial_state(self._key(key, name))
            for name, system in self.populations.items()
        }
        state[IN_FLIGHT] = {
            target: InFlight.none(shape, delay)
            for target, (shape, delay) in self._delayed().items()
        }
        return state

    def inputs(self, t: Any, state: State, drive: PyTree) -> dict[str, PyTree]:
        """The drive of each population."""
        if isinstance(drive, Mapping):
            self._refuse_unknown("drive", drive)
            return {name: drive.get(name, 0.0) for name in self.populations}
        return dict.fromkeys(self.populations, drive)

    def vector_field(self, t: Any, state: State, drive: PyTree) -> State:
        drives = self.inputs(t, state, drive)
        rates: State = {
            name: system.vector_field(t, state[name], drives[name])
            for name, system in self.populations.items()
        }
        rates[IN_FLIGHT] = jax.tree.map(lambda _: None, state[IN_FLIGHT])
        return rates

    def output(self, state: State) -> dict[str, PyTree]:
        return {name: system.output(state[name]) for name, system in self.populations.items()}

    def jump(
        self, clock: Clock, state: State, incoming: Any, key: PRNGKeyArray | None
    ) -> tuple[State, dict[str, Array]]:
        outside = {} if incoming is None else incoming
        self._refuse_unknown("incoming", outside)
        moved, spikes = dict(state), {}
        due = {target: each.due for target, each in state[IN_FLIGHT].items()}
        for name, system in self.populations.items():
            arriving = _onto(name, due, outside.get(name))
            moved[name], spikes[name] = system.jump(
                clock, state[name], arriving, self._key(key, name)
            )
        late: dict[str, list[tuple[int, Array]]] = {target: [] for target in due}
        for each in self.projections.values():
            weights = each.sent(spikes[each.pre.population])
            if each.delay:
                late[each.post.target].append((each.delay, weights))
            else:
                name = each.post.population
                arriving = _onto(name, {each.post.target: weights}, None)
                moved[name] = self.populations[name].receive(moved[name], arriving)
        moved[IN_FLIGHT] = {
            target: each.after(clock.step, late[target])
            for target, each in state[IN_FLIGHT].items()
        }
        return moved, spikes

    def _key(self, key: PRNGKeyArray | None, name: str) -> PRNGKeyArray | None:
        # Trees of JAX have the keys of a dict in order, whatever order a user gave them.
        return None if key is None else jr.fold_in(key, sorted(self.populations).index(name))

    def _refuse_unknown(self, what: str, given: Mapping[str, Any]) -> None:
        for name in given:
            if name not in self.populations:
                known = ", ".join(self.populations)
                raise ValueError(f"{what} must be of the populations {known}, got {name!r}.")

    def _delayed(self) -> dict[str, tuple[tuple[int, ...], int]]:
        """Where spikes arrive late: the shape of that population, and the longest delay."""
        found: dict[str, tuple[tuple[int, ...], int]] = {}
        for each in self.projections.values():
            if each.delay:
                longest = max(each.delay, found.get(each.post.target, ((), 0))[1])
                found[each.post.target] = (each.shape, longest)
        return found


def _named(projections: Sequence[Projection]) -> dict[str, Projection]:
    """By where they come from and where they go, with a number where that is not one of a kind."""
    names: dict[str, Projection] = {}
    for each in projections:
        name, count = f"{each.pre}->{each.post}", 2
        while name in names:
            name, count = f"{each.pre}->{each.post} {count}", count + 1
        names[name] = each
    return names


def _onto(population: str, arriving: Mapping[str, Array], outside: Any) -> Any:
    """What arrives at a population: by the names of its synapses where it has several."""
    own = {
        synapse: x
        for name, _, synapse, x in ((*target.partition("."), x) for target, x in arriving.items())
        if name == population
    }
    if not own:
        return outside
    if "" in own:
        return own[""] if outside is None else own[""] + outside
    if outside is None:
        return own
    return {n: own.get(n, 0.0) + outside.get(n, 0.0) for n in own | outside}
