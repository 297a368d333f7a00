"""Variables of groups as a script sees them: read, sliced and set with units."""

import operator
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from ..equations import FUNCTIONS, Dimension, Expression, evaluate
from ._code import Names
from ._frame import caller_names
from ._quantity import DimensionMismatchError, coherent, from_coherent, si

if TYPE_CHECKING:
    from ._group import Group

# Between runs numpy computes: JAX would compile each operation for each shape.
IN_NUMPY = {
    name: getattr(np, name)
    for name in FUNCTIONS
    if name not in ("exprel", "int") and hasattr(np, name)
} | {"int": lambda x: np.trunc(x) if np.asarray(x).dtype != bool else np.asarray(x, float)}

STORED, SUBEXPRESSION, FIXED = "stored", "subexpression", "fixed"


class Variable(NamedTuple):
    """A variable of a group: "stored", a "subexpression", or "fixed" (an index, a size)."""

    dim: Dimension
    kind: str = STORED
    shared: bool = False
    expression: Expression | None = None
    unit: str = "1"


class HostScope(Mapping):
    """The values that names have in a group between runs, of the elements `index`."""

    def __init__(self, group: "Group", names: Names, index: np.ndarray) -> None:
        self.group, self.names, self.index = group, names, index

    def __getitem__(self, name: str) -> Any:
        if name in self.names.constants:
            return self.names.constants[name]
        if name == "t":
            return self.group.time
        if name == "dt":
            return self.group.dt_ms
        variable = self.group.variable(name)
        if variable.kind == SUBEXPRESSION:
            return self.value(variable.expression, variable.dim, name)
        stored = self.group.stored(name)
        return np.asarray(stored if np.ndim(stored) == 0 else stored[self.index], float)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names.dimensions)

    def __len__(self) -> int:
        return len(self.names.dimensions)

    def value(self, text: Any, due: Dimension | None, what: str) -> Any:
        """The value of an expression of this dimension; None is due for a condition."""
        expression = self.names.expression(text, due, what, draws=True)
        n = len(self.index)
        functions: dict[str, Any] = IN_NUMPY | {
            "rand": lambda: np.random.rand(n),
            "randn": lambda: np.random.randn(n),
        }
        dt = self.group.dt_ms
        functions |= {name: f.on_clock(dt) for name, f in self.names.functions.items()}
        return evaluate(expression, self, functions)


class VariableView(np.lib.mixins.NDArrayOperatorsMixin):
    """A variable of a group: a quantity to read, and slices of it to set."""

    is_view = True

    def __init__(self, group: "Group", name: str, si_values: bool = False) -> None:
        self._group, self._name, self._si = group, name, si_values

    def __getitem__(self, item: Any) -> Any:
        if isinstance(item, tuple) and (None in item or Ellipsis in item):
            return self[:][item]
        group, name = self._group, self._name
        variable = group.variable(name)
        index = group.indices(item, caller_names)
        if variable.kind == SUBEXPRESSION:
            scope = HostScope(group, group.names(caller_names()), np.atleast_1d(index))
            value = np.asarray(scope.value(variable.expression, variable.dim, name))
            value = np.broadcast_to(value, np.atleast_1d(index).shape).reshape(np.shape(index))
        else:
            stored = group.stored(name)
            value = stored if np.ndim(stored) == 0 else stored[index]
        value = np.asarray(value)
        if self._si:
            return si(value, variable.dim)
        return from_coherent(value[()] if value.ndim == 0 else value, variable.dim)

    def is_of(self, group: "Group", name: str) -> bool:
        """Whether it is this variable of this group."""
        return self._group is group and self._name == name

    def __setitem__(self, item: Any, value: Any) -> None:
        self._group.put(self._name, item, value, self._si)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return getattr(ufunc, method)(*map(unwrapped, inputs), **kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return func(*map(unwrapped, args), **{k: unwrapped(v) for k, v in kwargs.items()})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self[:], name)

    def __len__(self) -> int:
        return self._group.N

    def __iter__(self) -> Any:
        return iter(self[:])

    def __repr__(self) -> str:
        value = self._group.variable(self._name)
        unit = "" if value.unit in ("1", "integer") else f" * {value.unit}"
        plain = si(np.asarray(self), value.dim) if self._si else np.asarray(self[:])
        return f"<{self._group.name}.{self._name}: {plain!r}{unit}>"


def _in_place(name: str) -> None:
    """`G.v += x` sets all elements."""
    plain = getattr(operator, name)

    def assign(self: VariableView, other: Any) -> VariableView:
        self[:] = plain(self[:], unwrapped(other))
        return self

    setattr(VariableView, f"__i{name.strip('_')}__", assign)


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
    _in_place(f"__{_name}__")


def unwrapped(x: Any) -> Any:
    """A view's value; anything else as it is."""
    if isinstance(x, VariableView):
        return x[:]
    return type(x)(map(unwrapped, x)) if isinstance(x, list | tuple) else x


def plain_value(owner: str, name: str, variable: Variable, value: Any, si_values: bool) -> Any:
    """A value from a script in the coherent system. Raises `DimensionMismatchError` for one of
    another dimension; zero has all."""
    value = unwrapped(value)
    if si_values:
        unit = np.asarray(from_coherent(1.0, variable.dim))
        return np.asarray(value, float) / unit
    plain, dim = coherent(value)
    if dim != variable.dim and np.any((plain != 0) & np.isfinite(plain)):
        raise DimensionMismatchError(
            f"{owner}.{name} must be set with a value of unit {variable.unit}, got {value}."
        )
    if np.issubdtype(plain.dtype, np.floating) and np.isnan(plain).any():
        raise ValueError(f"{owner}.{name} was set to NaN, got {value}.")
    return plain


def as_arrays(values: Mapping[str, Any]) -> dict[str, Any]:
    """Stored values as arrays of the default float, for a run."""
    return {name: jnp.asarray(value, jnp.result_type(float)) for name, value in values.items()}
