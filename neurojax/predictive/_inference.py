"""Inference: the activities settle under the clamps."""

from typing import Any, NamedTuple

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PyTree

from ..core import is_known, simulate
from ._hierarchy import Activities, Clamps, Hierarchy, check_clamps


class Settled(NamedTuple):
    """Where inference ended.

    - `activities`: input to output, [batch, width] each.
    - `steps`: steps taken, for each sample where each stopped on its own.
    - `residual`: root mean square of dE/dz over a sample's free activities, [batch].
    - `converged`: whether the residual fell below the tolerance; None where none was given.
    - `energy_before`, `energy`: of each layer, summed over samples, at the start and the end;
      `energy_trace` [steps + 1, layers] of each step, None unless it was asked for.
    """

    activities: Activities
    steps: Int[Array, "..."]
    residual: Float[Array, "..."]
    converged: Bool[Array, "..."] | None
    energy_before: Float[Array, " layers"]
    energy: Float[Array, " layers"]
    energy_trace: Float[Array, "times layers"] | None

    @property
    def relaxation(self) -> Float[Array, ""]:
        """By how much of its start the total energy fell, in percent; below zero it diverged."""
        before = jnp.sum(self.energy_before)
        fall = before - jnp.sum(self.energy)
        return 100 * fall / jnp.maximum(before, jnp.finfo(before.dtype).tiny)


def infer(
    hierarchy: Hierarchy,
    clamps: Clamps,
    *,
    steps: int = 20,
    step_size: float = 0.1,
    tolerance: float | None = None,
    solver: diffrax.AbstractSolver | None = None,
    controller: diffrax.AbstractStepSizeController | None = None,
    start: Activities | None = None,
    record_energy: bool = False,
) -> Settled:
    """Let the activities flow down the energy from the feed-forward ones (or from `start`).

    `clamps` holds "input" [batch, in] and/or "output" [batch, out] at data. Takes `steps` Euler
    steps of `step_size`, or the solver's; with `tolerance`, each sample stops once the root mean
    square of its dE/dz is below it, `steps` being the most. With a diffrax `controller` the steps
    are adaptive over the same time, `steps · step_size`.

    The result for a sample does not depend on what else is in the batch.

    Raises `RuntimeError` where inference ended at a higher energy than both its start and the
    feed-forward activities (outside jit; inside it see `Settled.relaxation`): the steps are too
    large for the weights.
    """
    check_clamps(hierarchy, clamps)
    if not clamps:
        raise ValueError("clamps is empty: nothing to infer from.")
    if steps < 1 or step_size <= 0:
        raise ValueError(f"steps and step_size must be positive, got {steps} and {step_size}.")
    if tolerance is not None and (tolerance <= 0 or controller is not None or record_energy):
        raise ValueError(
            f"tolerance={tolerance} must be positive, and goes with neither controller nor "
            "record_energy."
        )
    forward = _from_clamps(hierarchy, clamps)
    first = forward if start is None else _as_start(start, forward, clamps, hierarchy)
    how: dict[str, Any] = {"t1": steps * step_size, "solver": solver or diffrax.Euler()}
    if tolerance is not None:
        settled = _until(hierarchy, clamps, first, tolerance, how | {"dt": step_size})
        refuse_rise(hierarchy, clamps, forward, settled)
        return settled
    if controller is None:
        how["dt"] = step_size
    else:
        ts = jnp.linspace(0, how["t1"], steps + 1)[:-1]
        how |= {"controller": controller, "solver": solver, "ts": ts}
    record: dict[str, Any] = {"energy": _LayerEnergies(hierarchy, clamps)} if record_energy else {}
    sol = simulate(hierarchy, clamps, state=first, record=record, **how)
    settled = _settled(hierarchy, clamps, first, sol.final.state, sol.steps, None)
    refuse_rise(hierarchy, clamps, forward, settled)
    if not record_energy:
        return settled
    return settled._replace(energy_trace=jnp.vstack([sol["energy"], settled.energy]))


def _until(
    hierarchy: Hierarchy, clamps: Clamps, first: Activities, tolerance: float, how: dict
) -> Settled:
    """Each sample in a run of its own, so that each stops on its own."""
    quiet = _Quiet(tolerance)

    def one(state: Activities, clamps: Clamps) -> tuple[Activities, Array]:
        sol = simulate(hierarchy, clamps, state=state, until=quiet, record=(), **how)
        return sol.final.state, sol.steps

    run = jax.vmap(one) if first[0].ndim > 1 else one
    activities, steps = run(first, clamps)
    return _settled(hierarchy, clamps, first, activities, steps, tolerance)


def _settled(
    hierarchy: Hierarchy,
    clamps: Clamps,
    first: Activities,
    state: Activities,
    steps: Array,
    tolerance: float | None,
) -> Settled:
    rate = hierarchy.vector_field(0.0, state, clamps)
    residual = _rms(rate)
    converged = None if tolerance is None else residual < tolerance
    z = hierarchy.clamped(state, clamps)
    if "output" not in clamps:
        z = (*z[:-1], hierarchy.layers[-1](z[-2]))
    return Settled(
        activities=z,
        steps=steps,
        residual=residual,
        converged=converged,
        energy_before=hierarchy.layer_energies(first, clamps),
        energy=hierarchy.layer_energies(state, clamps),
        energy_trace=None,
    )


def _from_clamps(hierarchy: Hierarchy, clamps: Clamps) -> Activities:
    """Feed-forward activities from the clamped input, or from zero where it is free, clamped."""
    x = clamps.get("input")
    if x is None:
        batch = clamps["output"].shape[:-1]
        x = jnp.zeros((*batch, hierarchy.widths[0]), clamps["output"].dtype)
    return hierarchy.clamped(hierarchy.feedforward(x), clamps)


def _as_start(
    start: Activities, like: Activities, clamps: Clamps, hierarchy: Hierarchy
) -> Activities:
    given, due = [jnp.shape(z) for z in start], [z.shape for z in like]
    if given != due:
        raise ValueError(f"start has activities of shapes {given}, the clamps ask for {due}.")
    return hierarchy.clamped(start, clamps)


def refuse_rise(
    hierarchy: Hierarchy, clamps: Clamps, forward: Activities, settled: Settled
) -> None:
    """Raise where inference diverged and that can be known now.

    A rise alone is none: activities at a kink of their activation never come quite to rest, and
    started there they end a little higher or lower. Their energy stays below the feed-forward one.
    """
    if not is_known(settled.relaxation) or float(settled.relaxation) >= 0:
        return
    size = sum(float(jnp.sum(z**2)) for z in forward)
    rounding = float(jnp.finfo(forward[0].dtype).eps) * size
    if float(jnp.sum(settled.energy)) <= float(hierarchy.energy(forward, clamps)) + rounding:
        return
    norms = [float(jnp.linalg.norm(layer.weight, 2)) for layer in hierarchy.layers[1:]]
    bound = 2 / (1 + max(norms, default=0.0) ** 2)
    raise RuntimeError(
        f"inference diverged: the energy rose by {-float(settled.relaxation):.3g} %. Give a "
        f"smaller step_size: with these weights Euler steps are stable up to about {bound:.2g}."
    )


class _LayerEnergies(eqx.Module):
    """The layer energies as an observable."""

    hierarchy: Hierarchy
    clamps: Clamps

    def __call__(self, t: Any, state: Activities) -> Float[Array, " layers"]:
        return self.hierarchy.layer_energies(state, self.clamps)


class _Quiet(eqx.Module):
    """Whether the flow has come to rest: tested on the derivative, not on the state."""

    tolerance: float

    def __call__(self, t: Any, state: PyTree, rate: PyTree) -> Bool[Array, ""]:
        return _rms(rate) < self.tolerance


def _rms(rate: PyTree) -> Float[Array, "..."]:
    """Root mean square over a sample's units, all layers together."""
    leaves = jax.tree.leaves(rate)
    units = sum(x.shape[-1] for x in leaves)
    return jnp.sqrt(sum(jnp.sum(x**2, axis=-1) for x in leaves) / units)
