"""Through time by events: adaptive steps, each spike located exactly."""

from typing import Any, NamedTuple, cast

import diffrax
import equinox as eqx
import equinox.internal as eqxi
import jax
import jax.numpy as jnp
import optimistix as optx
from jaxtyping import Array, Bool, Float, PyTree

from ._drives import Arrivals
from ._flow import Flow
from ._recording import Record, observe
from ._solution import EventSpikes, RunState, Solution, all_finite
from ._system import SpikingSystem, System

# Of the solver, between two events.
MAX_STEPS = 2**16


class Waiting(NamedTuple):
    """What each neuron waits for: `release` is the end of its refractory period (ms, −inf where it
    has none), `above` marks that it must fall below threshold before it can spike again, `lifted`
    that a jump took it above threshold: it spikes at once."""

    release: Float[Array, "*shape"]
    above: Bool[Array, "*shape"]
    lifted: Bool[Array, "*shape"]


class _Carry(NamedTuple):
    t: Array
    state: PyTree
    waiting: Waiting | None
    arrived: Array
    samples: PyTree
    steps: Array
    solved: Array
    meter: PyTree


class RisingRoot(optx.Bisection):
    """Bisection for a value that rises through zero, or not at all.

    Under vmap diffrax looks for a root also in runs without an event; theirs is the end of the
    bracket, where the value is not above zero. The bracket alone says when to stop: the value is in
    whatever unit a spike condition has.
    """

    def init(self, fn: Any, y: Any, args: Any, options: Any, *rest: Any) -> Any:
        state = super().init(fn, y, args, options, *rest)
        rises = fn(state.upper, args)[0] > 0
        return eqx.tree_at(lambda s: s.lower, state, jnp.where(rises, state.lower, state.upper))

    def terminate(self, fn: Any, y: Any, args: Any, options: Any, state: Any, tags: Any) -> Any:
        found = jnp.abs(state.upper - state.lower) < self.atol + self.rtol * jnp.abs(y)
        return found, optx.RESULTS.successful


class EventRun(eqx.Module):
    """One run by events: what does not change from event to event."""

    system: System
    drive: PyTree
    arrivals: Arrivals | None
    record: Record
    solver: diffrax.AbstractSolver
    controller: diffrax.AbstractStepSizeController
    meter: diffrax.AbstractProgressMeter
    flows: PyTree[bool]
    ts: Float[Array, " samples"]
    t1: Float[Array, ""]
    max_spikes: int = eqx.field(static=True)
    about: str = eqx.field(static=True)

    def __call__(self, start: RunState) -> Solution:
        """Stretch after stretch until t1. A spike costs at most two: up to it, and up to the end of
        its refractory period or its fall below threshold; an arrival costs one."""
        first = self._start(start)
        if not isinstance(self.system, SpikingSystem):
            last, _ = self._stretch(first)
            return self._solution(last, None)

        def one(carry: _Carry, _: None) -> tuple[_Carry, tuple[Array, Array]]:
            # The predicate is one for all runs of a vmap: a cond for each would become a select of
            # the gradient's residuals too, and in those diffrax's own cond is not safe.
            going = eqxi.unvmap_any(carry.t < self.t1)
            return jax.lax.cond(going, lambda c: self._next(c), lambda c: self._idle(c), carry)

        arrivals = 0 if self.arrivals is None else self.arrivals.times.size
        length = 2 * self.max_spikes + 1 + arrivals
        last, (times, neurons) = jax.lax.scan(one, first, length=length)
        order = jnp.argsort(times)[: self.max_spikes]
        spikes = EventSpikes(times[order], neurons[order])
        return self._solution(last, spikes, jnp.isfinite(times).sum() > self.max_spikes)

    def _start(self, start: RunState) -> _Carry:
        shapes = jax.eval_shape(lambda: observe(self.record, self.system, start.t, start.state))
        samples = jax.tree.map(lambda x: jnp.zeros((self.ts.size, *x.shape), x.dtype), shapes)
        state, waiting, arrived = start.state, start.solver_state, jnp.array(0)
        if isinstance(self.system, SpikingSystem):
            condition = self.system.spike_condition(state)
            if waiting is None:
                nobody = jnp.zeros(condition.shape, bool)
                waiting = Waiting(jnp.full_like(condition, -jnp.inf), condition > 0, nobody)
            state, arrived = self._receive(state, start.t, self._before(start))
            lifted = (self.system.spike_condition(state) > 0) & (condition <= 0)
            waiting = waiting._replace(lifted=waiting.lifted | lifted)
        zero, fine, meter = jnp.array(0), jnp.array(True), self.meter.init()
        return _Carry(start.t, state, waiting, arrived, samples, zero, fine, meter)

    def _before(self, start: RunState) -> Array:
        """How many arrivals the run has had that this one goes on from."""
        if self.arrivals is None or start.solver_state is None:
            return jnp.array(0)
        return jnp.sum(self.arrivals.times <= start.t)

    def _receive(self, state: PyTree, t: Array, arrived: Array) -> tuple[PyTree, Array]:
        """The state after what has arrived by t, but for the first `arrived`, and their number."""
        if self.arrivals is None:
            return state, arrived
        due = jnp.sum(self.arrivals.times <= t)
        index = jnp.arange(self.arrivals.times.size)
        now = (index >= arrived) & (index < due)
        return cast(SpikingSystem, self.system).receive(state, self.arrivals.total(now)), due

    def _next_arrival(self, arrived: Array) -> Array:
        if self.arrivals is None:
            return jnp.full_like(self.t1, jnp.inf)
        return jnp.append(self.arrivals.times, jnp.inf)[arrived].astype(self.t1.dtype)

    def _idle(self, carry: _Carry) -> tuple[_Carry, tuple[Array, Array]]:
        nobody = jnp.zeros_like(cast(Waiting, carry.waiting).above)
        return carry, (jnp.full_like(carry.t, jnp.inf), nobody)

    def _next(self, carry: _Carry) -> tuple[_Carry, tuple[Array, Array]]:
        """The next stretch, unless this run of a vmap has ended already."""
        return _where(carry.t < self.t1, self._stretch(carry), self._idle(carry))

    def _stretch(self, carry: _Carry) -> tuple[_Carry, Any]:
        """Integrate to the next event, release, arrival or t1, and do what happens there."""
        waiting, end = carry.waiting, self.t1
        if waiting is not None:
            due = jnp.where(waiting.release > carry.t, waiting.release, jnp.inf)
            end = jnp.minimum(jnp.minimum(end, jnp.min(due)), self._next_arrival(carry.arrived))
            # A run that has ended goes along unseen; a stretch of no length has no derivative.
            end = jnp.where(carry.t < self.t1, end, carry.t + 1)
        y, held = eqx.partition(carry.state, self.flows)
        sol = self._solve(carry.t, end, y, held, waiting)
        (final_ts, _), (final_ys, sampled) = cast(tuple, sol.ts), cast(tuple, sol.ys)
        t = final_ts[-1]
        here = (self.ts >= carry.t) & ((self.ts < t) | (t >= self.t1))
        moved = carry._replace(
            t=t,
            state=eqx.combine(jax.tree.map(lambda x: x[-1], final_ys), held),
            samples=jax.tree.map(lambda a, b: _rows(here, b, a), carry.samples, sampled),
            steps=carry.steps + sol.stats["num_steps"],
            solved=carry.solved & diffrax.is_okay(sol.result),
            meter=self.meter.step(carry.meter, t / self.t1),
        )
        if waiting is None:
            return moved, None
        # Whoever a jump lifted above threshold spikes here and now: the stretch was for nothing.
        at_once = waiting.lifted.any()
        return self._jump(_where(at_once, carry, moved), cast(Array, sol.event_mask) & ~at_once)

    def _solve(
        self, t0: Array, t1: Array, y: PyTree, held: PyTree, waiting: Waiting | None
    ) -> diffrax.Solution:
        def sample(t: Any, y: PyTree, args: PyTree) -> PyTree:
            return observe(self.record, self.system, t, eqx.combine(y, held))

        end = diffrax.SubSaveAt(t1=True)
        between = diffrax.SubSaveAt(ts=jnp.clip(self.ts, t0, t1), fn=sample)
        return diffrax.diffeqsolve(
            diffrax.ODETerm(Flow(self.system, held)),
            self.solver,
            t0,
            t1,
            None,
            y,
            args=self.drive,
            saveat=diffrax.SaveAt(subs=(end, between)),
            stepsize_controller=self.controller,
            event=None if waiting is None else self._event(t0, y, held, waiting),
            max_steps=MAX_STEPS,
            throw=False,
        )

    def _event(self, t0: Array, y0: PyTree, held: PyTree, waiting: Waiting) -> diffrax.Event:
        """Rises through zero when one neuron more reaches threshold, or one above it falls.

        A root found a rounding error early would be found again: what is above zero at the start
        is subtracted.
        """
        system = cast(SpikingSystem, self.system)

        def condition(t: Any, y: PyTree, args: PyTree, **_: Any) -> Array:
            return jnp.max(_towards(waiting, system.spike_condition(eqx.combine(y, held))))

        passed = jax.lax.stop_gradient(jnp.maximum(condition(t0, y0, self.drive), 0))
        precision = 4 * float(jnp.finfo(self.t1.dtype).eps)
        return diffrax.Event(
            lambda t, y, args, **_: condition(t, y, args) - passed,
            RisingRoot(rtol=precision, atol=precision, flip=False),
            direction=True,
        )

    def _jump(self, carry: _Carry, happened: Any) -> tuple[_Carry, tuple[Array, Array]]:
        """Spike, reset, freeze and release at the end of a stretch."""
        system, waiting = cast(SpikingSystem, self.system), cast(Waiting, carry.waiting)
        before = system.spike_condition(carry.state)
        distance = _towards(waiting, before)
        there = happened & (distance >= jnp.minimum(jnp.max(distance), 0))
        fell = there & waiting.above
        spiked = (there & ~waiting.above) | waiting.lifted
        state = system.reset(carry.state, spiked.astype(before.dtype))
        release = jnp.where(spiked, carry.t + system.refractory_period, waiting.release)
        stays = system.spike_condition(state) >= before
        state = system.freeze(state, release > carry.t)
        above = (waiting.above & ~fell) | (spiked & stays)
        state, arrived = self._receive(state, carry.t, carry.arrived)
        lifted = (system.spike_condition(state) > 0) & (before <= 0) & ~there & ~above
        waiting = Waiting(release, above, lifted)
        carry = carry._replace(state=state, waiting=waiting, arrived=arrived)
        return carry, (jnp.where(spiked.any(), carry.t, jnp.inf), spiked)

    def _solution(
        self, last: _Carry, spikes: EventSpikes | None, overflow: Bool[Array, ""] | bool = False
    ) -> Solution:
        self.meter.close(last.meter)
        finite = all_finite(last.state)
        unfinished = jnp.asarray(overflow) | (last.solved & (last.t < self.t1))
        failure = jnp.select([~finite, ~last.solved, unfinished], [1, 3, 2], 0)
        step = jnp.zeros((), jnp.int32)
        return Solution(
            ts=self.ts,
            recordings=last.samples,
            recorded_spikes=spikes,
            final=RunState(step, last.t, last.state, last.waiting, None),
            steps=last.steps,
            failure=failure,
            about=self.about,
        )


def _where(condition: Array, new: PyTree, old: PyTree) -> PyTree:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), new, old)


def _rows(mask: Array, new: Array, old: Array) -> Array:
    """Rows of `new` where the mask holds, of `old` elsewhere."""
    return jnp.where(mask.reshape(-1, *[1] * (old.ndim - 1)), new, old)


def _towards(waiting: Waiting, condition: Array) -> Array:
    """Below zero on the way to a neuron's next event: to threshold, or back below it."""
    return jnp.where(waiting.above, -condition, condition)
