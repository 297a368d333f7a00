"""A system of equations for people: as text, and as LaTeX for a notebook."""

from typing import Any

import equinox as eqx
import jax
import numpy as np

from ..core import is_known
from ._algebra import as_latex
from ._expression import Expression, Name
from ._model import DIFFERENTIAL, PARAMETER, Equation, Statement


def as_text(system: Any) -> str:
    """The equations as they were written, and the values of the parameters."""
    model, shown = system.model, system.model.shown
    shape = f", shape {system.shape}" if system.shape else ""
    lines = [f"{type(system).__name__}{shape}"]
    for line in shown.equations:
        lines.append(f"  {line.text}{'  # the drive' if line.name in model.inputs else ''}")
    for what in ("threshold", "reset", "refractory"):
        text = getattr(shown, f"{what}_text")
        if text:
            lines.append(f"  {what}: {text}")
    units = dict(shown.units)
    lines += [f"  {n} = {value_text(v)}{units.get(n, '')}" for n, v in system.parameters.items()]
    lines += [f"  {n}(0) = {value_text(v)}{units.get(n, '')}" for n, v in system.initial.items()]
    return "\n".join(lines)


def value_text(value: Any) -> str:
    """A number with what digits it has; an array by its ends."""
    if not is_known(value) or not isinstance(value, jax.Array | np.ndarray):
        return eqx.tree_pformat(value)
    array = np.asarray(value)
    return f"{array:.6g}" if array.ndim == 0 else np.array2string(array, threshold=6, edgeitems=2)


def as_latex_block(system: Any) -> str:
    """The equations, threshold and reset, aligned."""
    shown = system.model.shown
    rows = [_row(line) for line in shown.equations if line.kind != PARAMETER]
    if shown.threshold is not None:
        after = r",\;".join(_assignment(statement) for statement in shown.reset)
        rows.append(
            rf"\text{{if }}& {as_latex(shown.threshold)}" + (rf":\; {after}" if after else "")
        )
    if shown.refractory is not None:
        rows.append(rf"\text{{refractory }}& {as_latex(shown.refractory)}")
    body = " \\\\\n".join(rows)
    return f"$$\\begin{{aligned}}\n{body}\n\\end{{aligned}}$$"


def _row(line: Equation) -> str:
    expression = as_latex(_owed(line.expression))
    if line.kind != DIFFERENTIAL:
        return rf"{as_latex(Name(line.name))} &= {expression}"
    flag = r" && \text{unless refractory}" if "unless refractory" in line.flags else ""
    return rf"\frac{{d{as_latex(Name(line.name))}}}{{dt}} &= {expression}{flag}"


def _assignment(statement: Statement) -> str:
    target, expression = as_latex(Name(statement.target)), as_latex(statement.expression)
    if statement.operator == "=":
        return rf"{target} \leftarrow {expression}"
    operator = {"+": "+", "-": "-", "*": r"\cdot", "/": "/"}[statement.operator[0]]
    bracket = rf"\left({expression}\right)" if statement.operator != "+=" else expression
    return rf"{target} \leftarrow {target} {operator} {bracket}"


def _owed(expression: Expression | None) -> Expression:
    assert expression is not None  # only parameters have none
    return expression
