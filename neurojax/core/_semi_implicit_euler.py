"""Semi-implicit Euler: the stiff leaf implicitly, the others exponentially at its new value."""

from typing import Any

import diffrax
import equinox as eqx
import jax
import lineax as lx
from jaxtyping import Array, PyTree

from ._exponential_euler import coarse_phi1, linearised, phi1, relaxed, unwrapped
from ._step_solver import StepSolver


class SemiImplicitEuler(StepSolver):
    """Backward Euler for the system's stiff linear part, then exponential Euler for the rest.

    `(mass/h + conductance) Δv = source − conductance · v₀`, with gates at their old values and the
    drive at the middle of the step; then the other leaves at the new v. Gates so live half a step
    later than v (staggered): this is NEURON's fixed step. First order, unconditionally stable for a
    passive tree. With `coarse_gates`, gates are taken by φ₁ of few operations, off by 7.4e-6 at the
    most: a cell with squid channels then takes 0.86 of its time in double precision.

    Source: Hines 1984, Int. J. Biomed. Comput. 15, 69–76; Carnevale & Hines, The NEURON Book,
    ch. 4. The system gives its stiff part by `split(t, state, drive)`; its conductance must be a
    symmetric operator (as that of any cable is).
    """

    linear_solver: lx.AbstractLinearSolver = lx.AutoLinearSolver(well_posed=True)
    coarse_gates: bool = eqx.field(static=True, default=False)

    def init(self, terms: Any, t0: Any, t1: Any, y0: PyTree, args: PyTree) -> None:
        vector_field = unwrapped(terms).vector_field
        if not hasattr(vector_field, "split"):
            raise TypeError(
                "SemiImplicitEuler needs a term that can be split: neurojax.as_term(system), "
                f"got an ODETerm of {vector_field!r}."
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
        stiff = unwrapped(terms).vector_field.split(t0 + h / 2, y0, args)
        v1 = self.stiff_step(stiff, stiff.where(y0), h)
        y = eqx.tree_at(stiff.where, y0, v1)
        rates = linearised(lambda y: terms.vf(t1, y, args), y)
        phi = coarse_phi1 if self.coarse_gates else phi1
        y1 = eqx.tree_at(stiff.where, relaxed(y, rates, h, phi), v1)
        return y1, None, {"y0": y0, "y1": y1}, None, diffrax.RESULTS.successful

    def stiff_step(self, stiff: Any, v0: Array, h: Array) -> Array:
        """The stiff leaf after a step."""
        return implicit(stiff, v0, h, self.linear_solver)


class StaggeredCrankNicolson(SemiImplicitEuler):
    """Crank and Nicolson's step for the system's stiff linear part, then exponential Euler for the
    rest: second order in a step h, as each lives half a step from the other.

    `v₁ = 2 v½ − v₀`, v½ being backward Euler's after h/2. Gates, concentrations and synapses of the
    state at time t are those at t + h/2; at rest, where a run usually starts, there is no
    difference. Not for series resistances as low as a voltage clamp's: what is too fast for the
    step rings. Other properties as of `SemiImplicitEuler`.

    Source: Hines 1984, Int. J. Biomed. Comput. 15, 69–76; NEURON's `secondorder = 2`.
    """

    def stiff_step(self, stiff: Any, v0: Array, h: Array) -> Array:
        return 2 * implicit(stiff, v0, h / 2, self.linear_solver) - v0


def implicit(stiff: Any, v0: Array, h: Array, solver: lx.AbstractLinearSolver) -> Array:
    """v after a backward Euler step of h ms of its stiff part."""
    inertia = stiff.mass / h
    if lx.is_diagonal(stiff.conductance):
        conductance = lx.diagonal(stiff.conductance).reshape(v0.shape)
        return v0 + (stiff.source - conductance * v0) / (inertia + conductance)
    backward = stiff.conductance + lx.DiagonalLinearOperator(inertia)
    return _solve(backward, stiff.source + inertia * v0, solver)


def _solve(operator: lx.AbstractLinearOperator, b: Array, solver: lx.AbstractLinearSolver) -> Array:
    """`operator⁻¹ b` for a symmetric operator, its own adjoint; or with that of a solver that has
    an `own_adjoint`.

    Not by `lineax.linear_solve`: its adjoint checks for failure on the host at each step.
    """
    state = solver.init(operator, {})

    def solve(_: Any, b: Array) -> Array:
        return solver.compute(state, b, {})[0]

    if getattr(solver, "own_adjoint", False):
        return solve(None, b)

    return jax.lax.custom_linear_solve(operator.mv, b, solve, symmetric=True)
