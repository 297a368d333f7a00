"""A neuron that is reset where the recording spikes, and the loss of what it does in between."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

import neurojax as nj
from experiments.fit_neuron.cells import Cell
from experiments.fit_neuron.traces import OWN, Targets

VOLTAGE_SCALE = 4.0  # mV
INTERVAL_SCALE = (0.5, 0.05)  # ms, and of the interval: about as irregular as recordings are
INTERVAL_WEIGHT = 0.3
TRAIN_SCALE = 4.0  # ms: the window in which spikes coincide
LONGEST = 60.0  # ms: an error beyond is one spike missing or too many, not a matter of time
NODES = 48
SLOWEST = 0.02  # mV/ms


class Forced(nj.SpikingSystem):
    """`neuron` under teacher forcing: its arriving spikes say what happens in each step (`OWN`,
    `HELD`, `SPIKE`). Its voltage stays at v_peak where it waits."""

    neuron: Any

    @property
    def refractory(self) -> Array:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.neuron.refractory

    @property
    def surrogate(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.neuron.surrogate

    def initial_state(self, key: Any = None) -> Any:
        return self.neuron.initial_state(key)

    def vector_field(self, t: Any, state: Any, drive: Any) -> Any:
        return self.neuron.vector_field(t, state, drive)

    def spike_condition(self, state: Any) -> Float[Array, "*shape"]:
        return self.neuron.spike_condition(state)

    def reset(self, state: Any, spikes: Float[Array, "*shape"]) -> Any:
        return self.neuron.reset(state, spikes)

    def receive(self, state: Any, incoming: Any) -> Any:
        return state

    def jump(self, clock: nj.core.Clock, state: Any, incoming: Any, key: Any) -> tuple[Any, Array]:
        own = (self.neuron.spike_condition(state) > 0).astype(state.v.dtype)
        spikes = jnp.where(incoming == OWN, own, incoming)
        state = state._replace(v=jnp.minimum(state.v, self.neuron.v_peak))
        state = self.neuron.reset(state, spikes)
        frozen = jnp.where(spikes > 0, clock.steps(self.neuron.refractory), state.frozen) - 1
        return state._replace(frozen=jnp.maximum(frozen, 0)), spikes


def loss(
    cell: Cell, unit: Float[Array, "parameter lane"], data: Targets, dt: float, slack: float | None
) -> Float[Array, " lane"]:
    """The sum of squared residuals of each lane."""
    return (residuals(cell, unit, data, dt, slack) ** 2).sum(axis=0)


def residuals(
    cell: Cell, unit: Float[Array, "parameter lane"], data: Targets, dt: float, slack: float | None
) -> Float[Array, "residual lane"]:
    """Of the voltage between spikes, and with a `slack` of when they come: of each interval, and of
    the sum of a train's intervals so far, which is how late its spikes would come if they were not
    put right one by one. `slack` widens the scales of both.

    Robust: squared, they are √(1 + x²) − 1 of the voltage and log(1 + x²) of times, each kind in
    the mean.
    """
    neuron = cell.neuron(unit)
    states = teacher_forced(neuron, data, dt)
    x = (states.v - data.voltage[:, None]) / VOLTAGE_SCALE
    share = jnp.sqrt(data.compared / data.compared.sum())
    voltage = share[:, None] * x / jnp.sqrt(jnp.sqrt(1 + x**2) + 1)
    if slack is None:
        return voltage
    late = lateness(cell, neuron, states, data, dt)
    length = (data.end - data.begin).astype(late.dtype) * dt
    scale = slack * (INTERVAL_SCALE[0] + INTERVAL_SCALE[1] * length)
    intervals = log_robust(late / scale[:, None])
    trains = log_robust(data.burst @ (LONGEST * jnp.tanh(late / LONGEST)) / (slack * TRAIN_SCALE))
    count = len(late) ** 0.5
    return jnp.concatenate([voltage, INTERVAL_WEIGHT**0.5 / count * intervals, trains / count])


def log_robust(x: Array) -> Array:
    """`√log(1 + x²)` with the sign of x, smooth through 0."""
    small = jnp.abs(x) < 1e-3
    safe = jnp.where(small, 1.0, x)
    return jnp.where(small, x, jnp.sign(safe) * jnp.sqrt(jnp.log1p(safe**2)))


def teacher_forced(neuron: Any, data: Targets, dt: float) -> Any:
    """The neuron's state at the start of each step, [step, lane]."""
    solution = nj.simulate(
        Forced(neuron),
        nj.Series(data.current),
        incoming=nj.Series(data.forced),
        t1=len(data.current) * dt,
        dt=dt,
        record={name: name for name in neuron.initial_state()._fields},
        state=start(neuron, data),
    )
    return jax.lax.optimization_barrier(neuron.initial_state()._replace(**solution.recordings))


def start(neuron: Any, data: Targets) -> Any:
    """At rest but for the voltage, which is the recording's first."""
    return neuron.initial_state()._replace(v=jnp.broadcast_to(data.voltage[0], neuron.shape))


def lateness(
    cell: Cell, neuron: Any, states: Any, data: Targets, dt: float
) -> Float[Array, "window lane"]:
    """By how much (ms) the neuron's next spike comes after each recorded one, if it is reset by the
    spike before; negative where it comes early. In a silence, only how early it comes.

    It is followed to its spike, or to the recorded one where that is first; a spike of its own is
    taken from the start of its upstroke. From there on `∫ dv / (dv/dt)` to v_peak, the rest of the
    state held, is the time that is left: smooth in the parameters, unlike the step in which a
    threshold is crossed.
    """
    count = len(states.v)
    steps = jnp.arange(count)[:, None]
    spiked = (states.v >= neuron.v_peak) | (states.frozen > 0)
    first = jax.lax.cummin(jnp.where(spiked, steps, count), axis=0, reverse=True)
    onset = jax.vmap(lambda state: cell.onset(neuron, state))(states)
    before = jax.lax.cummax(jnp.where(states.v < onset, steps, 0), axis=0)
    own = first[data.begin]
    upstroke = jnp.take_along_axis(before, jnp.maximum(own, 1) - 1, axis=0)
    end, begin = data.end[:, None], data.begin[:, None]
    step = jnp.where(own <= end, jnp.maximum(upstroke, begin), end)
    at = jax.tree.map(lambda x: jnp.take_along_axis(x, step, axis=0), states)
    at = at._replace(frozen=jnp.zeros_like(step))
    left = jax.vmap(lambda state, current: time_left(neuron, state, current))(
        at, data.current[step]
    )
    late = (step - end).astype(left.dtype) * dt + left
    return jnp.where(data.spikes[:, None], late, jnp.minimum(late, 0))


def time_left(neuron: Any, state: Any, current: Float[Array, " lane"]) -> Float[Array, " lane"]:
    """Time (ms) for v to rise to v_peak with the rest of the state held, by the midpoint rule.

    Where v would stop on the way it creeps on, at about `SLOWEST`: the slope then still tells which
    way the parameters must move.
    """
    low = jnp.minimum(state.v, neuron.v_peak - 0.01)

    def pace(fraction: Float[Array, ""]) -> Float[Array, " lane"]:
        v = low + (neuron.v_peak - low) * fraction
        rate = neuron.vector_field(0.0, state._replace(v=v), current).v
        return 1 / (SLOWEST * jax.nn.softplus(rate / SLOWEST) + SLOWEST / 20)

    nodes = (jnp.arange(NODES, dtype=low.dtype) + 0.5) / NODES
    return (neuron.v_peak - low) * jax.vmap(pace)(nodes).mean(axis=0)
