"""Classifiers of images by leaky integrate-and-fire neurons, and their conventional twins.

An image is a constant current: the first convolution or dense layer is computed once, and its
output drives neurons in each of a few steps. The logits are the mean potential of leaky
integrators. Source: Rathi & Roy 2020, arXiv 2008.03658 (direct input coding); Fang et al. 2021,
ICCV, Incorporating learnable membrane time constants, for the networks.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

import neurojax as nj
from neurojax.spiking import MaxPool2d, SpikingNetwork, arctan, direct_code, run, sequential

TAU_M = 2.0
"""Of all neurons, in steps."""


@final
class SpikingClassifier(eqx.Module):
    """`stem` once for each image, then `network` for `steps` steps of what it gives."""

    stem: Any
    network: SpikingNetwork
    steps: int = eqx.field(static=True)

    def current(self, images: Float[Array, "samples ..."]) -> Float[Array, "time samples ..."]:
        """What drives the network in each step."""
        return direct_code(jax.vmap(self.stem)(images), self.steps)

    def potentials(self, images: Float[Array, "samples ..."]) -> Float[Array, "time samples _"]:
        """Of the readout."""
        return run(self.network, self.current(images)).output

    def logits(self, images: Float[Array, "samples ..."]) -> Float[Array, "samples classes"]:
        return self.potentials(images).mean(0)


@final
class Classifier(eqx.Module):
    """The conventional twin: the same layers with rectifiers in place of neurons."""

    layers: Sequence[Any]

    def logits(self, images: Float[Array, "samples ..."]) -> Float[Array, "samples classes"]:
        return jax.vmap(eqx.nn.Sequential(self.layers))(images)


def neuron(resistance: float = 1.0) -> nj.LIF:
    """Of which a current of 1 makes v rise towards `resistance`, with a soft reset."""
    return nj.LIF(tau_m=TAU_M, resistance=resistance, soft_reset=True, surrogate=arctan())


def readout() -> nj.neurons.LeakyIntegrator:
    return nj.neurons.LeakyIntegrator(tau_m=TAU_M)


def dense(widths: Sequence[int], steps: int, key: PRNGKeyArray) -> SpikingClassifier:
    """Dense layers of these widths, from pixels to classes."""
    layers = _dense(widths, key)
    parts = [part for layer in layers[1:] for part in (neuron(), layer)]
    return SpikingClassifier(layers[0], sequential(*parts, readout()), steps)


def convolutional(
    image: tuple[int, int, int],
    channels: Sequence[int],
    classes: int,
    steps: int,
    key: PRNGKeyArray,
) -> SpikingClassifier:
    """5x5 convolutions, each followed by the largest of 2x2 and neurons, then a dense layer."""
    (first, *others), last = _convolutions(image, channels, classes, key)
    stem = eqx.nn.Sequential([first, MaxPool2d(2)])
    # A current of 1 adds 1 to the potential in a step.
    resistance = 1 / (1 - math.exp(-1 / TAU_M))
    parts = [part for layer in others for part in (neuron(resistance), layer, MaxPool2d(2))]
    network = sequential(*parts, neuron(resistance), jnp.ravel, last, readout())
    return SpikingClassifier(stem, network, steps)


def conventional_dense(widths: Sequence[int], key: PRNGKeyArray) -> Classifier:
    """The twin of `dense`, of the same weights for the same key."""
    first, *rest = _dense(widths, key)
    relu = eqx.nn.Lambda(jax.nn.relu)
    return Classifier([first, *(part for layer in rest for part in (relu, layer))])


def conventional_convolutional(
    image: tuple[int, int, int], channels: Sequence[int], classes: int, key: PRNGKeyArray
) -> Classifier:
    """The twin of `convolutional`, of the same weights for the same key."""
    convolutions, last = _convolutions(image, channels, classes, key)
    after = (MaxPool2d(2), eqx.nn.Lambda(jax.nn.relu))
    parts = [part for layer in convolutions for part in (layer, *after)]
    return Classifier([*parts, eqx.nn.Lambda(jnp.ravel), last])


def _dense(widths: Sequence[int], key: PRNGKeyArray) -> list[eqx.nn.Linear]:
    keys = jr.split(key, len(widths) - 1)
    pairs = zip(widths, widths[1:], keys, strict=False)
    return [_drawn(eqx.nn.Linear(n, m, key=k), k) for n, m, k in pairs]


def _convolutions(
    image: tuple[int, int, int], channels: Sequence[int], classes: int, key: PRNGKeyArray
) -> tuple[list[eqx.nn.Conv2d], eqx.nn.Linear]:
    widths = [image[0], *channels]
    *keys, last = jr.split(key, len(widths))
    pairs = zip(widths, channels, keys, strict=False)
    layers = [_drawn(eqx.nn.Conv2d(n, m, 5, padding=2, key=k), k) for n, m, k in pairs]
    size = image[1] // 2 ** len(channels)
    return layers, _drawn(eqx.nn.Linear(channels[-1] * size**2, classes, key=last), last)


def _drawn(layer: Any, key: PRNGKeyArray) -> Any:
    """With weights of normal distributions, as He et al. 2015 for rectifiers, and no biases yet."""
    scale: Callable = lambda shape: (2 / layer.weight[0].size) ** 0.5 * jr.normal(key, shape)  # noqa: E731
    layer = eqx.tree_at(lambda m: m.weight, layer, scale(layer.weight.shape))
    return eqx.tree_at(lambda m: m.bias, layer, replace_fn=jnp.zeros_like)
