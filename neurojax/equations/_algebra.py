"""What sympy does: deciding what is linear, and writing LaTeX. It never sees text."""

from collections.abc import Mapping, Sequence, Set
from typing import Any

from ._expression import (
    ARITHMETIC,
    COMPARISONS,
    Binary,
    Call,
    Expression,
    Name,
    Number,
    Unary,
    UnitName,
    names_in,
    rewritten,
    substituted,
)

# Functions that have another name in sympy; those it has not are written by their own.
NAMES = {"arcsin": "asin", "arccos": "acos", "arctan": "atan", "abs": "Abs", "ceil": "ceiling"}
OWN = ("exprel", "expm1", "log1p", "log10", "clip", "int", "minimum", "maximum", "sign")


def is_linear_and_coupled(
    rates: Mapping[str, Expression],
    subexpressions: Sequence[tuple[str, Expression]],
    constants: Set[str],
) -> bool:
    """Whether the rates are `A x + b` of the variables x, with an A of constants alone that is not
    diagonal."""
    for name, expression in reversed(subexpressions):
        rates = {n: substituted(rate, {name: expression}) for n, rate in rates.items()}
    if not any(names_in(rate) & (rates.keys() - {n}) for n, rate in rates.items()):
        return False
    import sympy

    variables = {name: sympy.Symbol(name) for name in rates}
    slopes = (
        sympy.expand(sympy.diff(as_sympy(_without_units(rate)), variable))
        for rate in rates.values()
        for variable in variables.values()
    )
    return all({str(s) for s in slope.free_symbols} <= constants for slope in slopes)


def _without_units(expression: Expression) -> Expression:
    return rewritten(expression, lambda e: Number(e.value) if isinstance(e, UnitName) else None)


def as_latex(expression: Expression) -> str:
    """The expression in LaTeX."""
    import sympy

    return sympy.latex(as_sympy(expression, relations=True), mul_symbol=r"\,")


def as_sympy(expression: Expression, relations: bool = False) -> Any:
    """The expression as sympy's. Its conditions are relations, which print well, or functions of
    no meaning, which can be differentiated."""
    import sympy

    comparisons = dict(zip(COMPARISONS, (sympy.Lt, sympy.Le, sympy.Gt, sympy.Ge), strict=False))
    meant = comparisons | {"==": sympy.Eq, "!=": sympy.Ne}
    meant |= {"and": sympy.And, "or": sympy.Or, "not": sympy.Not}

    def condition(operator: str) -> Any:
        return meant[operator] if relations else sympy.Function(operator)

    def of(node: Expression) -> Any:
        match node:
            case Number(value=value):
                whole = abs(value) < 1e9 and value == int(value)
                return sympy.Integer(int(value)) if whole else sympy.Float(value)
            case UnitName(name=name):
                return sympy.Symbol(rf"\mathrm{{{name}}}")
            case Name(name=name):
                return sympy.Symbol(name)
            case Unary("-", operand):
                return -of(operand)
            case Unary(operator, operand):
                return condition(operator)(of(operand))
            case Binary(operator, left, right) if operator in meant:
                return condition(operator)(of(left), of(right))
            case Binary("//", left, right):
                return sympy.Function("floor")(of(left) / of(right))
            case Binary("**", left, right):
                return of(left) ** of(right)
            case Binary(operator, left, right):
                return ARITHMETIC[operator](of(left), of(right))
            case Call(name, arguments):
                own = sympy.Function(name) if name in OWN else getattr(sympy, NAMES.get(name, name))
                return own(*map(of, arguments))
        raise TypeError(f"no expression: {node!r}")

    return of(expression)
