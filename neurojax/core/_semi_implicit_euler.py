"""Semi-implicit Euler: the stiff leaf implicitly, the others exponentially at its new value."""

from typing import Any, ClassVar

import diffrax
import equinox as eqx
import jax
import lineax as lx
from jaxtyping import PyTree

from ._exponential_euler import linearised, phi1


class SemiImplicitEuler(diffrax.AbstractSolver):
    """Backward Euler for the system's stiff linear part, then exponential Euler for the rest.

    `(mass/h + conductance) Δv = source − conductance · v₀`, with gates at their old values and the
    drive at the middle of the step; then the other leaves at the new v. Gates so live half a step
    later than v (staggered): this is NEURON's fixed step. First order, unconditionally stable for a
    passive tree.

    Source: Hines 1984, Int. J. Biomed. Comput. 15, 69–76; Carnevale & Hines, The NEURON Book,
    ch. 4. The system gives its stiff part by `split(t, state, drive)`.
    """

    linear_solver: lx.AbstractLinearSolver = lx.AutoLinearSolver(well_posed=True)

    term_structure: ClassVar = diffrax.ODETerm
    interpolation_cls: ClassVar = diffrax.LocalLinearInterpolation

    def order(self, terms: PyTree) -> int:
        return 1

    def init(self, terms: Any, t0: Any, t1: Any, y0: PyTree, args: PyTree) -> None:
        if not hasattr(terms.vector_field, "split"):
            raise TypeError(
                "SemiImplicitEuler needs a term that can be split: neurojax.as_term(system), "
                f"got an ODETerm of {terms.vector_field!r}."
            )

    def step(
        self,
        terms: Any,
        t0: Any,
        t1: Any,
        y0: PyTree,
        args: PyTree,
        solver_state: None,
        made_jump: Any,
    ) -> tuple[PyTree, None, dict, None, diffrax.RESULTS]:
        h = terms.contr(t0, t1)
        stiff = terms.vector_field.split(t0 + h / 2, y0, args)
        v0 = stiff.where(y0)
        backward = lx.DiagonalLinearOperator(stiff.mass / h) + stiff.conductance
        pull = stiff.source - stiff.conductance.mv(v0)
        solution = lx.linear_solve(backward, pull, self.linear_solver, throw=False)
        y = eqx.tree_at(stiff.where, y0, v0 + solution.value)

        leaves, structure = jax.tree.flatten(y)
        is_stiff = jax.tree.leaves(eqx.tree_at(stiff.where, jax.tree.map(lambda _: False, y), True))
        rates = linearised(lambda y: terms.vf(t1, y, args), y, skip=is_stiff.__getitem__)
        moved = [
            leaf if rate is None else leaf + h * phi1(h * rate[1]) * rate[0]
            for leaf, rate in zip(leaves, rates, strict=True)
        ]
        y1 = structure.unflatten(moved)
        return y1, None, {"y0": y0, "y1": y1}, None, diffrax.RESULTS.successful

    def func(self, terms: Any, t0: Any, y0: PyTree, args: PyTree) -> PyTree:
        return terms.vf(t0, y0, args)
