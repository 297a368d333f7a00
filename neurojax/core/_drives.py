"""Drives: what is put into a system over time."""

import abc
from collections.abc import Callable
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree

from ._checks import as_parameter, positive
from ._system import Clock, Time


class Drive(eqx.Module):
    """A value over time (ms). Drives add and multiply, with each other and with numbers."""

    @abc.abstractmethod
    def at(self, t: Time) -> Array:
        """The value at time `t`."""

    def on(self, clock: Clock) -> "Array | Drive":
        """The value held during a clock step, or the drive itself where it varies within it."""
        return self

    def __add__(self, other: Any) -> "Drive":
        return _Both(self, as_drive(other), jnp.add)

    def __mul__(self, other: Any) -> "Drive":
        return _Both(self, as_drive(other), jnp.multiply)

    __radd__ = __add__
    __rmul__ = __mul__


class _Both(Drive):
    """Two drives, combined element by element."""

    first: Drive
    second: Drive
    combine: Callable = eqx.field(static=True)

    def at(self, t: Time) -> Array:
        return self.combine(self.first.at(t), self.second.at(t))

    def on(self, clock: Clock) -> Drive:
        return _Both(as_drive(self.first.on(clock)), as_drive(self.second.on(clock)), self.combine)


class Constant(Drive):
    """The same `value` at all times; any shape that the system takes."""

    value: Array = eqx.field(converter=as_parameter, default=0.0)

    def at(self, t: Time) -> Array:
        return self.value


class Function(Drive):
    """`function(t)` at time t (ms)."""

    function: Callable[[Time], Any]

    def at(self, t: Time) -> Array:
        return jnp.asarray(self.function(t))


class Path(Drive):
    """A diffrax path or interpolation, evaluated at t."""

    path: diffrax.AbstractPath

    def at(self, t: Time) -> Array:
        return self.path.evaluate(t)


class Step(Drive):
    """`amplitude` for `start <= t < stop` (ms), 0 otherwise."""

    amplitude: Array = eqx.field(converter=as_parameter, default=1.0)
    start: Array = eqx.field(converter=as_parameter, default=0.0)
    stop: Array = eqx.field(converter=as_parameter, default=jnp.inf)

    def at(self, t: Time) -> Array:
        inside = (_not_before(t, self.start)) & ~(_not_before(t, self.stop))
        return jnp.where(inside, self.amplitude, jnp.zeros_like(self.amplitude))


class Ramp(Drive):
    """From `first` at `start` linearly to `last` at `stop` (ms), constant before and after."""

    first: Array = eqx.field(converter=as_parameter, default=0.0)
    last: Array = eqx.field(converter=as_parameter, default=1.0)
    start: Array = eqx.field(converter=as_parameter, default=0.0)
    stop: Array = eqx.field(converter=as_parameter, default=100.0)

    def __check_init__(self) -> None:
        positive("Ramp", **{"stop - start": self.stop - self.start})

    def at(self, t: Time) -> Array:
        fraction = jnp.clip((t - self.start) / (self.stop - self.start), 0, 1)
        return self.first + (self.last - self.first) * fraction


class Sine(Drive):
    """`offset + amplitude · sin(2π frequency t / 1000 + phase)`; t in ms, frequency in Hz."""

    amplitude: Array = eqx.field(converter=as_parameter, default=1.0)
    frequency: Array = eqx.field(converter=as_parameter, default=10.0)
    phase: Array = eqx.field(converter=as_parameter, default=0.0)
    offset: Array = eqx.field(converter=as_parameter, default=0.0)

    def at(self, t: Time) -> Array:
        angle = 2 * jnp.pi * self.frequency * (t / 1000) + self.phase
        return self.offset + self.amplitude * jnp.sin(angle)


class Series(Drive):
    """Values on the time grid: `values[n]` during step n. Shape `(steps, *shape)`.

    Give `dt` (ms) where the grid is not that of the simulation; the value is then looked up by
    time. Before the first and after the last sample, the nearest is held.
    """

    values: Float[Array, "steps *shape"] = eqx.field(converter=as_parameter)
    dt: float | int | None = eqx.field(static=True, default=None)

    def at(self, t: Time) -> Array:
        if self.dt is None:
            raise ValueError(
                "A Series without its own dt lives on the clock's grid: give Series(values, dt=...)"
                " to use it without a clock (event mode)."
            )
        index = jnp.floor(t / self.dt + 1e-3).astype(jnp.int32)
        return self._sample(index)

    def on(self, clock: Clock) -> Array:
        return self._sample(clock.step) if self.dt is None else self.at(clock.t)

    def _sample(self, index: Int[Array, ""]) -> Array:
        return self.values[jnp.clip(index, 0, self.values.shape[0] - 1)]


class Poisson(Drive):
    """Independent Poisson spike trains of `rate` (Hz): each spike adds `weight` for one step.

    Shape `shape`; drawn anew in each clock step from `key`, so that nothing is stored.
    The number in a step is Poisson distributed with mean `rate · dt / 1000`.
    """

    key: PRNGKeyArray
    rate: Array = eqx.field(converter=as_parameter, default=10.0)
    weight: Array = eqx.field(converter=as_parameter, default=1.0)
    shape: tuple[int, ...] = eqx.field(static=True, default=())

    def at(self, t: Time) -> Array:
        raise ValueError("Poisson draws a number for each clock step: it needs a dt.")

    def on(self, clock: Clock) -> Array:
        mean = self.rate * (clock.dt / 1000)
        return _poisson(jr.fold_in(self.key, clock.step), mean, self.shape) * self.weight


# Up to this mean, counts are found by inversion: more than so many have a chance of 1e-8.
INVERTED_MEAN, MOST_COUNTED = 10.0, 32


def _poisson(key: PRNGKeyArray, mean: Array, shape: tuple[int, ...]) -> Float[Array, "..."]:
    """Poisson counts. By inversion of their distribution they take a tenth of the time of
    `jr.poisson`, which loops until the last element is done."""

    def inverted() -> Array:
        u = jr.uniform(key, shape, mean.dtype)
        chance = below = jnp.exp(-mean)
        count = jnp.zeros(shape, mean.dtype)
        for k in range(1, MOST_COUNTED):
            count = count + (u >= jnp.broadcast_to(below, shape)).astype(mean.dtype)
            chance = chance * mean / k
            below = below + chance
        return count

    few = jnp.max(mean) <= INVERTED_MEAN
    return jax.lax.cond(few, inverted, lambda: jr.poisson(key, mean, shape).astype(mean.dtype))


class Arrivals(Drive):
    """Spikes that arrive at `times` (ms, any order), each with its `weights`: the incoming ones of
    `simulate`. Shapes `(k,)` and `(k, *shape)`.

    On a clock they arrive in the step they fall in. By events they arrive at their times, and the
    run can be differentiated in times and weights; of several at one time the first has all of the
    derivative with respect to it.
    """

    times: Float[Array, " k"] = eqx.field(converter=as_parameter)
    weights: Float[Array, "k *shape"] = eqx.field(converter=as_parameter)

    def __check_init__(self) -> None:
        if self.times.ndim != 1 or self.weights.shape[:1] != self.times.shape:
            raise ValueError(
                f"Arrivals: times of shape {self.times.shape} need weights with as many rows, "
                f"got shape {self.weights.shape}."
            )

    def at(self, t: Time) -> Array:
        raise ValueError("Arrivals are events: they can be incoming spikes, not a drive.")

    def on(self, clock: Clock) -> Array:
        return self.total(clock.steps(self.times) == clock.step)

    def total(self, chosen: Bool[Array, " k"]) -> Array:
        """The summed weights of the chosen ones."""
        return jnp.tensordot(chosen.astype(self.weights.dtype), self.weights, 1)

    def in_order(self) -> "Arrivals":
        """The same, sorted by time."""
        order = jnp.argsort(self.times)
        return Arrivals(self.times[order], self.weights[order])


def ornstein_uhlenbeck(
    key: PRNGKeyArray,
    *,
    t1: float | int,
    dt: float | int,
    mean: float | int | Array = 0.0,
    sigma: float | int | Array = 1.0,
    tau: float | int | Array = 10.0,
    shape: tuple[int, ...] = (),
) -> Series:
    """A sample path of `tau dx = (mean − x) dt + sigma √(2 tau) dW` as a Series on the grid of dt.

    `sigma` is the stationary standard deviation, `tau` the correlation time (ms). Starts in the
    stationary distribution; exact in distribution at every grid point (Gillespie 1996).
    """
    positive("ornstein_uhlenbeck", tau=tau, dt=dt, t1=t1)
    start, kicks = jr.normal(key, shape), jr.normal(jr.fold_in(key, 1), (round(t1 / dt), *shape))
    decay = jnp.exp(-dt / jnp.asarray(tau, kicks.dtype))

    def step(x: Array, kick: Array) -> tuple[Array, Array]:
        return decay * x + jnp.sqrt(1 - decay**2) * kick, x

    _, path = jax.lax.scan(step, start, kicks)
    return Series(mean + sigma * path)


def as_drive(x: Any) -> Drive:
    """A drive from a number, an array (constant), a function of time or a diffrax path."""
    if isinstance(x, Drive):
        return x
    if isinstance(x, diffrax.AbstractPath):
        return Path(x)
    if callable(x) and not isinstance(x, jax.Array):
        return Function(x)
    return Constant(x)


def is_timed(x: Any) -> bool:
    """Whether `x` says a value over time, rather than being one."""
    return isinstance(x, Drive | diffrax.AbstractPath) or (
        callable(x) and not isinstance(x, eqx.Module)
    )


def resolved(drive: PyTree) -> PyTree:
    """The drive with every part either an array or a `Drive`."""
    return jax.tree.map(
        lambda x: as_drive(x) if is_timed(x) else as_drive(x).at(0.0), drive, is_leaf=is_timed
    )


def held(drive: PyTree, clock: Clock) -> PyTree:
    """The drive during a clock step: arrays where it is held, drives where it varies within."""
    return jax.tree.map(
        lambda x: x.on(clock) if isinstance(x, Drive) else x, drive, is_leaf=is_timed
    )


def is_held(drive: PyTree) -> bool:
    """Whether a part of the drive is held in each clock step, and so may jump between two."""
    parts = jax.tree.leaves(
        drive, is_leaf=lambda x: isinstance(x, Drive) and not isinstance(x, _Both)
    )
    return any(isinstance(x, Drive) and type(x).on is not Drive.on for x in parts)


def value_at(drive: PyTree, t: Time) -> PyTree:
    """The value of a resolved drive at time t."""
    return jax.tree.map(lambda x: x.at(t) if isinstance(x, Drive) else x, drive, is_leaf=is_timed)


def _not_before(t: Time, edge: Array) -> Array:
    """`t >= edge` but for rounding in t = n·dt."""
    slack = 8 * jnp.finfo(edge.dtype).eps * jnp.maximum(jnp.abs(jnp.nan_to_num(edge)), 1)
    return t >= edge - slack
