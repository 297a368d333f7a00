"""What sympy decides and prints: linearity, and LaTeX."""


def is_linear_and_coupled(flowing, subexpressions, constants) -> bool:
    return False
