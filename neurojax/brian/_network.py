"""Networks: the objects of a script, run together; and those that `run` finds by itself."""

from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from ..core import RunState, simulate
from ._circuit import Circuit, Observed
from ._clock import as_ms, defaultclock
from ._frame import caller_names
from ._group import BrianObject, Subgroup, _scope
from ._monitors import Monitor, PopulationRateMonitor, SpikeMonitor, StateMonitor
from ._neurons import SpikingGroup
from ._parts import Now
from ._pathways import pathways_of
from ._poisson_input import PoissonInput
from ._quantity import quantity
from ._synapses import Synapses
from ._unsupported import refuse


class MagicError(Exception):
    """It cannot be told whether to begin a simulation or to go on with one."""


class Network:
    """The objects given (and those in lists of them), run together."""

    def __init__(self, *objects: Any, name: str | None = None) -> None:
        self.name, self.step, self.restored = name or "network", 0, 0
        self.key: jax.Array | None = None
        self.stored: dict[str, Any] = {}
        self.objects: list[BrianObject] = []
        self.add(*objects)

    def add(self, *objects: Any) -> None:
        """Take up objects, or lists of them."""
        for one in objects:
            if isinstance(one, BrianObject):
                if one not in self.objects:
                    self.objects.append(one)
            elif isinstance(one, Mapping):
                self.add(*one.values())
            elif isinstance(one, Iterable):
                self.add(*one)
            else:
                raise TypeError(f"a Network is made of groups, synapses, monitors; got {one!r}.")

    def remove(self, *objects: Any) -> None:
        """Leave objects out from now on."""
        self.objects = [one for one in self.objects if one not in objects]

    def __getitem__(self, name: str) -> BrianObject:
        for one in self.objects:
            if one.name == name:
                return one
        raise KeyError(f"the network has no object {name!r}.")

    @property
    def t(self) -> Any:
        """The time reached."""
        return quantity(self.step * defaultclock.step_ms, "ms")

    def run(
        self,
        duration: Any,
        report: Any = None,
        report_period: Any = None,
        namespace: Mapping[str, Any] | None = None,
        profile: Any = None,
        level: int = 0,
    ) -> None:
        """Run for `duration`, from where the last run ended. Names that objects have no namespace
        for are looked up in `namespace`, or where this is called."""
        steps = round(as_ms("duration", duration) / defaultclock.step_ms)
        if steps < 0:
            raise ValueError(f"run: the duration must not be negative, got {duration}.")
        if steps:
            names = caller_names(level) if namespace is None else namespace
            self._run(steps, names, report is not None)
        if callable(report):
            end = self.t
            report(quantity(0.0, "second"), 1.0, end - duration, duration)

    def _run(self, steps: int, names: Mapping[str, Any], progress: bool) -> None:
        dt, first = defaultclock.step_ms, self.step
        defaultclock.step = first
        circuit = circuit_of(self._complete(), names, dt, first)
        monitors = [one for one in self.objects if isinstance(one, Monitor)]
        record: dict[str, Any] = {}
        for monitor in monitors:
            if isinstance(monitor, StateMonitor | SpikeMonitor):
                part = monitor.source.root.name
                for name, (variable, indices) in monitor.observed().items():
                    record[name] = Observed(circuit, part, variable, indices)
        if any(isinstance(m, SpikeMonitor | PopulationRateMonitor) for m in monitors):
            record["spikes"] = "spikes"
        now = Now(first * dt, dt, np.int32(first))
        begin = RunState(
            np.int32(first),
            np.asarray(first * dt, jnp.result_type(float)),
            circuit.frozen(circuit.start, now),
            None,
            self._key(),
        )
        solution = simulate(
            circuit, t1=(first + steps) * dt, dt=dt, record=record, state=begin, progress=progress
        )
        self.step = defaultclock.step = first + steps
        for one in self.objects:
            if isinstance(one, SpikingGroup | Synapses):
                one.absorb(solution.final.state[one.name])
        _hand_out(circuit, monitors, solution, first, steps)

    def _key(self) -> jax.Array:
        """Of this simulation's random numbers; another after each `restore`."""
        if self.key is None:
            self.key = jr.key(np.random.randint(2**31 - 1))
        return self.key

    def _complete(self) -> list[BrianObject]:
        """The objects, without those whose source is missing."""
        return [one for one in self.objects if all(n in self.objects for n in one.needs)]

    def store(self, name: str = "default", filename: Any = None) -> None:
        """Keep the state of all objects under a name."""
        if filename is not None:
            refuse("store(filename=...)", "use neurojax.save")
        snapshots = {one.name: one.snapshot() for one in self.objects}
        self.stored[name] = (self.step, snapshots)

    def restore(
        self, name: str = "default", filename: Any = None, restore_random_state: bool = False
    ) -> None:
        """Go back to what was kept; random numbers are new unless `restore_random_state`."""
        if name not in self.stored:
            raise KeyError(f"restore: nothing was stored as {name!r}.")
        self.step, snapshots = self.stored[name]
        defaultclock.step = self.step
        for one in self.objects:
            if one.name in snapshots:
                one.restore(snapshots[one.name])
        if not restore_random_state:
            self.key = None


def circuit_of(
    objects: list[BrianObject], names: Mapping[str, Any], dt: float, first: int
) -> Circuit:
    """The System of these objects."""
    moving = sorted(
        (one for one in objects if isinstance(one, SpikingGroup | Synapses)),
        key=lambda one: (one.order, f"{one.name}_stateupdater"),
    )
    inputs = [one for one in objects if isinstance(one, PoissonInput)]
    written: dict[str, set[str]] = {}
    for one in [*moving, *inputs]:
        for group, variable in one.written(names):
            written.setdefault(group, set()).add(variable)
    parts, start, actions = {}, {}, []
    for one in moving:
        parts[one.name], start[one.name] = one.part(names, written.get(one.name, set()))
        if isinstance(one, Synapses):
            pathways, rings = pathways_of(one, names, first)
            start[one.name] = start[one.name] | rings
            actions += pathways
    actions += [one.action(names) for one in inputs]
    actions.sort(key=lambda a: (a.order, a.name))
    return Circuit(parts, tuple(actions), start, tuple(one.name for one in moving), dt)


def _hand_out(
    circuit: Circuit, monitors: list[Monitor], solution: Any, first: int, steps: int
) -> None:
    """Give the monitors what was recorded."""
    raster, at = None, {}
    if solution.recorded_spikes is not None:
        raster, begin = solution.spikes.raster(), 0
        for name in circuit.spiking:
            at[name] = begin
            begin += circuit.parts[name].n
    for monitor in monitors:
        if isinstance(monitor, StateMonitor):
            monitor.absorb(solution, first, steps)
        elif isinstance(monitor, SpikeMonitor | PopulationRateMonitor) and raster is not None:
            source = monitor.source
            begin = at[source.root.name] + source.start
            monitor.absorb(solution, first, steps, raster[:, begin : begin + source.N])


class MagicNetwork(Network):
    """The network of all objects that are visible where `run` is called."""

    def gather(self, level: int = 0) -> None:
        """Take up the visible objects: a new simulation if all are new."""
        objects = collect(level)
        essential = [one for one in objects if one.is_essential]
        known = [one for one in essential if one.network is self]
        if known and len(known) < len(essential):
            raise MagicError(
                "some of the objects here have been run before and some are new: make a Network "
                "of those that belong together."
            )
        if not known:
            self.step, self.key = 0, None
        for one in objects:
            one.network = self
        self.objects = objects


magic_network = MagicNetwork()


def collect(level: int = 0) -> list[BrianObject]:
    """The objects that are visible where this is called."""
    found: list[BrianObject] = []
    for one in caller_names(level).values():
        is_ours = isinstance(one, BrianObject) and not isinstance(one, Subgroup)
        if is_ours and one.scope == _scope[0] and one not in found:
            found.append(one)
    return found


def run(
    duration: Any,
    report: Any = None,
    report_period: Any = None,
    namespace: Mapping[str, Any] | None = None,
    profile: Any = None,
    level: int = 0,
) -> None:
    """Run all objects that are visible here for `duration`, from where their last run ended."""
    magic_network.gather(level)
    magic_network.run(duration, report, report_period, namespace, profile, level)


def store(name: str = "default", filename: Any = None) -> None:
    """Keep the state of all objects that are visible here."""
    magic_network.gather()
    magic_network.store(name, filename)


def restore(
    name: str = "default", filename: Any = None, restore_random_state: bool = False
) -> None:
    """Go back to what `store` kept."""
    magic_network.gather()
    magic_network.restore(name, filename, restore_random_state)


def seed(seed: int | None = None) -> None:
    """Make all random numbers from here on (numpy's too) follow from `seed`; None for any."""
    np.random.seed(seed)
    magic_network.key = None
