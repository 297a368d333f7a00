"""One step of a system's flow on a clock, by its solver."""

from typing import Any

import diffrax
import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, PRNGKeyArray, PyTree

from ._exact_linear import ExactLinear
from ._flow import Flow, terms_of
from ._system import Clock, System


class Stepper(eqx.Module):
    """Takes a state through the flow of a clock step; what jumps at its end is not its affair.

    `flows` says which leaves of the state flow. A step runs from 0 to dt in its own time, which
    rounding leaves alone; a solver that looks back to an earlier step's time gets absolute times.
    """

    system: System
    solver: diffrax.AbstractSolver
    flows: PyTree[bool]

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
