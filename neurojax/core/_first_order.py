"""What our solvers share."""

from typing import Any, ClassVar

import diffrax
from jaxtyping import PyTree


class FirstOrder(diffrax.AbstractSolver):
    """A solver of order one, for one term, with a straight line between the ends of a step."""

    term_structure: ClassVar = diffrax.ODETerm
    interpolation_cls: ClassVar = diffrax.LocalLinearInterpolation

    def order(self, terms: PyTree) -> int:
        return 1

    def func(self, terms: Any, t0: Any, y0: PyTree, args: PyTree) -> PyTree:
        return terms.vf(t0, y0, args)
