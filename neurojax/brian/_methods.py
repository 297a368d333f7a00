"""How equations are integrated: Brian2's names of methods, and their diffrax solvers."""

from collections.abc import Mapping
from typing import Any, ClassVar

import diffrax
import equinox as eqx
import jax
import jax.random as jr
from jaxtyping import PyTree

from ..core import ExactLinear, ExponentialEuler, Flow, StepSolver
from ..equations import Expression, names_in
from ._code import calls_in, depends_on
from ._linear import affine, has_one_solution, is_coupled

METHODS = ("exact", "linear", "euler", "rk2", "rk4", "exponential_euler", "heun", "milstein")
NOISY = ("euler", "heun", "milstein")
REFUSED = ("independent", "gsl", "gsl_rk2", "gsl_rk4", "gsl_rkf45", "gsl_rkck", "gsl_rk8pd")


class RK4(StepSolver):
    """The classical Runge-Kutta method of fourth order.

    Source: Kutta 1901, Z. Math. Phys. 46, 435-453.
    """

    def order(self, terms: PyTree) -> int:
        return 4

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
        middle = t0 + (t1 - t0) / 2

        def moved(by: float, k: PyTree) -> PyTree:
            return jax.tree.map(lambda y, slope: y + by * h * slope, y0, k)

        a = terms.vf(t0, y0, args)
        b = terms.vf(middle, moved(0.5, a), args)
        c = terms.vf(middle, moved(0.5, b), args)
        d = terms.vf(t1, moved(1.0, c), args)
        y1 = jax.tree.map(lambda y, a, b, c, d: y + h * (a + 2 * b + 2 * c + d) / 6, y0, a, b, c, d)
        return y1, None, {"y0": y0, "y1": y1}, None, diffrax.RESULTS.successful


class InTurn(StepSolver, diffrax.AbstractItoSolver):
    """A network's step: its parts move one after the other, each by its own solver, and see where
    those before them have got to."""

    term_structure: ClassVar = diffrax.AbstractTerm

    def strong_order(self, terms: PyTree) -> float:
        return 0.5

    def init(self, terms: Any, t0: Any, t1: Any, y0: PyTree, args: PyTree) -> dict:
        flow, path = _flow_and_noise(terms)
        states = eqx.combine(y0, flow.held)
        return {
            name: solver.init(_terms(flow, path, name, y0), t0, t1, y0[name], states)
            for name, solver in flow.system.solvers
        }

    def step(
        self,
        terms: Any,
        t0: Any,
        t1: Any,
        y0: PyTree,
        args: PyTree,
        solver_state: dict,
        made_jump: Any,
    ) -> tuple[PyTree, None, dict, dict, diffrax.RESULTS]:
        flow, path = _flow_and_noise(terms)
        states, y1, kept = eqx.combine(y0, flow.held), dict(y0), dict(solver_state)
        for name, solver in flow.system.solvers:
            term = _terms(flow, path, name, y0)
            y1[name], _, _, kept[name], _ = solver.step(
                term, t0, t1, y0[name], states, solver_state[name], made_jump=True
            )
            states = states | {name: eqx.combine(y1[name], flow.held[name])}
        return y1, None, {"y0": y0, "y1": y1}, kept, diffrax.RESULTS.successful


def _flow_and_noise(terms: Any) -> tuple[Any, Any]:
    """The flow of a circuit, and the path of its noise."""
    if isinstance(terms, diffrax.MultiTerm):
        drift, noise = terms.terms
        return drift.vector_field, noise.control
    return terms.vector_field, None


def _terms(flow: Any, path: Any, name: str, y0: PyTree) -> diffrax.AbstractTerm:
    """The terms of one part alone."""
    alone = Flow(flow.system.alone(name), flow.held[name], flow.origin)
    drift = diffrax.ODETerm(alone)
    if not flow.system.parts[name].is_noisy:
        return drift
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), y0[name])
    key = jr.fold_in(path.key, flow.system.order.index(name))
    own = diffrax.UnsafeBrownianPath(shapes, key, levy_area=path.levy_area)
    return diffrax.MultiTerm(drift, diffrax.ControlTerm(alone.diffusion, own))


def solver_of(
    owner: str,
    method: str | tuple[str, ...] | None,
    rates: Mapping[str, Expression],
    noises: Mapping[str, Expression | None],
    held: set[str],
    varying: set[str],
) -> diffrax.AbstractSolver:
    """The solver of a method for these equations; of several methods, the first that fits.

    `held` are the names whose values no statement changes, `varying` the functions of time that
    change within a step.
    """
    if isinstance(method, str) and method not in METHODS:
        why = "is not supported" if method in REFUSED else "is not known"
        raise NotImplementedError(
            f"{owner}: the method {method!r} {why}; there are {', '.join(METHODS)}."
        )
    if not (isinstance(method, str) or method is None or isinstance(method, tuple | list)):
        raise NotImplementedError(f"{owner}: a method must be named, got {method!r}.")
    candidates = ("exact", "euler", "heun") if method is None else method
    candidates = (candidates,) if isinstance(candidates, str) else tuple(candidates)
    reasons = {name: _unfit(name, rates, noises, varying) for name in candidates}
    for name, reason in reasons.items():
        if not reason:
            return _solver(owner, name, rates, noises, held)
    said = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
    raise ValueError(f"{owner}: no method fits its equations ({said}).")


def _unfit(
    method: str,
    rates: Mapping[str, Expression],
    noises: Mapping[str, Expression | None],
    varying: set[str],
) -> str:
    """Why a method does not fit the equations; empty if it does."""
    noisy = any(noise is not None for noise in noises.values())
    if noisy and method not in NOISY:
        return "the equations have noise"
    if method == "euler" and any(
        n is not None and depends_on(n, {*rates, "t"}) for n in noises.values()
    ):
        return "the noise depends on a variable or on time"
    if method in ("exact", "linear"):
        rows = {name: affine(rate, rates) for name, rate in rates.items()}
        if any(row is None for row in rows.values()):
            return "the equations are not linear"
        functions = {call.function for rate in rates.values() for call in calls_in(rate)}
        if any(depends_on(rate, {"t"}) for rate in rates.values()) or functions & varying:
            return "the equations depend on time"
        if not has_one_solution(rows):  # pyright: ignore[reportArgumentType]
            return "the equations have no single steady state"
    return ""


def _solver(
    owner: str,
    method: str,
    rates: Mapping[str, Expression],
    noises: Mapping[str, Expression | None],
    held: set[str],
) -> diffrax.AbstractSolver:
    noisy = any(noise is not None for noise in noises.values())
    if method in ("exact", "linear"):
        rows = {name: affine(rate, rates) or {} for name, rate in rates.items()}
        if not is_coupled(rows):
            return ExponentialEuler()
        for row in rows.values():
            for name, coefficient in row.items():
                if name is not None and not names_in(coefficient) <= held:
                    raise NotImplementedError(
                        f"{owner}: the exact method with coupled variables and coefficients that "
                        "change during a run is not supported; use method='rk4'."
                    )
        return ExactLinear()
    simple = {
        "exponential_euler": ExponentialEuler,
        "euler": diffrax.Euler,
        "rk2": diffrax.Midpoint,
        "rk4": RK4,
        # Without noise, these are Euler's method in Brian2.
        "heun": diffrax.EulerHeun if noisy else diffrax.Euler,
        "milstein": diffrax.StratonovichMilstein if noisy else diffrax.Euler,
    }
    return simple[method]()
