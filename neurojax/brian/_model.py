"""A model's text as the fields of a part: variables, checked equations, a method."""

import re
from collections.abc import Mapping
from typing import Any

from ..equations import Equations as EquationLines, names_in, parse_equations, substituted
from ._code import Names, called
from ._group import Group
from ._linear import ZERO, affine
from ._methods import solver_of
from ._quantity import TIME
from ._unsupported import refuse
from ._variables import STORED, SUBEXPRESSION, Variable, as_arrays


def equations_of(model: Any) -> EquationLines:
    """The equations of a text (or what `Equations` made of one)."""
    text = getattr(model, "text", model)
    if not isinstance(text, str):
        raise TypeError(f"a model must be equations as text, got {model!r}.")
    if re.search(r"\(\s*linked\s*\)", text):
        refuse("the flag (linked)", "use Synapses, or put both in one group")
    return parse_equations(text, called(text))


class Equations:
    """Equations as text, that can be added up."""

    def __init__(self, text: str, **replaced: Any) -> None:
        if replaced:
            refuse("Equations(..., name=...) with replaced names", "write the names in the text")
        self.text = text
        parse_equations(text, called(text))

    def __add__(self, other: Any) -> "Equations":
        return Equations(f"{self.text}\n{getattr(other, 'text', other)}")

    def __radd__(self, other: str) -> "Equations":
        return Equations(f"{other}\n{self.text}")

    def __str__(self) -> str:
        return self.text


def declare(group: Group, equations: EquationLines) -> None:
    """Give a group the variables of its equations."""
    for line in equations.lines:
        shared, kind = "shared" in line.flags, STORED
        if line.kind == "subexpression":
            if "constant over dt" in line.flags:
                refuse("the flag 'constant over dt'", "leave it out, or use a parameter")
            kind = SUBEXPRESSION
        variable = Variable(line.dimension, kind, shared, line.expression, line.unit)
        group.declare(line.name, variable)


def empty_part(group: Group) -> dict[str, Any]:
    """The fields of a part without equations."""
    fields = ("rates", "noises", "subexpressions", "freezes")
    none: dict[str, Any] = dict.fromkeys(fields, ())
    none |= {"constants": {}, "parameters": {}, "functions": {}, "solver": None}
    return none | {"name": group.name, "n": group.N}


def part_of(
    group: Group, equations: EquationLines, names: Names, written: set[str], method: Any
) -> dict[str, Any]:
    """The fields of a part with these equations; "values" has its state at the start."""
    texts = {line.name: line for line in equations.lines if line.expression is not None}
    expressions = {}
    for name, line in texts.items():
        is_rate = line.kind == "differential"
        due = line.dimension / TIME if is_rate else line.dimension
        what = f"d{name}/dt" if is_rate else name
        assert line.expression is not None
        expressions[name] = names.expression(line.expression, due, what)
    flowing = [line.name for line in equations.of("differential")]
    subexpressions = {n: e for n, e in expressions.items() if n not in flowing}
    filled = {name: filled_in(expressions[name], subexpressions) for name in flowing}
    rates, noises = drift_and_noise(group.name, filled)
    held = set(names.constants) | (set(group.values) - written - set(flowing)) | {"dt", "i", "N"}
    solver = None
    if rates:
        not_held = {n for n, f in names.functions.items() if not f.is_held(group.dt_ms)}
        solver = solver_of(group.name, method, rates, noises, held, not_held)
    changing = written | set(flowing)
    noisy = {name for name, noise in noises.items() if noise is not None}
    return {
        **empty_part(group),
        "rates": tuple((n, rates[n] if n in noisy else expressions[n]) for n in flowing),
        "noises": tuple((name, noise) for name, noise in noises.items() if noise is not None),
        "subexpressions": tuple(subexpressions.items()),
        "freezes": tuple(x.name for x in equations.lines if "unless refractory" in x.flags),
        "parameters": as_arrays({n: v for n, v in group.values.items() if n not in changing}),
        "solver": solver,
        "values": as_arrays({n: v for n, v in group.values.items() if n in changing}),
    }


def filled_in(expression: Any, subexpressions: Mapping[str, Any]) -> Any:
    """An expression with all subexpressions in their places."""
    for _ in subexpressions:
        expression = substituted(expression, subexpressions)
    return expression


def drift_and_noise(owner: str, rates: Mapping[str, Any]) -> tuple[dict, dict]:
    """Each right-hand side as `drift + amplitude · xi`, the amplitude None without noise."""
    drifts, noises, seen = {}, {}, set()
    for name, rate in rates.items():
        own = {n for n in names_in(rate) if n == "xi" or n.startswith("xi_")}
        terms = affine(rate, own)
        if len(own) > 1 or own & seen or terms is None:
            refuse(
                f"the noise in d{name}/dt of {owner}",
                "each equation takes one noise of its own (xi_1, xi_2), added or scaled",
            )
            raise AssertionError
        seen |= own
        drifts[name] = terms.get(None, ZERO)
        noises[name] = terms[own.pop()] if own else None
    return drifts, noises
