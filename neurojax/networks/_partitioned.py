"""A step of a network, each population by its own solver."""

from typing import Any, ClassVar

import diffrax
import equinox as eqx
import jax.random as jr
from jaxtyping import PyTree

from ..core import Flow, StepSolver, terms_of, unwrapped


class Partitioned(StepSolver, diffrax.AbstractItoSolver):
    """Each population of a network steps by the solver under its name, and others stand still
    meanwhile: first order between populations that see each other's state. Spikes reach others at
    the ends of steps, so that most do not.
    """

    term_structure: ClassVar = diffrax.AbstractTerm

    solvers: dict[str, diffrax.AbstractSolver]

    def init(self, terms: Any, t0: Any, t1: Any, y0: PyTree, args: PyTree) -> PyTree:
        return {
            name: self.solvers[name].init(own, t0, t1, y, drive)
            for name, own, y, drive in self._parts(terms, t0, y0, args)
        }

    def step(
        self,
        terms: Any,
        t0: Any,
        t1: Any,
        y0: PyTree,
        args: PyTree,
        solver_state: PyTree,
        made_jump: Any,
    ) -> tuple[PyTree, None, dict, PyTree, diffrax.RESULTS]:
        y1, states, result = dict(y0), {}, diffrax.RESULTS.successful
        for name, own, y, drive in self._parts(terms, t0, y0, args):
            y1[name], _, _, states[name], found = self.solvers[name].step(
                own, t0, t1, y, drive, solver_state[name], made_jump=made_jump
            )
            result = diffrax.RESULTS.where(result == diffrax.RESULTS.successful, found, result)
        return y1, None, {"y0": y0, "y1": y1}, states, result

    def _parts(self, terms: Any, t0: Any, y0: PyTree, args: PyTree) -> list[tuple]:
        """The name, terms, flowing state and drive of each population."""
        drift, *noise = terms.terms if isinstance(terms, diffrax.MultiTerm) else (terms,)
        flow = unwrapped(drift).vector_field
        t, network = flow.origin + t0, flow.system
        state = eqx.combine(y0, flow.held)
        drives = network.inputs(t, state, args)
        parts = []
        for place, (name, system) in enumerate(sorted(network.populations.items())):
            noisy = noise and system.diffusion(t, state[name], drives[name]) is not None
            key = jr.fold_in(noise[0].control.key, place) if noisy else None
            own = Flow(system, flow.held[name], flow.origin)
            terms_of_it = terms_of(own, y0[name], key, self.solvers[name])
            parts.append((name, terms_of_it, y0[name], drives[name]))
        return parts
