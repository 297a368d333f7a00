"""Through time by the clock: a fixed grid, a solver step and a jump for each."""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, PRNGKeyArray, PyTree

from ._convolutions import with_fast_convolutions
from ._drives import Series, held as held_drive, is_held, is_timed, value_at
from ._recording import RASTER, SPIKES, Record, Reduction, emits, observe, spikes_kept
from ._scan import scan
from ._solution import ClockSpikes, RunState, Solution, all_finite
from ._stepper import Stepper
from ._system import Clock, System

NOTHING = (None, None)
Until = Callable[[Any, PyTree, PyTree], Bool[Array, ""]]


class _Carry(NamedTuple):
    first: Array
    step: Array
    state: PyTree
    solver_state: PyTree
    solved: Array
    reduced: PyTree
    meter: PyTree


class ClockRun(eqx.Module):
    """One clocked run: what does not change from step to step.

    `rows` has what is known of drive and incoming in each step, by `rows_of`.
    """

    stepper: Stepper
    drive: PyTree
    incoming: PyTree
    rows: tuple[PyTree, PyTree]
    record: Record
    key: PRNGKeyArray | None
    meter: diffrax.AbstractProgressMeter
    dt: float = eqx.field(static=True)
    steps: int = eqx.field(static=True)
    every: int = eqx.field(static=True)
    about: str = eqx.field(static=True)

    @property
    def system(self) -> System:
        return self.stepper.system

    def __call__(self, start: RunState) -> Solution:
        """All steps, recorded."""
        carry = self._start(start)
        blocks, rest = divmod(self.steps, self.every)
        whole = blocks * self.every
        in_blocks = self.rows
        if self.every > 1:
            in_blocks = jax.tree.map(
                lambda x: x[:whole].reshape(blocks, self.every, *x.shape[1:]), self.rows
            )
        carry, (samples, bits) = scan(self._block, carry, in_blocks, blocks)
        bits = jax.tree.map(lambda x: x.reshape(-1, x.shape[-1]), bits)
        if rest:
            last_rows = jax.tree.map(lambda x: x[whole:], self.rows)
            carry, (last, last_bits) = self._block(carry, last_rows, rest)
            samples = jax.tree.map(lambda a, b: jnp.concatenate([a, b[None]]), samples, last)
            bits = jax.tree.map(
                lambda a, b: jnp.concatenate([a, b.reshape(-1, b.shape[-1])]), bits, last_bits
            )
        grid = start.step + self.every * jnp.arange(blocks + (rest > 0), dtype=start.step.dtype)
        spikes = None
        if bits is not None:
            spikes = self._spikes(start, bits)
        return self._solution(start, carry, Clock(grid, self.dt).t, samples, spikes)

    def _spikes(self, start: RunState, bits: PyTree) -> PyTree:
        """Of the system, or of each population."""
        emitted, stamp = self._emitted(start), cast(Any, getattr(self.system, "spike_stamp", 0))
        if not isinstance(bits, dict):
            return ClockSpikes(bits, start.step, self.dt, emitted.shape, stamp)
        return {
            name: ClockSpikes(x, start.step, self.dt, emitted[name].shape, stamp[name])
            for name, x in bits.items()
        }

    def until(self, start: RunState, condition: Until) -> Solution:
        """Steps until `condition(t, state, rate)` holds at a step's end, `steps` at the most."""

        def going(carry: tuple[_Carry, Array]) -> Array:
            now, stop = carry
            return ~stop & (now.step < start.step + self.steps)

        def one(carry: tuple[_Carry, Array]) -> tuple[_Carry, Array]:
            before, _ = carry
            after, _ = with_fast_convolutions(self._step)(before, NOTHING)
            change = jax.tree.map(
                lambda flows, a, b: (a - b) / self.dt if flows else None,
                self.stepper.flows,
                after.state,
                before.state,
            )
            return after, condition(Clock(after.step, self.dt).t, after.state, change)

        carry, _ = jax.lax.while_loop(going, one, (self._start(start), jnp.array(False)))
        return self._solution(start, carry, jnp.zeros(0), {}, None)

    def _start(self, start: RunState) -> _Carry:
        emitted = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), self._emitted(start))
        reduced = {n: r.init(start.state, emitted) for n, r in self._reductions().items()}
        clock = Clock(jnp.asarray(start.step), self.dt)
        solver_state = self.stepper.renewed(
            clock,
            start.state,
            held_drive(self.drive, clock),
            self._noise(clock.step),
            start.solver_state,
        )
        meter = self.meter.init()
        first = clock.step
        return _Carry(first, first, start.state, solver_state, jnp.array(True), reduced, meter)

    def _block(
        self, carry: _Carry, rows: PyTree, steps: int | None = None
    ) -> tuple[_Carry, tuple[dict, PyTree]]:
        """A sample at the start, then `steps` steps, each with its row, or one step with the only
        row; spikes of each of them."""
        steps = self.every if steps is None else steps
        t = Clock(carry.step, self.dt).t
        samples = observe(self.record, self.system, t, carry.state)
        if self.every == 1:
            carry, out = self._step(carry, rows)
        else:
            carry, out = scan(self._step, carry, rows, steps)
            out[RASTER] = jax.tree.map(lambda x: x.sum(0), out[RASTER])
        raster = {n: out[RASTER] for n, what in self.record.items() if what == RASTER}
        return carry, (samples | raster, out[SPIKES])

    def _step(self, carry: _Carry, row: tuple[PyTree, PyTree]) -> tuple[_Carry, dict]:
        """One solver step and the jump at its end; `row` has this step's values of Series."""
        clock = Clock(carry.step, self.dt)
        # A slope kept from the last step holds neither after a reset nor under a new drive.
        jumped = emits(self.system) or is_held(self.drive)
        drive, noise = _held(self.drive, clock, row[0]), self._noise(clock.step)
        state, solver_state, solved = self.stepper(
            clock, carry.state, drive, noise, carry.solver_state, jumped
        )
        state, emitted = self._jump(carry.step, state, row[1])
        t = clock.t
        reduced = {
            name: reduction.update(carry.reduced[name], t, self.dt, state, emitted)
            for name, reduction in self._reductions().items()
        }
        kept = {
            SPIKES: spikes_kept(self.record, emitted),
            RASTER: emitted if RASTER in self.record.values() else None,
        }
        solved = carry.solved & solved
        done = (carry.step + 1 - carry.first).astype(t.dtype) / self.steps
        meter = self.meter.step(carry.meter, done)
        moved = _Carry(carry.first, carry.step + 1, state, solver_state, solved, reduced, meter)
        return moved, kept

    def _jump(self, step: Array, state: PyTree, row: PyTree = None) -> tuple[PyTree, PyTree]:
        clock = Clock(step, self.dt)
        incoming = value_at(_held(self.incoming, clock, row), clock.t)
        return self.system.jump(clock, state, incoming, self._key(step, 1))

    def _emitted(self, start: RunState) -> PyTree:
        """Shapes and dtypes of what the system emits in a step."""
        return jax.eval_shape(lambda: self._jump(start.step, start.state))[1]

    def _noise(self, step: Array) -> PRNGKeyArray | None:
        return self._key(step, 0) if self.stepper.stochastic else None

    def _key(self, step: Array, purpose: int) -> PRNGKeyArray | None:
        return None if self.key is None else jr.fold_in(jr.fold_in(self.key, step), purpose)

    def _reductions(self) -> dict[str, Reduction]:
        return {name: r for name, r in self.record.items() if isinstance(r, Reduction)}

    def _solution(
        self, start: RunState, carry: _Carry, ts: Array, samples: dict, spikes: PyTree
    ) -> Solution:
        self.meter.close(carry.meter)
        t = Clock(carry.step, self.dt).t
        final = RunState(carry.step, t, carry.state, carry.solver_state, self.key)
        return Solution(
            ts=ts,
            recordings=samples | carry.reduced,
            recorded_spikes=spikes,
            final=final,
            steps=carry.step - start.step,
            failure=jnp.where(all_finite(carry.state), jnp.where(carry.solved, 0, 3), 1),
            about=self.about,
        )


def rows_of(drive: PyTree, first: int, steps: int) -> PyTree:
    """Of a drive, what is a Series on the clock's grid: a row for each step; None for the rest. A
    loop has no better way to take them, nor to give their gradient."""

    def rows(x: Any) -> Array | None:
        if not isinstance(x, Series) or x.dt is not None:
            return None
        if first + steps <= len(x.values):
            return x.values[first : first + steps]
        return x.values[np.clip(first + np.arange(steps), 0, len(x.values) - 1)]

    return jax.tree.map(rows, drive, is_leaf=is_timed)


def _held(drive: PyTree, clock: Clock, row: PyTree) -> PyTree:
    """The drive during a clock step, of which `row` has what is known already."""
    if row is None:
        return held_drive(drive, clock)
    return jax.tree.map(
        lambda x, known: held_drive(x, clock) if known is None else known,
        drive,
        row,
        is_leaf=lambda x: x is None or is_timed(x),
    )
