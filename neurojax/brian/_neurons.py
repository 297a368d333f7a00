"""Groups that spike, and neurons from equations."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from ..equations import Name, parse_statements
from ._clock import as_ms, same_clock
from ._code import Names, called
from ._group import Group, Subgroup, base_variables, subgroup
from ._model import declare, equations_of, part_of
from ._parts import AT_SPIKE, FROZEN, LAST, LONG_AGO, NeuronPart, Part
from ._quantity import NONE, TIME
from ._unsupported import refuse
from ._variables import FIXED, Variable, as_arrays


class SpikingGroup(Group):
    """A group whose elements can spike, and that can be sliced."""

    has_threshold = True

    def __getitem__(self, item: Any) -> Subgroup:
        return subgroup(self, item)


class NeuronGroup(SpikingGroup):
    """`N` neurons that follow the equations `model`.

    `threshold` is a condition, `reset` assignments; `refractory` a time, text that gives one, or a
    condition as text. `method` is that of integration. Names in the texts are looked up in
    `namespace`, or where `run` is called.
    """

    kind = "neurongroup"

    def __init__(
        self,
        N: int,
        model: Any,
        *,
        method: Any = None,
        method_options: Any = None,
        threshold: str | None = None,
        reset: str | None = None,
        refractory: Any = False,
        events: Any = None,
        namespace: Mapping[str, Any] | None = None,
        dtype: Any = None,
        dt: Any = None,
        clock: Any = None,
        order: int = 0,
        name: str | None = None,
        codeobj_class: Any = None,
    ) -> None:
        if int(N) != N or N < 1:
            raise ValueError(f"NeuronGroup: N must be a whole number from 1, got {N}.")
        super().__init__(int(N), name, order, namespace)
        same_clock(self.name, dt, clock)
        if events:
            refuse("events of one's own", "use threshold and reset")
        for argument, text in (("threshold", threshold), ("reset", reset)):
            if text is not None and not isinstance(text, str):
                raise TypeError(f"{self.name}: {argument} must be text, got {text!r}.")
        self.equations, self.method = equations_of(model), method
        self.threshold, self.resets, self.refractory = threshold, reset, refractory
        self.at_spikes: set[str] = set()
        self.last = np.full(self.N, LONG_AGO, np.int32)
        self.frozen = np.zeros(self.N, np.int32)
        declare(self, self.equations)
        if self.can_freeze:
            self.declare("lastspike", Variable(TIME, FIXED, unit="second"))
            self.declare("not_refractory", Variable(NONE, FIXED))
        for key, (variable, value) in base_variables(self.N).items():
            self.declare(key, variable)
            self.fixed[key] = np.asarray(value)

    @property
    def has_threshold(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.threshold is not None

    @property
    def can_freeze(self) -> bool:
        """Whether neurons are ever refractory."""
        return self.refractory is not False and self.threshold is not None

    def stored(self, name: str) -> np.ndarray:
        if name == "lastspike":
            return np.where(self.last < 0, -1e7, self.last * self.dt_ms)
        if name == "not_refractory":
            return self.frozen <= 0
        return super().stored(name)

    def written(self, namespace: Mapping[str, Any]) -> set[tuple[str, str]]:
        """The variables that its reset sets, by group and name."""
        return {(self.name, s.target) for s in self._statements()}

    def part(self, namespace: Mapping[str, Any], written: set[str]) -> tuple[Part, dict[str, Any]]:
        """The group as it runs, and its state; `written` are the variables that statements set."""
        names = self.names(namespace)
        common = part_of(self, self.equations, names, written, self.method)
        values = common.pop("values")
        spiking: dict[str, Any] = dict.fromkeys(("threshold", "refractory", "refractory_while"))
        if self.threshold is not None:
            spiking["threshold"] = names.expression(self.threshold, None, "threshold", draws=True)
        spiking["resets"] = () if not self.resets else names.statements(self.resets, "reset")
        if self.can_freeze:
            values |= {FROZEN: jnp.asarray(self.frozen), LAST: jnp.asarray(self.last)}
            spiking |= self._refractory(names)
        for name in self.at_spikes:
            values[AT_SPIKE + name] = jnp.zeros(self.N)
        common["constants"] = as_arrays(names.constants)
        common["functions"] = {n: f.on_clock(self.dt_ms) for n, f in names.functions.items()}
        part = NeuronPart(**common, **spiking, at_spikes=tuple(sorted(self.at_spikes)))
        return part, values

    def absorb(self, state: Mapping[str, Any]) -> None:
        """Take up the state after a run."""
        for name in self.values.keys() & state.keys():
            self.values[name] = np.asarray(state[name])
        if self.can_freeze:
            self.frozen, self.last = np.asarray(state[FROZEN]), np.asarray(state[LAST])

    def snapshot(self) -> Any:
        return super().snapshot(), self.frozen, self.last

    def restore(self, kept: Any) -> None:
        super().restore(kept[0])
        self.frozen, self.last = kept[1:]

    def _statements(self) -> Any:
        if not self.resets:
            return ()
        return parse_statements(self.resets, "reset", called(self.resets))

    def _refractory(self, names: Names) -> dict[str, Any]:
        text = self.refractory
        if text is True:
            raise TypeError(f"{self.name}: refractory must be a time or text, got True.")
        if not isinstance(text, str):
            names.constants["refractory of the group"] = np.asarray(as_ms("refractory", text))
            names.dimensions["refractory of the group"] = TIME
            return {"refractory": Name("refractory of the group")}
        if names.dimension(text, "refractory") is None:
            return {"refractory_while": names.expression(text, None, "refractory")}
        return {"refractory": names.expression(text, TIME, "refractory")}
