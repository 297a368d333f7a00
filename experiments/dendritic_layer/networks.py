"""Classifiers with one hidden layer, dense or with dendrites, of a given number of parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import equinox as eqx
import jax
import jax.random as jr

from experiments.datasets import CLASSES
from neurojax.dendrites import DendriticLayer, leaky_relu, local_inputs, random_inputs

if TYPE_CHECKING:
    from jaxtyping import Array, Float, PRNGKeyArray

    from experiments.dendritic_layer import Config


class Classifier(eqx.Module):
    """Flat images [pixel] to logits [class]."""

    hidden: Dense | DendriticLayer
    readout: eqx.nn.Linear

    def __call__(self, pixels: Float[Array, " pixel"]) -> Float[Array, " class"]:
        return self.readout(self.hidden(pixels))


class Dense(eqx.Module):
    """A dense layer with the nonlinearity of the dendritic one."""

    linear: eqx.nn.Linear

    def __call__(self, x: Float[Array, " pixel"]) -> Float[Array, " neuron"]:
        return leaky_relu(self.linear(x))


def build(
    kind: str, config: Config, shape: tuple[int, int], size: int, key: PRNGKeyArray
) -> Classifier:
    """A network of at most `size` parameters, and one neuron fewer than more."""
    pixels = shape[0] * shape[1]
    of_a_neuron = pixels + 1 if kind == "dense" else config.branches * (config.synapses + 2) + 1
    neurons = max((size - CLASSES) // (of_a_neuron + CLASSES), 1)
    connections, weights, readout = jr.split(key, 3)
    branched = {"neurons": neurons, "branches": config.branches, "synapses": config.synapses}
    if kind == "dense":
        hidden: Dense | DendriticLayer = Dense(eqx.nn.Linear(pixels, neurons, key=weights))
    elif kind == "random":
        inputs = random_inputs(connections, pixels, **branched)
        hidden = DendriticLayer(inputs, pixels, key=weights)
    else:
        inputs = local_inputs(connections, *shape, **branched)
        hidden = DendriticLayer(inputs, pixels, key=weights)
    return Classifier(hidden, eqx.nn.Linear(neurons, CLASSES, key=readout))


def count(model: Classifier) -> int:
    """Its parameters."""
    return sum(x.size for x in jax.tree.leaves(eqx.filter(model, eqx.is_inexact_array)))
