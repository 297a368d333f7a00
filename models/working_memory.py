"""Recurrent networks of spiking neurons that hold something in mind, with adaptation and without.

Each spike raises the threshold of its neuron, and that decays in a second, where membranes forget
in some 20 ms: what was seen is remembered as who is harder to excite. The twin of leaky
integrate-and-fire neurons has the same weights, and only its activity to remember by.

Source: Bellec et al. 2018, NeurIPS 31 (LSNN), but that all neurons adapt and resets are soft; Salaj
et al. 2021, eLife 10:e65459, for memory in neurons that fell silent.
"""

import math
from collections.abc import Sequence
from typing import final

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray, Shaped

import neurojax as nj
from neurojax.spiking import NetworkRun, Node, Previous, SpikingNetwork, run, triangle

TAU_M = 20.0
"""Of all membranes, in ms."""
TAU_THETA = 1000.0
"""Of adaptive thresholds, in ms."""
DELTA_THETA = 0.05
"""What a spike raises a threshold of 1 by; in steps of 5 ms, a β of 10 of Bellec et al."""
SURROGATE = triangle(dampening=0.5)


@final
class RecurrentClassifier(eqx.Module):
    """A network that takes spikes in steps of `dt` ms; its answer is that of the last `answer`
    steps."""

    network: SpikingNetwork
    dt: float = eqx.field(static=True)
    answer: int = eqx.field(static=True)

    def respond(
        self, spikes: Shaped[Array, "samples time inputs"], record: Sequence[str] = ()
    ) -> NetworkRun:
        """The readout's potentials over time, and what is recorded of "units", time first."""
        return run(self.network, jnp.moveaxis(spikes, 1, 0), dt=self.dt, record=record)

    def answers(
        self, potentials: Float[Array, "time samples classes"]
    ) -> Float[Array, "samples classes"]:
        """Logits: means of the readout's potentials."""
        return potentials[-self.answer :].mean(0)

    def logits(
        self, spikes: Shaped[Array, "samples time inputs"]
    ) -> Float[Array, "samples classes"]:
        return self.answers(self.respond(spikes).output)


def adaptive(
    widths: tuple[int, int, int], dt: float, answer: int, key: PRNGKeyArray
) -> RecurrentClassifier:
    """Inputs, units whose thresholds adapt, and classes."""
    units = nj.neurons.AdaptiveLIF(
        tau_m=TAU_M,
        resistance=_resistance(dt),
        tau_theta=TAU_THETA,
        delta_theta=DELTA_THETA,
        soft_reset=True,
        surrogate=SURROGATE,
    )
    return _classifier(widths, units, dt, answer, key)


def leaky(
    widths: tuple[int, int, int], dt: float, answer: int, key: PRNGKeyArray
) -> RecurrentClassifier:
    """The twin of `adaptive` whose thresholds are fixed, of the same weights for the same key."""
    units = nj.LIF(tau_m=TAU_M, resistance=_resistance(dt), soft_reset=True, surrogate=SURROGATE)
    return _classifier(widths, units, dt, answer, key)


def _classifier(
    widths: tuple[int, int, int], neurons: nj.System, dt: float, answer: int, key: PRNGKeyArray
) -> RecurrentClassifier:
    inputs, units, classes = widths
    keys = jr.split(key, 3)
    readout = nj.neurons.LeakyIntegrator(tau_m=TAU_M, resistance=_resistance(dt))
    network = SpikingNetwork(
        {
            "forward": Node(_drawn(inputs, units, 2.0, keys[0]), "input"),
            "recurrent": Node(_drawn(units, units, 1.0, keys[1]), Previous("units")),
            "units": Node(neurons, "forward", "recurrent"),
            "outward": Node(_drawn(units, classes, 1.0, keys[2]), "units"),
            "readout": Node(readout, "outward"),
        },
        "readout",
    )
    return RecurrentClassifier(network, dt, answer)


def _resistance(dt: float) -> float:
    """With it a spike moves the potential by the weight that it comes through."""
    return 1 / (1 - math.exp(-dt / TAU_M))


def _drawn(inputs: int, outputs: int, scale: float, key: PRNGKeyArray) -> eqx.nn.Linear:
    """Weights of a normal distribution, of which the sum of squares into a unit is `scale²`."""
    layer = eqx.nn.Linear(inputs, outputs, use_bias=False, key=key)
    weight = scale * inputs**-0.5 * jr.normal(key, layer.weight.shape)
    return eqx.tree_at(lambda m: m.weight, layer, weight)
