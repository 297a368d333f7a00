"""What `simulate` is given, made sure of before anything runs."""

from typing import Any, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ._checks import is_known
from ._drives import Arrivals, Series, held, is_timed, resolved, value_at
from ._recording import RASTER, Record, Reduction
from ._solution import RunState
from ._system import Clock, SpikingSystem, System


def as_start(system: System, state: PyTree | None, key: PRNGKeyArray | None) -> RunState:
    """The state to start from: a fresh one, one that was given, or where an earlier run ended."""
    if isinstance(state, RunState):
        _check_state(system, state.state, key)
        return (
            state
            if key is None
            else eqx.tree_at(lambda s: s.key, state, key, is_leaf=lambda x: x is None)
        )
    if state is None:
        state = system.initial_state(key)
    else:
        _check_state(system, state, key)
    zero = np.zeros((), np.int32)
    return RunState(zero, zero.astype(jnp.result_type(float)), state, None, key)


def _check_state(system: System, state: PyTree, key: PRNGKeyArray | None) -> None:
    due = jax.eval_shape(system.initial_state, key)
    if jax.tree.structure(state) != jax.tree.structure(due):
        raise ValueError(
            f"state is not one of {type(system).__name__}: expected {jax.tree.structure(due)}, "
            f"got {jax.tree.structure(state)}."
        )
    for (path, leaf), want in zip(
        jax.tree_util.tree_leaves_with_path(state), jax.tree.leaves(due), strict=True
    ):
        shape, dtype = np.shape(leaf), getattr(leaf, "dtype", None) or jnp.result_type(leaf)
        batch = len(shape) - len(want.shape)
        if dtype != want.dtype or batch < 0 or shape[batch:] != want.shape:
            raise ValueError(
                f"state{jax.tree_util.keystr(path)} is {dtype}{list(shape)}, "
                f"{type(system).__name__}'s is {want.dtype}{list(want.shape)} (or batches of it)."
            )


def steps_between(start: RunState, t1: Any, dt: Any) -> tuple[int, float]:
    """Whole steps of dt from the start to t1, and dt as a Python float."""
    if not (is_known(t1) and is_known(dt)):
        raise TypeError("t1 and dt fix the number of steps: with dt, both must be plain numbers.")
    if not is_known(start.step):
        raise TypeError("state: going on needs the step reached; go on from outside jit and vmap.")
    t1, dt = float(t1), float(dt)
    if not (np.isfinite(dt) and dt > 0):
        raise ValueError(f"dt must be a positive number of ms, got {dt}.")
    if np.ndim(start.step) or not np.isfinite(t1) or t1 <= int(start.step) * dt:
        raise ValueError(f"t1 must be after the start, {int(start.step) * dt:g} ms, got {t1:g} ms.")
    ends = t1 / dt
    whole = round(ends)
    if abs(ends - whole) > 1e-3:
        below, above = np.floor(ends) * dt, np.ceil(ends) * dt
        raise ValueError(
            f"dt={dt:g} ms does not divide the span: t1={t1:g} ms is {ends:.6g} steps; "
            f"the nearest ends are {below:.10g} and {above:.10g} ms."
        )
    return whole - int(start.step), dt


def clocked_drive(
    system: System, state: PyTree, drive: PyTree, first: int, steps: int, dt: float
) -> PyTree:
    """The drive with every part an array or a Drive, fitting the system.

    A bare array is constant if it fits the system as it is, and a Series if its first axis is the
    time grid; one that could be both is refused.
    """
    clock = Clock(jnp.zeros((), jnp.int32), dt)
    if isinstance(drive, jax.Array | np.ndarray) and np.ndim(drive) > 0:
        return _array_drive(system, state, drive, steps)
    drive = resolved(drive)
    for part in jax.tree.leaves(drive, is_leaf=lambda x: isinstance(x, Series)):
        if isinstance(part, Series) and part.dt is None and part.values.shape[0] < first + steps:
            raise ValueError(
                f"drive: a Series of {part.values.shape[0]} samples is too short for a run that "
                f"ends at step {first + steps}."
            )
    misfit = _misfit(system, state, lambda: value_at(held(drive, clock), 0.0))
    if misfit:
        raise ValueError(f"drive does not fit {type(system).__name__}: {misfit}")
    return drive


def _array_drive(system: System, state: PyTree, drive: Any, steps: int) -> PyTree:
    constant = resolved(drive)
    misfit = _misfit(system, state, lambda: constant)
    on_grid = drive.shape[0] == steps and not _misfit(system, state, lambda: constant[0])
    if on_grid and not misfit:
        raise ValueError(
            f"drive of shape {drive.shape} could be constant or a series over the {steps} steps: "
            "say which by Constant(...) or Series(...)."
        )
    if on_grid:
        return Series(constant)
    if misfit:
        raise ValueError(
            f"drive of shape {drive.shape} fits {type(system).__name__} neither as a constant "
            f"({misfit}) nor as a series over the {steps} steps."
        )
    return constant


def clocked_incoming(
    system: System, start: RunState, incoming: PyTree, steps: int, dt: float
) -> PyTree:
    """The spikes that arrive from outside, as a drive on the clock that the system's jump takes."""
    if incoming is None:
        return None
    _refuse_deaf(system)
    if isinstance(incoming, jax.Array | np.ndarray) and np.shape(incoming)[:1] == (steps,):
        incoming = Series(incoming)
    incoming = resolved(incoming)
    clock = Clock(jnp.zeros((), jnp.int32), dt)
    try:
        after, _ = jax.eval_shape(
            lambda: system.jump(clock, start.state, value_at(held(incoming, clock), 0.0), start.key)
        )
    except (TypeError, ValueError) as error:
        raise ValueError(_unfit(system, str(error).splitlines()[0])) from None
    _refuse_changed(system, start.state, after)
    return incoming


def unclocked_incoming(system: System, state: PyTree, incoming: Any) -> Arrivals | None:
    """The spikes that arrive from outside in a run by events, sorted."""
    if incoming is None:
        return None
    if not isinstance(incoming, Arrivals):
        raise TypeError(
            f"incoming must be Arrivals(times, weights) in a run by events, got {incoming!r}."
        )
    _refuse_deaf(system)
    receives = cast(SpikingSystem, system)
    try:
        after = jax.eval_shape(lambda: receives.receive(state, jnp.sum(incoming.weights, 0)))
    except (TypeError, ValueError) as error:
        raise ValueError(_unfit(system, str(error).splitlines()[0])) from None
    _refuse_changed(system, state, after)
    return incoming.in_order()


def _refuse_deaf(system: System) -> None:
    spiking = isinstance(system, SpikingSystem)
    method, base = ("receive", SpikingSystem) if spiking else ("jump", System)
    if getattr(type(system), method) is getattr(base, method):
        raise TypeError(f"incoming: {type(system).__name__} has no synapses for spikes to reach.")


def _refuse_changed(system: System, before: PyTree, after: PyTree) -> None:
    for (path, a), b in zip(
        jax.tree_util.tree_leaves_with_path(after), jax.tree.leaves(before), strict=True
    ):
        if a.shape != np.shape(b):
            name = jax.tree_util.keystr(path)
            raise ValueError(_unfit(system, f"state{name} becomes {a.shape}, was {np.shape(b)}"))


def _unfit(system: System, why: str) -> str:
    return f"incoming does not fit {type(system).__name__}: {why}."


def unclocked_drive(system: System, state: PyTree, drive: PyTree) -> PyTree:
    """The drive for a run by events: constants and functions of time."""
    drive = resolved(drive)
    for part in jax.tree.leaves(drive, is_leaf=is_timed):
        value_at(part, jnp.zeros(()))  # a drive that needs a clock says so
    misfit = _misfit(system, state, lambda: value_at(drive, 0.0))
    if misfit:
        raise ValueError(f"drive does not fit {type(system).__name__}: {misfit}")
    return drive


def _misfit(system: System, state: PyTree, value: Any) -> str:
    """Why a drive's value does not fit the system; empty if it does (nothing is computed)."""
    try:
        rate = jax.eval_shape(lambda: system.vector_field(0.0, state, value()))
    except (TypeError, ValueError) as error:
        return f"the vector field refuses it: {str(error).splitlines()[0]}"
    nothing = lambda x: x is None  # noqa: E731
    for (path, r), s in zip(
        jax.tree_util.tree_leaves_with_path(rate, is_leaf=nothing),
        jax.tree.leaves(state, is_leaf=nothing),
        strict=False,
    ):
        if r is not None and np.broadcast_shapes(r.shape, s.shape) != s.shape:
            name = jax.tree_util.keystr(path)
            return f"the rate of state{name} gets shape {r.shape}, the state has {s.shape}."
    return ""


def refuse_event_arguments(controller: Any, ts: Any) -> None:
    """Arguments that have no meaning on a clock."""
    for name, value in {"controller": controller, "ts": ts}.items():
        if value is not None:
            raise ValueError(f"{name} is for runs by events, and dt was given: leave out one.")


def refuse_clock_arguments(every: int, until: Any, record: Record) -> None:
    """Arguments that need a clock."""
    if every != 1:
        raise ValueError(f"every={every} counts clock steps: give dt, or ts for the sample times.")
    if until is not None:
        raise ValueError("until is checked at the end of each clock step: give dt.")
    for name, what in record.items():
        if isinstance(what, Reduction) or what == RASTER:
            raise ValueError(f"record: {name!r} is made step by step: give dt.")


def sample_times(ts: Any, t0: Any, t1: Any) -> Float[Array, " samples"]:
    """Sample times of a run by events: increasing, within the run."""
    if ts is None:
        return jnp.linspace(t0, t1, 201, dtype=jnp.result_type(float))
    ts = jnp.asarray(ts, jnp.result_type(float))
    if is_known(ts) and is_known(t0) and is_known(t1):
        values = np.asarray(ts)
        within = (values >= float(t0)) & (values <= float(t1))
        if not (np.all(within) and np.all(np.diff(values) >= 0)):
            raise ValueError(f"ts must increase from {t0} to {t1} ms at the most, got {values}.")
    return ts
