"""The one entrance to both ways through time."""

from collections.abc import Mapping, Sequence
from typing import Any

import diffrax
import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray, PyTree

from . import _arguments as arguments
from ._checks import is_known, refuse_nan
from ._clock import ClockRun, Until, rows_of
from ._drives import held, value_at
from ._event import EventRun
from ._flow import flowing, is_stochastic
from ._progress import as_meter
from ._recording import Record, as_record
from ._reparametrised import plain
from ._solution import RunState, Solution, check
from ._stepper import Stepper, usable
from ._system import Clock, SpikingSystem, System, Time


def simulate(
    system: System,
    drive: PyTree = 0.0,
    *,
    t1: Time,
    dt: float | int | None = None,
    incoming: PyTree = None,
    solver: diffrax.AbstractSolver | None = None,
    controller: diffrax.AbstractStepSizeController | None = None,
    record: Sequence[str] | Mapping[str, Any] | None = None,
    every: int = 1,
    ts: Any = None,
    max_spikes: int = 100,
    until: Until | None = None,
    state: PyTree | RunState | None = None,
    key: PRNGKeyArray | None = None,
    progress: bool | diffrax.AbstractProgressMeter = False,
) -> Solution:
    """Run a system from its state to time `t1` (ms).

    With `dt` (ms) the run is clocked: a fixed grid, the solver's step and the system's jump for
    each. Without it the run is by events: adaptive steps under `controller`, spikes located to the
    solver's tolerance and differentiable.

    - `drive`: a number or array (constant), an array whose first axis is the time grid, a `Drive`,
      a function of t, a diffrax path; or a pytree of these where the system takes one.
    - `incoming`: the spikes that arrive from outside, weighted, one value for each neuron: on the
      clock whatever a drive may be, delivered at the end of the step they fall in; or `Arrivals`,
      by events too.
    - `solver`: any diffrax solver; the system's own default, or `diffrax.Tsit5()` by events.
    - `record`: names of parts of the state, "output", "spikes", "raster" (spikes in each recorded
      interval, differentiable); or a dict of name → one of these, a function of (t, state), or a
      `Reduction`. Samples are of the state at the start of every `every`-th step, at t = n·dt.
    - `ts`: by events, the times (ms) of the samples; 201 even ones unless given.
    - `max_spikes`: by events, the most spikes (of all neurons) in the run; reported when reached.
    - `until`: clocked only: stop after the first step at whose end `until(t, state, rate)` holds;
      `rate` is the change of each flowing leaf over the step per ms. Nothing is sampled then, and
      there is no gradient.
    - `state`: the system's state to start from at time 0, or an earlier `Solution.final` to go on
      from: the result is bitwise that of a run that never stopped.
    - `key`: for systems with noise or random jumps.
    - `progress`: True for a bar.

    Raises `ValueError` or `TypeError` for what is wrong with an argument before anything runs, and
    `RuntimeError` when the outcome is not finite or a bound was hit; inside jit, where nothing can
    be raised, `Solution.failure` says so.
    """
    if not isinstance(system, System):
        raise TypeError(f"system must be a neurojax System, got {system!r}.")
    system = plain(system)
    refuse_nan(system, "system")
    refuse_nan(drive, "drive")
    refuse_nan(incoming, "incoming")
    start = arguments.as_start(system, state, key)
    named = as_record(record, system, start.state)
    if dt is None:
        arguments.refuse_clock_arguments(every, until, named)
        run = _event_run(
            system, drive, incoming, start, named, t1, solver, controller, ts, max_spikes, progress
        )
        return check(_run_events(run, start))
    arguments.refuse_event_arguments(controller, ts)
    run = _clock_run(system, drive, incoming, start, named, t1, dt, solver, every, progress)
    return check(_run_clock(run, start, until))


def _clock_run(
    system: System,
    drive: PyTree,
    incoming: PyTree,
    start: RunState,
    record: Record,
    t1: Any,
    dt: Any,
    solver: Any,
    every: int,
    progress: Any,
) -> ClockRun:
    steps, dt = arguments.steps_between(start, t1, dt)
    if every < 1:
        raise ValueError(f"every must be a positive number of steps, got {every}.")
    done = int(start.step)
    drive = arguments.clocked_drive(system, start.state, drive, done, steps, dt)
    incoming = arguments.clocked_incoming(system, start, incoming, steps, dt)
    first = value_at(held(drive, Clock(jnp.zeros((), jnp.int32), dt)), 0.0)
    stepper = Stepper.of(system, start.state, first, solver)
    if stepper.stochastic and start.key is None:
        raise ValueError(f"key: {type(system).__name__} has noise and needs a random key.")
    return ClockRun(
        stepper=stepper,
        drive=drive,
        incoming=incoming,
        rows=(rows_of(drive, done, steps), rows_of(incoming, done, steps)),
        record=record,
        key=start.key,
        meter=as_meter(progress, steps),
        dt=dt,
        steps=steps,
        every=min(every, steps),
        about=f"{type(system).__name__}, {steps} steps of {dt:g} ms by "
        f"{type(stepper.solver).__name__}",
    )


def _event_run(
    system: System,
    drive: PyTree,
    incoming: PyTree,
    start: RunState,
    record: Record,
    t1: Any,
    solver: Any,
    controller: Any,
    ts: Any,
    max_spikes: int,
    progress: Any,
) -> EventRun:
    if is_known(t1) and is_known(start.t) and not float(start.t) < float(t1) < np.inf:
        raise ValueError(
            f"t1 must be after the start, {float(start.t):g} ms, got {float(t1):g} ms."
        )
    if max_spikes < 1:
        raise ValueError(f"max_spikes must be at least 1, got {max_spikes}.")
    drive = arguments.unclocked_drive(system, start.state, drive)
    if isinstance(system, SpikingSystem) and system.random:
        raise ValueError(f"{type(system).__name__} spikes at random and needs a clock: give dt.")
    if is_stochastic(system, start.state, value_at(drive, 0.0)):
        raise ValueError(f"{type(system).__name__} has noise and needs a fixed grid: give dt.")
    solver = usable(diffrax.Tsit5() if solver is None else solver, system, False)
    if controller is None:
        precise = jnp.result_type(float) == jnp.float64
        rtol = 1e-10 if precise else 1e-5
        controller = diffrax.PIDController(rtol=rtol, atol=rtol * 1e-2)
    return EventRun(
        system=system,
        drive=drive,
        arrivals=arguments.unclocked_incoming(system, start.state, incoming),
        record=record,
        solver=solver,
        controller=controller,
        meter=as_meter(progress, 100),
        flows=flowing(system, start.state, value_at(drive, 0.0)),
        ts=arguments.sample_times(ts, start.t, t1),
        t1=jnp.asarray(t1, jnp.result_type(float)),
        max_spikes=max_spikes,
        about=f"{type(system).__name__} by events, {type(solver).__name__}",
    )


@eqx.filter_jit
def _run_clock(run: ClockRun, start: RunState, until: Until | None) -> Solution:
    return run(start) if until is None else run.until(start, until)


@eqx.filter_jit
def _run_events(run: EventRun, start: RunState) -> Solution:
    return run(start)
