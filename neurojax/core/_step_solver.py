"""What our solvers share."""

from typing import Any, ClassVar

import diffrax
from jaxtyping import PyTree


class StepSolver(diffrax.AbstractSolver):
    """A solver of fixed steps for one term, with a straight line between the ends of a step; of
    order one, and with nothing kept from step to step, unless it says otherwise."""

    term_structure: ClassVar = diffrax.ODETerm
    interpolation_cls: ClassVar = diffrax.LocalLinearInterpolation

    def order(self, terms: PyTree) -> int:
        return 1

    def init(self, terms: Any, t0: Any, t1: Any, y0: PyTree, args: PyTree) -> Any:
        return None

    def func(self, terms: Any, t0: Any, y0: PyTree, args: PyTree) -> PyTree:
        return terms.vf(t0, y0, args)
