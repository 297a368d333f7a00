"""What groups of a script share: a name, variables with units, an index into them."""

import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from ._clock import defaultclock
from ._code import Names
from ._frame import caller_names
from ._quantity import NONE, TIME
from ._unsupported import METHODS_INSTEAD, refuse
from ._variables import FIXED, STORED, HostScope, Variable, VariableView, plain_value

_counts: Counter[str] = Counter()
_scopes = itertools.count(1)
_scope = [0]


def start_scope() -> None:
    """Objects that were made before are not taken up by `run` any more."""
    _scope[0] = next(_scopes)


class BrianObject:
    """An object of a script that a network can take up."""

    kind: ClassVar[str] = "object"
    is_essential: ClassVar[bool] = True  # whether a network that continues may not gain it

    def __init__(self, name: str | None, order: int = 0) -> None:
        base, number = name or self.kind, None
        if name is None or name.endswith("*"):
            base = base.rstrip("*")
            number = _counts[base]
            _counts[base] += 1
        self.name = base if not number else f"{base}_{number}"
        self.order, self.scope = order, _scope[0]
        self.network: Any = None

    @property
    def needs(self) -> tuple["BrianObject", ...]:
        """The objects without which it means nothing."""
        return ()

    def snapshot(self) -> Any:
        """What `restore` needs."""
        return None

    def restore(self, kept: Any) -> None:
        """Be again as when the snapshot was taken."""


class Group(BrianObject):
    """Elements with variables: attributes that are read and set with their units, by index, slice,
    condition as text (`G.v['i > 3']`), or all; values may be expressions as text."""

    def __init__(self, N: int, name: str | None, order: int, namespace: Mapping | None) -> None:
        super().__init__(name, order)
        self.N, self.start, self.namespace = N, 0, namespace
        self.variables: dict[str, Variable] = {}
        self.values: dict[str, np.ndarray] = {}
        self.fixed: dict[str, np.ndarray] = {}

    @property
    def root(self) -> "Group":
        """The whole group that it is of."""
        return self

    def __len__(self) -> int:
        return self.N

    @property
    def time(self) -> float:
        """The time reached (ms)."""
        return defaultclock.step * defaultclock.step_ms

    @property
    def t(self) -> Any:
        """The time reached."""
        return defaultclock.t

    @property
    def dt(self) -> Any:
        """The clock's step."""
        return defaultclock.dt

    @property
    def dt_ms(self) -> float:
        """The clock's step (ms)."""
        return defaultclock.step_ms

    def declare(self, name: str, variable: Variable, value: Any = 0.0) -> None:
        """Add a variable; one that is stored starts at this value."""
        self.variables[name] = variable
        if variable.kind == STORED:
            shape = () if variable.shared else (self.N,)
            self.values[name] = np.full(shape, value, float)

    def variable(self, name: str) -> Variable:
        """A variable by name."""
        if name not in self.variables:
            known = ", ".join(self.variables)
            raise AttributeError(f"{self.name} has no variable {name!r}; it has {known}.")
        return self.variables[name]

    def stored(self, name: str) -> np.ndarray:
        """The values of a variable, in the coherent system."""
        return self.fixed[name] if self.variables[name].kind == FIXED else self.values[name]

    def names(self, namespace: Mapping[str, Any]) -> Names:
        """The names that its texts may use."""
        dimensions = {name: variable.dim for name, variable in self.variables.items()}
        own = namespace if self.namespace is None else self.namespace
        return Names(self.name, dimensions | {"t": TIME, "dt": TIME}, own)

    def indices(self, item: Any, namespace: Callable[[], Mapping[str, Any]]) -> np.ndarray:
        """The elements that an index, a slice, an array or a condition as text names."""
        if isinstance(item, str):
            scope = HostScope(self, self.names(namespace()), np.arange(self.N))
            return np.flatnonzero(np.broadcast_to(scope.value(item, None, "an index"), self.N))
        return np.asarray(np.arange(self.N)[item])

    def put(self, name: str, item: Any, value: Any, si_values: bool = False) -> None:
        """Set a variable's elements."""
        variable = self.variable(name)
        if variable.kind != STORED:
            raise TypeError(f"{self.name}.{name} cannot be set: it is {variable.kind}.")
        index = self.indices(item, caller_names)
        if isinstance(value, str):
            scope = HostScope(self, self.names(caller_names()), np.atleast_1d(index))
            value = np.asarray(scope.value(value, variable.dim, f"{self.name}.{name}"))
        else:
            value = plain_value(self.name, name, variable, value, si_values)
        self.assign(name, index, value)

    def assign(self, name: str, index: np.ndarray, value: Any) -> None:
        """Put plain values into a variable."""
        stored = np.array(self.stored(name))
        try:
            if stored.ndim == 0:
                stored = np.asarray(value, stored.dtype).reshape(())
            else:
                stored[index] = value
        except ValueError as error:
            raise ValueError(f"{self.name}.{name}: {error}") from None
        self.values[name] = stored

    def __getattr__(self, name: str) -> Any:
        variables = self.__dict__.get("variables", {})
        if name in variables:
            return self.view(name, False)
        if name.endswith("_") and name[:-1] in variables:
            return self.view(name[:-1], True)
        if name.startswith("_") or not variables:
            raise AttributeError(name)
        if name in METHODS_INSTEAD:
            refuse(f"{self.kind}.{name}", METHODS_INSTEAD[name])
        known = ", ".join(variables)
        raise AttributeError(f"{self.name} has no variable {name!r}; it has {known}.")

    def view(self, name: str, si_values: bool) -> Any:
        """A variable as a script sees it."""
        return VariableView(self, name, si_values)

    def __setattr__(self, name: str, value: Any) -> None:
        variables = self.__dict__.get("variables", {})
        if name in variables and name not in self.__dict__:
            if not (isinstance(value, VariableView) and value.is_of(self, name)):
                self.put(name, slice(None), value)
        elif name.endswith("_") and name[:-1] in variables:
            self.put(name[:-1], slice(None), value, si_values=True)
        elif variables and not hasattr(type(self), name) and name not in self.__dict__:
            known = ", ".join(variables)
            raise AttributeError(f"{self.name} has no variable {name!r}; it has {known}.")
        else:
            object.__setattr__(self, name, value)

    def snapshot(self) -> Any:
        return {name: value.copy() for name, value in self.values.items()}

    def restore(self, kept: Any) -> None:
        self.values = {name: value.copy() for name, value in kept.items()}


class Subgroup(Group):
    """Neighbouring elements of a group."""

    kind = "subgroup"

    def __init__(self, parent: Group, start: int, stop: int) -> None:
        object.__setattr__(self, "variables", {})
        super().__init__(stop - start, f"{parent.name}_subgroup*", 0, parent.namespace)
        self.parent = parent
        self.start = parent.start + start
        self.variables = dict(parent.variables)

    @property
    def root(self) -> Group:
        return self.parent.root

    @property
    def needs(self) -> tuple[BrianObject, ...]:
        return (self.root,)

    def stored(self, name: str) -> np.ndarray:
        if name == "i":
            return np.arange(self.N)
        if name == "N":
            return np.asarray(self.N)
        whole = self.root.stored(name)
        return whole if whole.ndim == 0 else whole[self.start : self.start + self.N]

    def assign(self, name: str, index: np.ndarray, value: Any) -> None:
        self.root.assign(name, np.asarray(index) + self.start, value)

    def __getitem__(self, item: Any) -> "Subgroup":
        return subgroup(self, item)


def subgroup(group: Group, item: Any) -> Subgroup:
    """`group[item]` for a slice of step one, or an index."""
    if isinstance(item, int | np.integer):
        item = slice(int(item), int(item) + 1)
    if not isinstance(item, slice):
        raise NotImplementedError(
            f"{group.name}: a subgroup is a slice such as [:100], got {item!r}."
        )
    start, stop, step = item.indices(group.N)
    if step != 1 or not 0 <= start < stop:
        raise IndexError(f"{group.name} has {group.N} elements and no subgroup {item}.")
    return Subgroup(group, start, stop)


def base_variables(N: int) -> dict[str, tuple[Variable, Any]]:
    """The index and the size, that all groups have."""
    return {"i": (Variable(NONE, FIXED), np.arange(N)), "N": (Variable(NONE, FIXED, True), N)}
