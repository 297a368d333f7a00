"""Any optax transformation as a solver of the flow down an energy."""

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from diffrax import RESULTS
from jaxtyping import PyTree

from ..core import StepSolver


@final
class Descent(StepSolver):
    """Steps of an optax transformation, such as `optax.sgd(0.1, momentum=0.9)`, whose gradient is
    minus the flow over a step of the clock: with steps of size 1 it is the energy's gradient.

    For coming to rest; on the way it is true to no time.
    """

    optimizer: optax.GradientTransformation = eqx.field(static=True)

    def init(self, terms: Any, t0: Any, t1: Any, y0: PyTree, args: PyTree) -> PyTree:
        return self.optimizer.init(y0)

    def step(
        self,
        terms: Any,
        t0: Any,
        t1: Any,
        y0: PyTree,
        args: PyTree,
        solver_state: PyTree,
        made_jump: Any,
    ) -> tuple[PyTree, None, dict, PyTree, RESULTS]:
        flow = terms.vf_prod(t0, y0, args, terms.contr(t0, t1))
        gradient = jax.tree.map(jnp.negative, flow)
        with jax.numpy_dtype_promotion("standard"):  # optax counts steps in integers
            updates, solver_state = self.optimizer.update(gradient, solver_state, y0)
        y1 = eqx.apply_updates(y0, updates)
        return y1, None, dict(y0=y0, y1=y1), solver_state, RESULTS.successful
