"""Recurrent networks of spiking neurons that hold something in mind, with adaptation and without.

A spike raises its neuron's threshold, which decays over about a second: what was seen remains
as excitability while membranes have long forgotten it (Bellec et al. 2018, NeurIPS 31, LSNN;
Salaj et al. 2021, eLife 10:e65459). The twin of leaky integrate-and-fire neurons has the same
weights, and only its activity to remember by.
"""

import math
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
"""Of the thresholds, in ms."""


@final
class RecurrentClassifier(eqx.Module):
    """A network that reads spikes in steps of `dt` ms and answers in the last `answer` steps."""

    network: SpikingNetwork
    dt: float = eqx.field(static=True)
    answer: int = eqx.field(static=True)

    def run(
        self, spikes: Shaped[Array, "samples time inputs"], record: tuple[str, ...] = ()
    ) -> NetworkRun:
        """Time first: the readout's potentials and what is recorded of "units" and their states."""
        return run(self.network, jnp.moveaxis(spikes, 1, 0), dt=self.dt, record=record)

    def logits(
        self, spikes: Shaped[Array, "samples time inputs"]
    ) -> Float[Array, "samples classes"]:
        """Mean potentials of the readout in the steps of the answer."""
        return self.run(spikes).output[-self.answer :].mean(0)


def adaptive(
    inputs: int, units: int, classes: int, key: PRNGKeyArray, *, dt: float, answer: int,
    beta: float = 1.8, share: float = 0.5,
) -> RecurrentClassifier:
    """The first half of the units adapts; `beta` is that of Bellec et al., in thresholds."""
    delta_theta = beta * (1 - math.exp(-dt / TAU_THETA))
    adapts = jnp.arange(units) < units * share
    neurons = nj.neurons.AdaptiveLIF(
        tau_m=TAU_M,
        tau_theta=TAU_THETA,
        delta_theta=jnp.where(adapts, delta_theta, 0.0),
        resistance=_resistance(dt),
        soft_reset=True,
        surrogate=triangle(dampening=0.3),
    )
    return _classifier(neurons, inputs, units, classes, key, dt, answer)


def leaky(
    inputs: int, units: int, classes: int, key: PRNGKeyArray, *, dt: float, answer: int
) -> RecurrentClassifier:
    """The twin of `adaptive` whose thresholds are fixed, of the same weights for the same key."""
    neurons = nj.LIF(
        tau_m=TAU_M, resistance=_resistance(dt), soft_reset=True, surrogate=triangle(dampening=0.3)
    )
    return _classifier(neurons, inputs, units, classes, key, dt, answer)


def _resistance(dt: float) -> float:
    """With it a spike through a weight of 1 moves v by 1."""
    return 1 / (1 - math.exp(-dt / TAU_M))


def _classifier(
    neurons: nj.System, inputs: int, units: int, classes: int, key: PRNGKeyArray, dt: float, answer: int
) -> RecurrentClassifier:
    keys = jr.split(key, 3)
    network = SpikingNetwork(
        {
            "forward": Node(_drawn(inputs, units, keys[0]), "input"),
            "recurrent": Node(_drawn(units, units, keys[1]), Previous("units")),
            "units": Node(neurons, "forward", "recurrent"),
            "weights": Node(_drawn(units, classes, keys[2]), "units"),
            "readout": Node(
                nj.neurons.LeakyIntegrator(tau_m=TAU_M, resistance=_resistance(dt)), "weights"
            ),
        },
        "readout",
    )
    return RecurrentClassifier(network, dt, answer)


def _drawn(inputs: int, outputs: int, key: PRNGKeyArray) -> eqx.nn.Linear:
    """With weights of a normal distribution whose variance is 1 / inputs, and without biases."""
    layer = eqx.nn.Linear(inputs, outputs, use_bias=False, key=key)
    return eqx.tree_at(
        lambda m: m.weight, layer, inputs**-0.5 * jr.normal(key, (outputs, inputs))
    )
