"""Groups that spike without equations: at random, or at given times."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from ._clock import as_ms, same_clock
from ._group import base_variables
from ._model import empty_part
from ._neurons import NeuronGroup, SpikingGroup
from ._parts import GeneratorPart, Part
from ._quantity import TIME, coherent, dimension_of
from ._timed_array import TimedArray


class PoissonGroup(NeuronGroup):
    """`N` neurons that spike at random with `rates`: a rate, one for each, text, or a TimedArray
    as text."""

    kind = "poissongroup"

    def __init__(
        self,
        N: int,
        rates: Any,
        dt: Any = None,
        clock: Any = None,
        when: str = "thresholds",
        order: int = 0,
        namespace: Mapping[str, Any] | None = None,
        name: str | None = None,
        codeobj_class: Any = None,
    ) -> None:
        if isinstance(rates, TimedArray):
            raise TypeError("PoissonGroup: write a TimedArray as text, such as rates='f(t)'.")
        model = f"rates = {rates} : Hz" if isinstance(rates, str) else "rates : Hz"
        super().__init__(
            N,
            model,
            threshold="rand() < rates * dt",
            dt=dt,
            clock=clock,
            order=order,
            namespace=namespace,
            name=name,
        )
        if not isinstance(rates, str):
            self.put("rates", slice(None), rates)


class SpikeGeneratorGroup(SpikingGroup):
    """`N` neurons of which those of `indices` spike at `times`, repeated each `period`."""

    kind = "spikegeneratorgroup"

    def __init__(
        self,
        N: int,
        indices: Any,
        times: Any,
        dt: Any = None,
        clock: Any = None,
        period: Any = None,
        when: str = "thresholds",
        order: int = 0,
        sorted: bool = False,
        name: str | None = None,
        codeobj_class: Any = None,
    ) -> None:
        super().__init__(int(N), name, order, None)
        same_clock(self.name, dt, clock)
        self.spike_indices = self.spike_times = np.zeros(0)
        self.period_ms = 0.0
        for key, (variable, value) in base_variables(self.N).items():
            self.declare(key, variable)
            self.fixed[key] = np.asarray(value)
        self.set_spikes(indices, times, period)

    def set_spikes(
        self, indices: Any, times: Any, period: Any = None, sorted: bool = False
    ) -> None:
        """Other spikes from now on."""
        indices, (plain, dim) = np.asarray(indices, int), coherent(times)
        if dim != TIME and plain.size:
            raise TypeError(f"{self.name}: times must be times, got {dimension_of(times)}.")
        if indices.shape != plain.shape or indices.ndim != 1:
            raise ValueError(
                f"{self.name}: indices and times must be as many, got {indices.shape} "
                f"and {plain.shape}."
            )
        if indices.size and not (indices.min() >= 0 and indices.max() < self.N):
            raise ValueError(f"{self.name}: indices must be from 0 to {self.N - 1}, got {indices}.")
        if plain.size and plain.min() < 0:
            raise ValueError(f"{self.name}: times must not be negative, got {times}.")
        self.spike_indices, self.spike_times = indices, plain.astype(float)
        self.period_ms = 0.0 if period is None else as_ms("period", period)

    def written(self, namespace: Mapping[str, Any]) -> set[tuple[str, str]]:
        """Nothing."""
        return set()

    def part(self, namespace: Mapping[str, Any], written: set[str]) -> tuple[Part, dict[str, Any]]:
        """The group as it runs, and its state."""
        steps = np.floor(self.spike_times / self.dt_ms + 1e-3).astype(np.int32)
        pairs = np.stack([steps, self.spike_indices])
        if np.unique(pairs, axis=1).shape[1] < pairs.shape[1]:
            raise ValueError(f"{self.name}: a neuron spikes more than once in one step.")
        period = round(self.period_ms / self.dt_ms)
        if period and steps.size and steps.max() >= period:
            raise ValueError(f"{self.name}: the period must be longer than all spike times.")
        part = GeneratorPart(
            **empty_part(self), steps=jnp.asarray(steps),
            indices=jnp.asarray(self.spike_indices, jnp.int32), period=period,
        )  # fmt: skip
        return part, {}

    def absorb(self, state: Mapping[str, Any]) -> None:
        """It has no state."""
