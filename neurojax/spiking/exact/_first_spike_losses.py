"""Losses of first spikes."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ._closed_form import closed_form
from ._first_spikes import FirstSpikes
from ._layer import Layer


def first_spike_cross_entropy(
    times: Float[Array, " classes"],
    label: Int[Array, ""],
    t1: float | int,
    tau: float | int,
) -> Float[Array, ""]:
    """How surprising the label is when the class whose neuron spikes first is the likeliest:
    cross-entropy of the logits `−t / tau`. A silent neuron counts as one that spikes at `t1`.

    A sample at a time: vmap for a batch. Times in ms; `tau` is the lead that makes a class e times
    as likely. Source: Göltz et al. 2021, Nature Machine Intelligence 3; without their term for
    early spikes.
    """
    return -jax.nn.log_softmax(-jnp.minimum(times, t1) / tau)[label]


def shortfall(
    layer: Layer, times: Float[Array, " inputs"], found: FirstSpikes
) -> Float[Array, " neurons"]:
    """How far each neuron's highest potential stays below threshold, in units of the way from rest
    to threshold; 0 for a neuron that spikes. `times` are the inputs' spikes, `found` what
    `first_spikes` made of them.

    A spike that vanishes takes its derivative with it. This one goes on, and leads silent neurons
    back. The potential of a neuron that is only inhibited is highest at rest, where it has no
    derivative: the sum of what arrives (the integral of the potential, but for a factor) is then
    counted as well, as far as it is below zero.
    """
    neuron, m, weights = closed_form(layer, times)
    below = jnp.maximum(neuron.v_threshold - found.peaks, 0)
    arrived = jnp.isfinite(times).astype(weights.dtype) @ weights
    never_lifted = found.peaks <= neuron.v_rest
    return (below + jnp.where(never_lifted, jnp.maximum(-arrived, 0), 0)) / m.threshold
