"""Synapses: edges between two groups, with variables of their own and what spikes do to them."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from ..equations import Equations
from ._clock import same_clock
from ._code import Names
from ._connect import pairs
from ._delivery import LAST_UPDATE
from ._frame import caller_names
from ._group import BrianObject, Group
from ._model import declare, equations_of, part_of
from ._parts import Part, SynapsePart
from ._pathways import POST, PRE, PathwayOfScript
from ._quantity import NONE, TIME
from ._trial import Trial
from ._unsupported import refuse
from ._variables import FIXED, HostScope, Variable, as_arrays


class Synapses(Group):
    """Synapses from `source` to `target`, made by `connect`.

    `model` has parameters, and equations that are event-driven or clock-driven. `on_pre` and
    `on_post` are what a spike of that end does, `delay` milliseconds later, to variables of the
    synapse, of the target (`v` or `v_post`) and of the source (`v_pre`).
    """

    kind = "synapses"

    def __init__(
        self,
        source: Group,
        target: Group | None = None,
        model: Any = "",
        on_pre: Any = None,
        pre: Any = None,
        on_post: Any = None,
        post: Any = None,
        connect: Any = None,
        delay: Any = None,
        on_event: Any = "spike",
        multisynaptic_index: str | None = None,
        namespace: Mapping[str, Any] | None = None,
        dtype: Any = None,
        codeobj_class: Any = None,
        dt: Any = None,
        clock: Any = None,
        order: int = 0,
        method: Any = None,
        method_options: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(0, name, order, namespace)
        same_clock(self.name, dt, clock)
        self._refuse_unsupported(model, on_event, multisynaptic_index, connect, pre, post)
        self.source, self.target = source, source if target is None else target
        self.equations, self.method = equations_of(model or ""), method
        self.pre_index = self.post_index = np.zeros(0, np.int32)
        self.last_update = np.zeros(0, np.int32)
        self.rings: dict[str, np.ndarray] = {}
        self.connected = False
        self.paths: dict[str, PathwayOfScript] = {}
        self.driven: dict[str, Any] = {}
        self.event_driven = False
        declare(self, self.equations)
        self.driven = {
            line.name: line.expression
            for line in self.equations.of("differential")
            if "event-driven" in line.flags
        }
        self.event_driven = bool(self.driven)
        self.declare("i", Variable(NONE, FIXED))
        self.declare("j", Variable(NONE, FIXED))
        self.declare("N", Variable(NONE, FIXED, True))
        self._pathways(PRE, on_pre, delay)
        self._pathways(POST, on_post, delay)

    @property
    def needs(self) -> tuple[BrianObject, ...]:
        return self.source.root, self.target.root

    def connect(
        self,
        condition: str | bool | None = None,
        i: Any = None,
        j: Any = None,
        p: Any = 1.0,
        n: Any = 1,
        skip_if_invalid: bool = False,
        namespace: Mapping[str, Any] | None = None,
        level: int = 0,
    ) -> None:
        """Make synapses: for all pairs, those of a condition as text, of arrays i and j, or of a
        generator such as `j='k for k in range(i - 1, i + 2)'`; each with probability `p`, and
        `n` of each."""
        names = caller_names(level) if namespace is None else namespace
        sizes = (self.source.N, self.target.N)

        def value(text: str, known: dict[str, np.ndarray], is_condition: bool) -> np.ndarray:
            return self._asked(text, known, is_condition, names)

        self._grow(*pairs(sizes, condition, i, j, p, n, skip_if_invalid, value))

    def __getitem__(self, item: Any) -> Any:
        refuse("a selection of synapses", "index their variables, such as S.w[0, :]")

    def stored(self, name: str) -> np.ndarray:
        match name:
            case "i":
                return self.pre_index - self.source.start
            case "j":
                return self.post_index - self.target.start
            case "N":
                return np.asarray(self.N)
            case "N_pre" | "N_post":
                return np.asarray((self.source if name == "N_pre" else self.target).N)
        if name in self.values:
            return self.values[name]
        group, index, stem = self._ended(name)
        stored = group.root.stored(stem)
        return stored if stored.ndim == 0 else stored[index]

    def variable(self, name: str) -> Variable:
        if name in self.variables:
            return self.variables[name]
        if name in ("N_pre", "N_post"):
            return Variable(NONE, FIXED, True)
        group, _, stem = self._ended(name)
        return group.root.variable(stem)

    def names(self, namespace: Mapping[str, Any]) -> Names:
        names = super().names(namespace)
        known: dict[str, Any] = {"N_pre": NONE, "N_post": NONE}
        for end, group in ((PRE, self.source), (POST, self.target)):
            for name, variable in group.root.variables.items():
                known[f"{name}_{end}"] = variable.dim
                if end == POST:
                    known[name] = variable.dim
        names.dimensions = known | names.dimensions
        return names

    def indices(self, item: Any, namespace: Callable[[], Mapping[str, Any]]) -> np.ndarray:
        if isinstance(item, tuple):
            before, after = (
                np.isin(own, np.arange(group.N)[one])
                for own, group, one in zip(
                    (self.stored("i"), self.stored("j")), (self.source, self.target), item,
                    strict=True,
                )
            )  # fmt: skip
            return np.flatnonzero(before & after)
        return super().indices(item, namespace)

    def put(self, name: str, item: Any, value: Any, si_values: bool = False) -> None:
        if not self.connected and not self.variable(name).shared:
            raise TypeError(f"{self.name}.{name} cannot be set before connect() made synapses.")
        super().put(name, item, value, si_values)

    def written(self, namespace: Mapping[str, Any]) -> set[tuple[str, str]]:
        """The variables that its statements set, by group and name."""
        found = {(self.name, name) for name in self.driven}
        for path in self.paths.values():
            for statement in path.statements:
                if statement.target in self.values:
                    found.add((self.name, statement.target))
                else:
                    group, _, stem = self._ended(statement.target)
                    found.add((group.root.name, stem))
        return found

    def part(self, namespace: Mapping[str, Any], written: set[str]) -> tuple[Part, dict[str, Any]]:
        """The synapses as they run, and their state."""
        if not self.connected:
            raise TypeError(f"{self.name} has no synapses yet: call connect().")
        names = self.names(namespace)
        lines = tuple(line for line in self.equations.lines if line.name not in self.driven)
        clocked = Equations(lines, self.equations.source)
        delays = {path.variable for path in self.paths.values()}
        common = part_of(self, clocked, names, written, self.method)
        values = common.pop("values")
        common["parameters"] = {k: v for k, v in common["parameters"].items() if k not in delays}
        for path in self.paths.values():
            names.statements(path.code, f"on_{path.end}")
        for name, expression in self.driven.items():
            names.expression(expression, self.variables[name].dim / TIME, f"d{name}/dt")
        common["constants"] = as_arrays(names.constants)
        common["functions"] = {n: f.on_clock(self.dt_ms) for n, f in names.functions.items()}
        part = SynapsePart(
            **common,
            source=self.source.root.name,
            target=self.target.root.name,
            offsets=(self.source.start, self.target.start),
            sizes=(self.source.N, self.target.N),
            pre=jnp.asarray(self.pre_index),
            post=jnp.asarray(self.post_index),
        )
        if self.event_driven:
            values[LAST_UPDATE] = jnp.asarray(self.last_update)
        return part, values

    def absorb(self, state: Mapping[str, Any]) -> None:
        """Take up the state after a run."""
        for name in self.values.keys() & state.keys():
            self.values[name] = np.asarray(state[name])
        if self.event_driven:
            self.last_update = np.asarray(state[LAST_UPDATE])
        self.rings = {n: np.asarray(x) for n, x in state.items() if n.startswith("ring of ")}

    def snapshot(self) -> Any:
        return super().snapshot(), self.last_update, self.rings

    def restore(self, kept: Any) -> None:
        super().restore(kept[0])
        self.last_update, self.rings = kept[1:]

    def __getattr__(self, name: str) -> Any:
        paths = self.__dict__.get("paths", {})
        if name in paths:
            return paths[name]
        if not name.startswith("_") and "paths" in self.__dict__ and self._has(name):
            return self.view(name, False)
        return super().__getattr__(name)

    def _has(self, name: str) -> bool:
        try:
            self.variable(name)
        except AttributeError:
            return False
        return True

    def _ended(self, name: str) -> tuple[Group, np.ndarray, str]:
        """The group, the neuron of each synapse and the variable that a name such as `v_pre`
        means."""
        stem, _, end = name.rpartition("_")
        if end not in (PRE, POST) or not stem:
            stem, end = name, POST
        group, index = (
            (self.source, self.pre_index) if end == PRE else (self.target, self.post_index)
        )
        if stem not in group.root.variables:
            raise AttributeError(f"{self.name} has no variable {name!r}, nor have its groups.")
        return group, index, stem

    def _asked(
        self, text: str, known: dict[str, np.ndarray], is_condition: bool, names: Mapping[str, Any]
    ) -> np.ndarray:
        """The value of a text of a connect rule, for pairs that are not synapses yet."""
        trial = Trial(self, known)
        scope = HostScope(trial, trial.names(names), np.arange(trial.N))
        return np.asarray(scope.value(text, None if is_condition else NONE, "connect"))

    def _grow(self, before: np.ndarray, after: np.ndarray) -> None:
        self.connected = True
        new = len(before)
        self.N += new
        self.pre_index, self.post_index, self.last_update = (
            np.concatenate([old, added]).astype(np.int32)
            for old, added in (
                (self.pre_index, before + self.source.start),
                (self.post_index, after + self.target.start),
                (self.last_update, np.zeros(new)),
            )
        )
        for name, value in self.values.items():
            if value.ndim:
                self.values[name] = np.concatenate([value, np.zeros(new)])

    def _pathways(self, end: str, code: Any, delay: Any) -> None:
        if code is None:
            return
        codes = {end: code} if isinstance(code, str) else dict(code)
        codes = {name: text for name, text in codes.items() if text.strip()}
        group = (self.source if end == PRE else self.target).root
        if codes and not getattr(group, "has_threshold", False):
            raise TypeError(f"{self.name}: on_{end} needs spikes, and {group.name} has none.")
        for name, text in codes.items():
            own = delay.get(name) if isinstance(delay, dict) else delay if end == PRE else None
            self.paths[name] = PathwayOfScript(self, name, end, text, own)
        if end == PRE and codes and "delay" not in self.variables:
            first = next(iter(codes))
            self.variables["delay"] = self.variables[f"delay of {first}"]

    def _refuse_unsupported(
        self, model: Any, event: Any, multisynaptic: Any, connect: Any, pre: Any, post: Any
    ) -> None:
        text = getattr(model, "text", model) or ""
        if re.search(r"\(\s*summed\s*\)", text):
            refuse("the flag (summed)", "let on_pre add to a variable of the target")
        if event != "spike":
            refuse("on_event", "use spikes")
        if multisynaptic is not None:
            refuse("multisynaptic_index", "declare a parameter and set it")
        if connect is not None or pre is not None or post is not None:
            raise TypeError("Synapses: say on_pre and on_post, and call connect().")
