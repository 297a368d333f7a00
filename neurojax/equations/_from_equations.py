"""From a model's text to a System."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core import Surrogate, is_known, superspike
from ._model import Equations
from ._reading import REFRACTORY, Reading
from ._system import EquationNeuron, EquationSystem
from ._values import Given, as_given, check_dimension, common_shape, zero


def from_equations(
    model: str | Equations,
    *,
    threshold: str | None = None,
    reset: str | None = None,
    refractory: Any = 0.0,
    parameters: Mapping[str, Any] | None = None,
    shape: tuple[int, ...] = (),
    surrogate: Surrogate = superspike,
    initial: Mapping[str, Any] | None = None,
) -> EquationSystem:
    """A System from a model's equations as text, a neuron that spikes where it has a threshold.

    - `model`: one equation on each line, `dx/dt = expression : unit (flags)`, subexpressions
      `x = expression : unit`, and parameters `x : unit`; `#` begins a comment. Flags are
      `unless refractory`, `constant` and `shared`. `xi`, `xi_name` are white noise (Itô).
    - `threshold`: a condition, such as `"v > v_th"`; `reset`: assignments, on lines or after `;`.
    - `refractory`: a time, text that gives one, or a condition as text, during which a neuron that
      has spiked stays refractory.
    - `parameters`: values by name, of `shape` or scalar; numbers in NeuroJAX's units (ms, mV, nA,
      ...) or quantities (`neurojax.equations.units`, or any of pint). A name that is not declared
      has the dimension that its quantity or its use gives it. Declared parameters without a value
      are the drive: one, itself; several, a dict.
    - `initial`: where variables start, 0 unless given. What a reset sets and no equation moves is a
      variable too, that only jumps.

    The drive, the state and all parameters are in NeuroJAX's units. Dimensions are checked here,
    once. Clocks count as Brian2's does: see `IntegrateAndFire`.

    Raises `EquationError` (a `ValueError` with line and column) for text, and `ValueError` or
    `TypeError` for values.
    """
    values = {n: as_given("parameters", n, v) for n, v in (parameters or {}).items()}
    starts = {n: as_given("initial", n, v) for n, v in (initial or {}).items()}
    if not isinstance(refractory, str):
        refractory = _refractory_value(refractory, values)
    if threshold is None and (reset is not None or refractory is not None):
        raise ValueError("reset and refractory need a threshold.")
    reading = Reading(model, values)
    reading.read_spike(threshold, reset, refractory)
    checked = reading.model()
    declared = {line.name: line.unit for line in reading.equations.lines}
    for argument, given in (("parameters", values), ("initial", starts)):
        for name, value in given.items():
            if argument == "initial" and name not in reading.variables:
                known = ", ".join(reading.variables)
                raise ValueError(f"initial[{name!r}]: the model's variables are {known}.")
            check_dimension(argument, name, value, reading.dimension(name), declared.get(name, ""))
    for name in reading.jumping:
        starts[name] = starts.get(name) or values.get(name) or Given(zero(), None)
    initial_values = {
        name: starts[name].value if name in starts else zero() for name in reading.variables
    }
    parameter_values = {n: g.value for n, g in values.items() if n not in reading.jumping}
    shape = common_shape(tuple(shape), parameter_values | initial_values)
    reading.check_shared(parameter_values | initial_values)
    if threshold is None:
        return EquationSystem(checked, shape, parameter_values, initial_values)
    return EquationNeuron(checked, shape, parameter_values, initial_values, surrogate)


def _refractory_value(refractory: Any, values: dict[str, Given]) -> str | None:
    """Put a refractory period that is a value among the parameters; its text, or None for zero."""
    given = as_given("refractory", REFRACTORY, refractory)
    if is_known(given.value) and not np.any(np.asarray(given.value)):
        return None
    if is_known(given.value) and not np.all(np.asarray(given.value) >= 0):
        raise ValueError(f"refractory must not be negative, got {refractory}.")
    if REFRACTORY in values:
        raise ValueError("parameters has a 'refractory': name it in refractory='...' or rename it.")
    values[REFRACTORY] = given
    return REFRACTORY
