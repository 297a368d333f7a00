"""The first spike of each neuron, in closed form."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ._closed_form import arriving, closed_form, in_order, offset, repeated
from ._layer import Layer
from ._membrane import Membrane, crossing, flow, peak, response


class FirstSpikes(NamedTuple):
    """`times` (ms) of the first spikes, `inf` for a neuron that is silent to the end; `peaks`, the
    highest potentials until then, `v_threshold` for all that spiked."""

    times: Float[Array, " neurons"]
    peaks: Float[Array, " neurons"]


def first_spikes(
    layer: Layer, times: Float[Array, "*spikes inputs"], t1: float | int | Float[Array, ""]
) -> FirstSpikes:
    """Each neuron's first spike before `t1` (ms), of `CurrentLIF` neurons without recurrence that
    start at rest: no solver, and no loop over spikes.

    `times` (ms) are the inputs' spikes, in any order, one or several for each; `inf` is none. A
    sample at a time: vmap for a batch. Every stretch between two arrivals is tested at its maximum,
    so that no spike is missed, and crossings are exact to rounding.

    Times and peaks have exact first derivatives to times, weights and the neurons' parameters, by
    the implicit function and the envelope theorem. The time of a silent neuron has derivative zero;
    its peak is what can be led to threshold.

    Raises `TypeError` or `ValueError` for a layer that has no closed form or times that do not fit.
    Source: Göltz et al. 2021, Nature Machine Intelligence 3, for learning by first spikes; there
    the time constants are equal or one is twice the other, here they are any.
    """
    neuron, m, weights = closed_form(layer, times)
    if layer.recurrent is not None:
        raise ValueError("layer: first spikes have no closed form where neurons are recurrent.")
    spiked, at, u = _first(m, weights, times, jnp.asarray(t1, times.dtype))
    return FirstSpikes(
        jnp.where(spiked, at, jnp.inf), jnp.where(spiked, neuron.v_threshold, neuron.v_rest + u)
    )


@jax.jit
def _first(m: Membrane, weights: Array, times: Array, end: Array) -> tuple[Array, Array, Array]:
    """Which neurons spike, when, and how far above rest they are then or at their highest."""
    found = _search(*jax.lax.stop_gradient((m, weights, times, end)))
    at = found.at + _moved(found, jnp.append(jnp.where(times < end, times, -1), end))

    def brought(time: Array, weight: Float[Array, " neurons"]) -> Float[Array, " neurons"]:
        came = time < at
        since = jnp.where(came, at - time, 1)
        return jnp.where(came, weight * response(since, m.tau_m, m.tau_syn), 0)

    each = jax.vmap(jax.vmap(brought), in_axes=(0, None))
    u = each(times.reshape(-1, weights.shape[0]), weights).sum((0, 1))
    return found.spiked, found.at - offset(u - m.threshold) / found.slope, u


class _Found(NamedTuple):
    """For each neuron: the time `at` of its first spike and how steep it is (per ms), or the time
    of its maximum, which may be an `edge`: made by an arrival, or by the end."""

    spiked: Bool[Array, " neurons"]
    at: Float[Array, " neurons"]
    slope: Float[Array, " neurons"]
    edge: Bool[Array, " neurons"]


def _search(m: Membrane, weights: Array, times: Array, end: Array) -> _Found:
    """The stretch in which each neuron spikes first, or is highest; then the crossing in it."""
    starts, places = in_order(times, end)
    ends = jnp.append(starts[1:], end)

    def stretch(state: tuple[Array, Array], arrival: tuple[Array, Array]):
        (u, j), (length, jump) = state, arrival
        j = j + jump
        later = flow(m, u, j, length)
        return later, (u, j, later[0])

    rest = jnp.zeros_like(weights[0])
    arrivals = (ends - starts, arriving(places, repeated(weights, times)))
    _, (u, j, u_end) = jax.lax.scan(stretch, (rest, rest), arrivals)
    lengths = ends - starts
    highest = jax.vmap(lambda *stretch: peak(m, *stretch))(u, j, lengths, u_end).u
    above = highest > jnp.broadcast_to(m.threshold, u.shape)
    which = _first_highest(jnp.where(above, jnp.inf, highest))
    u, j, u_end = (jnp.take_along_axis(x, which[None], 0)[0] for x in (u, j, u_end))
    highest = peak(m, u, j, lengths[which], u_end)
    cross = crossing(m, u, j, highest)
    edge = ~cross.crosses & ~highest.inside
    into = jnp.where(cross.crosses, cross.after, highest.after)
    at_edge = jnp.where(highest.after > 0, ends[which], starts[which])
    return _Found(cross.crosses, jnp.where(edge, at_edge, starts[which] + into), cross.slope, edge)


def _first_highest(x: Float[Array, "k neurons"]) -> Int[Array, " neurons"]:
    """As `argmax(0)`, which takes XLA's CPU backend twice as long as two reductions."""
    index = jnp.broadcast_to(jnp.arange(x.shape[0])[:, None], x.shape)
    return jnp.where(x == x.max(0)[None], index, x.shape[0]).min(0)


def _moved(found: _Found, edges: Float[Array, " edges"]) -> Float[Array, " neurons"]:
    """Zero, with the derivative of the edge that a maximum is at (the mean, if there are more)."""
    here = jax.vmap(lambda t: found.edge & (t == found.at))(edges).astype(edges.dtype)
    return offset(edges) @ here / jnp.maximum(here.sum(0), 1)
