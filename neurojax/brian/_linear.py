"""What a right-hand side is as a function of its variables: affine, coupled, held in a step."""

from collections.abc import Iterable, Mapping

import numpy as np

from ..equations import Binary, Expression, Name, Number, Unary, names_in

ZERO, ONE = Number(0.0), Number(1.0)


def affine(node: Expression, variables: Iterable[str]) -> dict[str | None, Expression] | None:
    """The coefficients of an expression in these variables, and under None what is left; None for
    an expression that is not affine in them as it is written."""
    variables = set(variables)
    if names_in(node).isdisjoint(variables):
        return {None: node}
    match node:
        case Name(name=name):
            return {name: ONE}
        case Unary("-", operand):
            inner = affine(operand, variables)
            return None if inner is None else {n: Unary("-", e) for n, e in inner.items()}
        case Binary("+" | "-" as operator, left, right):
            return _summed(operator, affine(left, variables), affine(right, variables))
        case Binary("*", left, right):
            if names_in(left).isdisjoint(variables):
                return _scaled(affine(right, variables), lambda e: Binary("*", left, e))
            if names_in(right).isdisjoint(variables):
                return _scaled(affine(left, variables), lambda e: Binary("*", e, right))
        case Binary("/", left, right) if names_in(right).isdisjoint(variables):
            return _scaled(affine(left, variables), lambda e: Binary("/", e, right))
    return None


def _summed(operator: str, a: dict | None, b: dict | None) -> dict | None:
    if a is None or b is None:
        return None
    total = dict(a)
    for name, term in b.items():
        if name in total:
            total[name] = Binary(operator, total[name], term)
        else:
            total[name] = term if operator == "+" else Unary("-", term)
    return total


def _scaled(terms: dict | None, by) -> dict | None:
    return None if terms is None else {name: by(term) for name, term in terms.items()}


def has_one_solution(matrix: Mapping[str, Mapping[str | None, Expression]]) -> bool:
    """Whether `A x + b = 0` has one solution for almost all values of the coefficients in A.

    Brian2's exact method asks for that, and takes another method where it is not so.
    """
    names = list(matrix)
    random = np.random.default_rng(0)
    pattern = [[random.uniform(1, 2) if b in matrix[a] else 0.0 for b in names] for a in names]
    return bool(np.linalg.matrix_rank(np.array(pattern)) == len(names))


def is_coupled(matrix: Mapping[str, Mapping[str | None, Expression]]) -> bool:
    """Whether one variable's rate depends on another."""
    return any(other not in (name, None) for name, row in matrix.items() for other in row)
