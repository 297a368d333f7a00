"""All spikes of a layer, in closed form.

A loop from event to event (a spike or an arrival) finds times and order, without derivatives. Then
one scan takes the same course again with these times held; an event's own time is the held one and
an offset that is zero in value, and has the derivative. So the loop ends with its last event, and
no search is differentiated.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ...core import is_known
from ._closed_form import arriving, closed_form, in_order, offset, repeated, scaled
from ._layer import Layer
from ._membrane import Membrane, crossing, flow, peak


class SpikeTimes(NamedTuple):
    """`times[k]` (ms) are the neurons' k-th spikes, `inf` for neurons with fewer; `complete` is
    False where the run ended before its time, with more than `max_spikes`."""

    times: Float[Array, "max_spikes neurons"]
    complete: Bool[Array, ""]


def spike_times(
    layer: Layer,
    times: Float[Array, "*spikes inputs"],
    t1: float | int | Float[Array, ""],
    max_spikes: int,
) -> SpikeTimes:
    """The spikes before `t1` (ms) of `CurrentLIF` neurons that start at rest, by no solver.

    `times` (ms) are the inputs' spikes, in any order, one or several for each; `inf` is none. A
    sample at a time: vmap for a batch. `max_spikes` is the most that a neuron of a feed-forward
    layer has; where neurons are recurrent, the most that the layer has (those at one time are one).

    Spikes are exact to rounding, and so are their first derivatives (implicit function theorem) to
    times, weights and the neurons' parameters.

    Raises `TypeError` or `ValueError` for a layer that has no closed form or arguments that do not
    fit, and `RuntimeError` when there were more spikes; inside jit, where nothing can be raised,
    `complete` says so.
    Source: Wunderlich & Pehle 2021, Scientific Reports 11:12829: its adjoint is the reverse of the
    scan.
    """
    if max_spikes < 1:
        raise ValueError(f"max_spikes must be at least 1, got {max_spikes}.")
    neuron, m, weights = closed_form(layer, times)
    recurrent = layer.recurrent
    if recurrent is not None:
        recurrent = scaled(recurrent, neuron.resistance)
    found = _spikes(m, weights, recurrent, times, jnp.asarray(t1, times.dtype), max_spikes)
    if is_known(found.complete) and not bool(jnp.all(found.complete)):
        raise RuntimeError(f"spike_times: there were more than max_spikes={max_spikes} spikes.")
    return found


@partial(jax.jit, static_argnames="most")
def _spikes(
    m: Membrane, weights: Array, recurrent: Array | None, times: Array, end: Array, most: int
) -> SpikeTimes:
    """Neuron by neuron where they are not recurrent: each has a clock of its own then."""
    m = jax.tree.map(lambda x: jnp.broadcast_to(x, weights.shape[1:]), m)
    ordered, places = in_order(times, end)
    ordered = jax.lax.stop_gradient(jnp.append(ordered, end))
    weights = repeated(weights, times)
    moments = offset(jnp.where(times < end, times, 0).reshape(-1, 1)) * weights
    weights, moments = arriving(places, weights), arriving(places, moments)

    def run(m: Membrane, weights: Array, moments: Array) -> SpikeTimes:
        fixed = jax.lax.stop_gradient((m, weights, recurrent))
        events, complete = _search(ordered, *fixed, most)
        spikes = _course(m, weights, moments, recurrent, events)
        return SpikeTimes(jnp.sort(spikes, axis=0)[:most], complete)

    if recurrent is not None:
        return run(m, weights, moments)
    alone = jax.tree.map(lambda x: x[..., None], (m, weights, moments))
    found = jax.vmap(run, in_axes=(0, 1, 1))(*alone)
    return SpikeTimes(found.times[..., 0].T, found.complete.all())


class _Events(NamedTuple):
    """What happened at `times`: the spikes marked, with their slopes (per ms), or else arrival
    number `arrival`; that past the last is the end of the run."""

    times: Float[Array, " events"]
    arrival: Int[Array, " events"]
    spikes: Bool[Array, "events neurons"]
    slopes: Float[Array, "events neurons"]


class _Searching(NamedTuple):
    """`release` (ms): the end of each neuron's refractory period."""

    t: Float[Array, ""]
    u: Float[Array, " neurons"]
    j: Float[Array, " neurons"]
    release: Float[Array, " neurons"]
    arrived: Int[Array, ""]
    events: _Events
    happened: Int[Array, ""]


def _search(
    arrivals: Float[Array, " arrivals"],
    m: Membrane,
    weights: Float[Array, "k neurons"],
    recurrent: Float[Array, "neurons neurons"] | None,
    most: int,
) -> tuple[_Events, Bool[Array, ""]]:
    """A layer's events by one clock, and whether they are all; the last arrival is the end."""
    last = arrivals.size - 1
    length, end = arrivals.size + most, arrivals[last]
    rest = jnp.zeros_like(m.reset)

    def step(s: _Searching) -> _Searching:
        until = arrivals[s.arrived]
        lag = jnp.clip(s.release - s.t, 0, until - s.t)
        j = s.j * jnp.exp(-lag / m.tau_syn)
        free = until - s.t - lag
        highest = peak(m, s.u, j, free, flow(m, s.u, j, free)[0])
        cross = crossing(m, s.u, j, highest)
        after = jnp.where(cross.crosses, lag + cross.after, jnp.inf)
        soonest = after.min()
        spikes = cross.crosses & (after == soonest)
        spiking = spikes.any()

        t = jnp.where(spiking, s.t + soonest, until)
        u, j = _after_lag(m, s.u, s.j, jnp.minimum(lag, t - s.t), t - s.t)
        j = j + jnp.where(spiking, _from(spikes, recurrent), weights[s.arrived])
        event = _Events(t, jnp.where(spiking, last, s.arrived), spikes, cross.slope)
        return _Searching(
            t,
            jnp.where(spikes, m.reset, u),
            j,
            jnp.where(spikes, t + m.refractory, s.release),
            jnp.where(spiking, s.arrived, s.arrived + 1),
            jax.tree.map(lambda kept, new: kept.at[s.happened].set(new), s.events, event),
            s.happened + 1,
        )

    events = _Events(
        jnp.full(length, end),
        jnp.full(length, last),
        jnp.zeros((length, rest.size), bool),
        jnp.ones((length, rest.size), rest.dtype),
    )
    zero = jnp.zeros_like(end)
    start = _Searching(zero, rest, rest, rest, jnp.array(0), events, jnp.array(0))
    s = jax.lax.while_loop(lambda s: (s.t < end) & (s.happened < length), step, start)
    return s.events, (s.t >= end) & (s.events.spikes.any(1).sum() <= most)


def _course(
    m: Membrane,
    weights: Float[Array, "k neurons"],
    moments: Float[Array, "k neurons"],
    recurrent: Float[Array, "neurons neurons"] | None,
    events: _Events,
) -> Float[Array, "events neurons"]:
    """The times of the spikes, `inf` where there is none, differentiable in all but the events.

    `weights` arrive at a time plus an offset that is zero in value, `moments` are their products.
    """

    def step(state: tuple, event: tuple) -> tuple[tuple, Array]:
        (t, u, j, release, held), ((now, _, spikes, slopes), weight, moment) = state, event
        lag = jnp.where(held, jnp.where(release <= now, release - t, now - t), 0)
        u, j = _after_lag(m, u, j, lag, now - t)
        spike = now - jnp.where(spikes, offset(u - m.threshold) / slopes, 0)
        u = jnp.where(spikes, m.reset, u)
        release = jnp.where(spikes, spike + m.refractory, release)
        held = spikes | (held & (release > now))

        # Seen from now, what arrives at now + offset.
        weight = weight + _from(spikes, recurrent)
        moment = moment + _from(jnp.where(spikes, spike - now, 0), recurrent)
        j = j + weight + moment / m.tau_syn
        u = u - jnp.where(held, 0, moment / m.tau_m)
        return (now, u, j, release, held), jnp.where(spikes, spike, jnp.inf)

    rest = jnp.zeros_like(m.reset)
    start = (jnp.zeros_like(events.times[0]), rest, rest, rest, jnp.zeros(rest.shape, bool))
    arrived = (_at(weights, events.arrival), _at(moments, events.arrival))
    return jax.lax.scan(step, start, (events, *arrived))[1]


def _at(rows: Array, index: Array) -> Array:
    """The rows at `index`, zero past the last."""
    return jnp.concatenate([rows, jnp.zeros_like(rows[:1])])[index]


def _after_lag(m: Membrane, u: Array, j: Array, lag: Array, s: Array) -> tuple[Array, Array]:
    """Potential and current a time `s` later, the potential held for the first `lag` of it."""
    u, _ = flow(m, u, j * jnp.exp(-lag / m.tau_syn), s - lag)
    return u, j * jnp.exp(-s / m.tau_syn)


def _from(spikes: Array, recurrent: Array | None) -> Array | float:
    """What spikes bring through recurrent weights."""
    return 0.0 if recurrent is None else spikes.astype(recurrent.dtype) @ recurrent
