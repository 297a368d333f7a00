"""One step of a system's flow on a clock, by its solver."""

from typing import Any

import diffrax
import equinox as eqx
import jax.numpy as jnp
import optimistix as optx
from jaxtyping import Array, Bool, PRNGKeyArray, PyTree

from ._exact_linear import ExactLinear
from ._flow import Flow, flowing, is_stochastic, terms_of
from ._system import Clock, System

# Of implicit steps. What is solved for is a slope in some, of hundreds of mV/ms and rounded to 1e-4
# in single precision; Newton's last step is far better than its tolerance.
ROOT_TOLERANCES = {jnp.dtype("float64"): 1e-6, jnp.dtype("float32"): 1e-3}


class Stepper(eqx.Module):
    """Takes a state through the flow of a clock step; what jumps at its end is not its affair.

    `flows` says which leaves of the state flow. A step runs from 0 to dt in its own time, which
    rounding leaves alone; a solver that looks back to an earlier step's time gets absolute times.
    """

    system: System
    solver: diffrax.AbstractSolver
    flows: PyTree[bool]
    stochastic: bool = eqx.field(static=True)

    @classmethod
    def of(cls, system: System, state: PyTree, drive: PyTree, solver: Any = None) -> "Stepper":
        """By this solver or the system's own; state and drive only tell what flows.

        Raises `TypeError` for a solver that cannot do it.
        """
        stochastic = is_stochastic(system, state, drive)
        solver = usable(solver, system, stochastic)
        return cls(system, solver, flowing(system, state, drive), stochastic)

    def init(
        self, clock: Clock, state: PyTree, drive: PyTree, noise: PRNGKeyArray | None
    ) -> PyTree:
        """The solver's own state before a first step."""
        y, _, terms, span = self._at(clock, state, noise)
        return self.solver.init(terms, *span, y, drive)

    def renewed(
        self,
        clock: Clock,
        state: PyTree,
        drive: PyTree,
        noise: PRNGKeyArray | None,
        solver_state: PyTree,
    ) -> PyTree:
        """The solver's state of an earlier run, to go on from.

        Propagators are made of parameters, which may have changed since.
        """
        if solver_state is None or isinstance(self.solver, ExactLinear):
            return self.init(clock, state, drive, noise)
        return solver_state

    def __call__(
        self,
        clock: Clock,
        state: PyTree,
        drive: PyTree,
        noise: PRNGKeyArray | None,
        solver_state: PyTree,
        jumped: bool,
    ) -> tuple[PyTree, PyTree, Bool[Array, ""]]:
        """The state and the solver's at the end of the step, and whether it was solved.

        `jumped`: state or drive may have, since the last step, of which then nothing is kept.
        """
        y, held, terms, span = self._at(clock, state, noise)
        y, _, _, solver_state, result = self.solver.step(
            terms, *span, y, drive, solver_state, made_jump=jumped
        )
        return eqx.combine(y, held), solver_state, result == diffrax.RESULTS.successful

    def _at(
        self, clock: Clock, state: PyTree, noise: PRNGKeyArray | None
    ) -> tuple[PyTree, PyTree, Any, tuple[Array, Array]]:
        """The leaves that flow, those that do not, the terms of the flow, and the step's span."""
        y, held = eqx.partition(state, self.flows)
        absolute = isinstance(self.solver, diffrax.LeapfrogMidpoint)
        start = clock.t if absolute else jnp.zeros_like(clock.t)
        end = Clock(clock.step + 1, clock.dt).t if absolute else jnp.full_like(clock.t, clock.dt)
        terms = terms_of(Flow(self.system, held, clock.t - start), y, noise, self.solver)
        return y, held, terms, (start, end)


def usable(solver: Any, system: System, stochastic: bool) -> diffrax.AbstractSolver:
    """A solver that can do it, or an error that names it."""
    if solver is None:
        return with_root_finder(system.default_solver)
    if not isinstance(solver, diffrax.AbstractSolver):
        raise TypeError(f"solver must be a diffrax solver, got {solver!r}.")
    name = type(solver).__name__
    if isinstance(solver, diffrax.SemiImplicitEuler):
        raise TypeError(
            "diffrax.SemiImplicitEuler is for split (position, momentum) systems; neurojax's own "
            "SemiImplicitEuler takes a system's stiff part implicitly."
        )
    if stochastic and not isinstance(
        solver, diffrax.AbstractItoSolver | diffrax.AbstractStratonovichSolver
    ):
        raise TypeError(f"solver {name} cannot integrate the noise of {type(system).__name__}.")
    return with_root_finder(solver)


def with_root_finder(solver: diffrax.AbstractSolver) -> diffrax.AbstractSolver:
    """An implicit diffrax solver with a root finder that stands alone.

    Diffrax's default takes its tolerances from a step-size controller, and gives up where that
    would try a smaller step; neither exists on a fixed grid.
    """
    finder = getattr(solver, "root_finder", None)
    if finder is None or isinstance(finder.rtol, float):
        return solver
    tolerance = ROOT_TOLERANCES[jnp.result_type(float)]
    newton = optx.Newton(rtol=tolerance, atol=tolerance)
    return eqx.tree_at(lambda s: s.root_finder, solver, newton)
