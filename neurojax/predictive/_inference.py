"""Inference: the activities settle under the clamps."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, PyTree

from ..core import is_known, simulate
from ._descent import Descent
from ._hierarchy import Activities, Clamps, Hierarchy
from ._reach import settled_in_stages
from ._settling import Settling, settling

Start = Activities | Callable[[Clamps], Activities]
Solver = diffrax.AbstractSolver | optax.GradientTransformation


class Settled(NamedTuple):
    """Where inference ended.

    - `activities`: of every node, [batch, *shape].
    - `steps`: steps taken, for each sample where each stopped on its own.
    - `residual`: root mean square of the energy's slope over a sample's free activities (or errors,
      where these were the coordinates), [batch].
    - `converged`: whether the residual fell below the tolerance; None where none was given.
    - `energy_before`, `energy`: of each prediction, summed over samples, at the start and the end
      (`Hierarchy.energy_names` names them); `energy_trace` [steps + 1, energies] of each step, None
      unless it was asked for.
    """

    activities: Activities
    steps: Int[Array, "..."]
    residual: Float[Array, "..."]
    converged: Bool[Array, "..."] | None
    energy_before: Float[Array, " energies"]
    energy: Float[Array, " energies"]
    energy_trace: Float[Array, "times energies"] | None

    @property
    def relaxation(self) -> Float[Array, ""]:
        """By how much of its start the total energy fell, in percent; below zero it diverged."""
        before = jnp.sum(self.energy_before)
        fall = before - jnp.sum(self.energy)
        return 100 * fall / jnp.maximum(jnp.abs(before), jnp.finfo(before.dtype).tiny)


def infer(
    hierarchy: Hierarchy,
    clamps: Clamps,
    *,
    known: Mapping[str, Bool[Array, "..."]] | None = None,
    steps: int = 20,
    step_size: float | None = None,
    tolerance: float | None = None,
    solver: Solver | None = None,
    controller: diffrax.AbstractStepSizeController | None = None,
    coordinates: str = "activities",
    start: Start | None = None,
    record_energy: bool = False,
) -> Settled:
    """Let the activities flow down the energy from the feed-forward ones, or from `start`.

    - `clamps`: activities held at data, by node, [batch, *shape] each; `known`: masks, true where
      the data of a node are known, for completing the rest.
    - `steps` of `step_size` (0.1 unless given) by Euler's method or the `solver`: one of diffrax,
      or an optax transformation, which has its own step size.
    - `tolerance`: each sample stops once the root mean square of the energy's slope over its free
      activities is below it, `steps` being the most.
    - `controller`: of diffrax, for adaptive steps over the same time, `steps · step_size`.
    - `coordinates`: what descends: the "activities", or the "errors" from their predictions, with
      the same minima and far fewer steps in deep hierarchies.
    - `start`: activities of all free nodes (warm), or a function of the clamps that gives them
      (amortised).
    - `record_energy`: keep the energies of each step.

    The result for a sample does not depend on what else is in the batch.

    Raises `RuntimeError` where inference ended at a higher energy than both its start and the
    feed-forward activities (outside jit; inside it see `Settled.relaxation`): the steps are too
    large for the weights.
    """
    system = settling(hierarchy, clamps, known=known or {}, coordinates=coordinates)
    how = _checked(steps, step_size, tolerance, solver, controller, record_energy)
    forward = system.feedforward()
    begin = forward if start is None else _as_start(start, forward, clamps, system)
    first = system.to_state(begin)
    if not jax.tree.leaves(first):
        settled = settled_at(system, first, first, jnp.zeros((), jnp.int32), tolerance)
    elif tolerance is not None:
        final, taken = _until(system, first, tolerance, how)
        settled = settled_at(system, first, final, taken, tolerance)
    elif (final := _by_stages(system, how, start, record_energy)) is not None:
        settled = settled_at(system, first, final, jnp.asarray(steps), None)
    else:
        record: dict[str, Any] = {"energy": _Energies(system)} if record_energy else {}
        sol = simulate(system, state=first, record=record, **how)
        settled = settled_at(system, first, sol.final.state, sol.steps, None)
        if record_energy:
            settled = settled._replace(energy_trace=jnp.vstack([sol["energy"], settled.energy]))
    refuse_rise(system, forward, settled)
    return settled


def _checked(
    steps: int,
    step_size: float | None,
    tolerance: float | None,
    solver: Solver | None,
    controller: Any,
    record_energy: bool,
) -> dict[str, Any]:
    """`simulate`'s arguments for these of `infer`."""
    descends = isinstance(solver, optax.GradientTransformation)
    if descends and (step_size is not None or controller is not None):
        raise ValueError(
            f"step_size={step_size} and controller={controller} are for diffrax solvers: an optax "
            "transformation has its own step size."
        )
    if step_size is None:
        step_size = 1.0 if descends else 0.1
    if steps < 1 or step_size <= 0:
        raise ValueError(f"steps and step_size must be positive, got {steps} and {step_size}.")
    if tolerance is not None and (tolerance <= 0 or controller is not None or record_energy):
        raise ValueError(
            f"tolerance={tolerance} must be positive, and goes with neither controller nor "
            "record_energy."
        )
    if isinstance(solver, optax.GradientTransformation):
        solver = Descent(solver)
    how: dict[str, Any] = {"t1": steps * step_size, "solver": solver or diffrax.Euler()}
    if controller is None:
        return how | {"dt": step_size}
    ts = jnp.linspace(0, how["t1"], steps + 1)[:-1]
    return how | {"controller": controller, "solver": solver, "ts": ts}


def _by_stages(
    system: Settling, how: dict[str, Any], start: Start | None, record_energy: bool
) -> PyTree | None:
    """Where Euler steps from the feed-forward activities end, if these are worth stages."""
    plain = isinstance(how["solver"], diffrax.Euler) and "dt" in how and type(system) is Settling
    if not plain or start is not None or record_energy:
        return None
    steps = round(how["t1"] / how["dt"])
    return settled_in_stages(system, steps, {"dt": how["dt"], "solver": how["solver"]})


def _until(
    system: Settling, first: PyTree, tolerance: float, how: dict[str, Any]
) -> tuple[PyTree, Array]:
    """Each sample in a run of its own, so that each stops on its own."""

    def one(state: PyTree, clamps: dict, partial: dict, given: dict) -> tuple[PyTree, Array]:
        alone = type(system)(system.hierarchy, clamps, partial, given, system.resting)
        # The change over a step is the slope's only where the solver is Euler's.
        quiet = _Quiet(tolerance, alone if isinstance(how["solver"], Descent) else None)
        sol = simulate(alone, state=state, until=quiet, record=(), **how)
        return sol.final.state, sol.steps

    run = jax.vmap(one) if system.samples else one
    return run(first, system.clamps, system.partial, system.given)


def settled_at(
    system: Settling, first: PyTree, state: PyTree, steps: Array, tolerance: float | None
) -> Settled:
    residual = _rms(system.vector_field(0.0, state, None), len(system.samples))
    return Settled(
        activities=system.completed(state),
        steps=steps,
        residual=residual,
        converged=None if tolerance is None else residual < tolerance,
        energy_before=system.energies(first),
        energy=system.energies(state),
        energy_trace=None,
    )


def _as_start(start: Start, forward: Activities, clamps: Clamps, system: Settling) -> Activities:
    given = start(clamps) if callable(start) else start
    free = {name: z.shape for name, z in forward.items() if name not in system.clamps}
    for name, shape in free.items():
        if name not in given or jnp.shape(given[name]) != shape:
            shapes = {name: jnp.shape(z) for name, z in given.items()}
            raise ValueError(f"start has activities of shapes {shapes}, the clamps ask for {free}.")
    return {**forward, **given, **system.clamps}


def refuse_rise(system: Settling, forward: Activities, settled: Settled) -> None:
    """Raise where inference diverged and that can be known now.

    A rise alone is none: activities at a kink of their activation never come quite to rest, and
    started there they end a little higher or lower. Their energy stays below the feed-forward one.
    """
    if not is_known(settled.relaxation) or float(settled.relaxation) >= 0:
        return
    start = system.to_state(forward)
    size = sum(float(jnp.sum(z**2)) for z in forward.values())
    rounding = float(jnp.finfo(system.hierarchy.dtype).eps) * size
    if float(jnp.sum(settled.energy)) <= float(system.energy(start)) + rounding:
        return
    raise RuntimeError(
        f"inference diverged: the energy rose by {-float(settled.relaxation):.3g} %. Give a "
        "smaller step_size: from the feed-forward activities Euler steps are stable up to about "
        f"{2 / steepest(system, start):.2g}."
    )


def steepest(system: Settling, state: PyTree, iterations: int = 200) -> float:
    """The largest curvature of the energy at a state, by power iteration on its Hessian."""
    slope = jax.grad(system.energy)

    def turn(direction: PyTree, _: None) -> tuple[PyTree, Array]:
        bent = jax.jvp(slope, (state,), (direction,))[1]
        size = optax.tree.norm(bent)
        return jax.tree.map(lambda x: x / size, bent), size

    ones = jax.tree.map(jnp.ones_like, state)
    start = jax.tree.map(lambda x: x / optax.tree.norm(ones), ones)
    return float(jax.lax.scan(turn, start, None, length=iterations)[1][-1])


class _Energies(eqx.Module):
    """The energies as an observable."""

    system: Settling

    def __call__(self, t: Any, state: PyTree) -> Float[Array, " energies"]:
        return self.system.energies(state)


class _Quiet(eqx.Module):
    """Whether the flow has come to rest: tested on the slope, not on the state."""

    tolerance: float
    system: Settling | None

    def __call__(self, t: Any, state: PyTree, rate: PyTree) -> Bool[Array, ""]:
        slope = rate if self.system is None else self.system.vector_field(t, state, None)
        return _rms(slope, 0) < self.tolerance


def _rms(slope: PyTree, sample_axes: int) -> Float[Array, "..."]:
    """Root mean square over a sample's units, all nodes together; zero where there are none."""
    leaves = jax.tree.leaves(slope)
    units = sum(math.prod(x.shape[sample_axes:]) for x in leaves)
    if not units:
        return jnp.zeros(())
    axes = [tuple(range(sample_axes, x.ndim)) for x in leaves]
    total = sum(jnp.sum(x**2, axis=a) for x, a in zip(leaves, axes, strict=True))
    return jnp.sqrt(total / units)
