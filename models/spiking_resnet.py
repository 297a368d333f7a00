"""A residual network of five convolutions, each followed by spiking neurons, and its conventional
twin.

An image is a constant current: the first convolution is computed once for each image, and its
output drives neurons in each of a few steps. What joins branch and shortcut is the current that
drives membranes, so that all other convolutions are sent 0 or 1. The twin has rectifiers in place
of neurons, and takes one step.

Source: Hu, Deng, Wu, Yao & Li 2024, IEEE TNNLS, arXiv:2112.08954 (MS-ResNet), with the shortcut of
He, Zhang, Ren & Sun 2016, ECCV, arXiv:1603.05027, where shapes change; Zheng et al. 2021, AAAI
35(12), for its normalisation; Rathi & Roy 2020, arXiv:2008.03658 (direct input coding).
"""

import math
from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

import neurojax as nj
from models.spiking_classifiers import SpikingClassifier
from neurojax import spiking
from neurojax.spiking import AvgPool2d, BatchNorm, Node, SpikingNetwork, direct_code, sequential

Images = Float[Array, "samples channels height width"]


@final
class ResNet(eqx.Module):
    """In training: `stem` once for each image, then `network` for `steps` steps of what it gives,
    with the statistics of each batch."""

    stem: SpikingNetwork
    network: SpikingNetwork
    steps: int = eqx.field(static=True)

    def current(self, images: Images) -> Float[Array, "time samples ..."]:
        """What drives the network in each step."""
        return direct_code(spiking.run(self.stem, images[None]).output[0], self.steps)

    def logits(self, images: Images) -> Float[Array, "samples classes"]:
        return spiking.run(self.network, self.current(images)).output.mean(0)

    def trained(self, images: Images) -> SpikingClassifier:
        """With the statistics of these images, hundreds of those that were learned from, and each
        normalisation a part of the convolution before it."""
        network = spiking.folded(spiking.with_statistics(self.network, self.current(images)))
        stem = spiking.folded(spiking.with_statistics(self.stem, images[None]))
        return SpikingClassifier(stem.nodes[stem.output].module, network, self.steps)


def spiking_resnet(channels: tuple[int, int, int], steps: int, key: PRNGKeyArray) -> ResNet:
    """Of images of 32x32 pixels in colour and ten classes."""
    return _resnet(channels, steps, neuron, key)


def conventional_resnet(channels: tuple[int, int, int], key: PRNGKeyArray) -> ResNet:
    """The twin of `spiking_resnet`, of the same weights for the same key."""
    return _resnet(channels, 1, lambda: jax.nn.relu, key)


def neuron() -> nj.LIF:
    """Half of whose potential is left in the next step, when a current is added."""
    surrogate = spiking.triangle(width=1.0)
    return nj.LIF(tau_m=1 / math.log(2), resistance=2.0, soft_reset=True, surrogate=surrogate)


def _resnet(
    channels: tuple[int, int, int], steps: int, neuron: Callable[[], Any], key: PRNGKeyArray
) -> ResNet:
    """From 32x32 pixels to 16x16, 8x8 and 4x4."""
    first, *blocks, last = jr.split(key, 4)
    stem = sequential(_convolution(3, 3, channels[0], 2, first), BatchNorm(channels[0]))
    pairs = zip(channels, channels[1:], blocks, strict=False)
    network = sequential(
        *(_block(taken, given, neuron, k) for taken, given, k in pairs),
        neuron(),
        AvgPool2d(4),
        jnp.ravel,
        eqx.nn.Linear(channels[-1], 10, key=last),
    )
    return ResNet(stem, network, steps)


def _block(taken: int, given: int, neuron: Callable[[], Any], key: PRNGKeyArray) -> SpikingNetwork:
    """Half the pixels in each direction. The shortcut takes spikes, and not the currents before."""
    keys = jr.split(key, 3)
    half = 2**-0.5  # of the variance, from each of two
    branch = sequential(
        *(_convolution(3, taken, given, 2, keys[0]), BatchNorm(given), neuron()),
        *(_convolution(3, given, given, 1, keys[1]), BatchNorm(given, alpha=half)),
    )
    shortcut = sequential(_convolution(1, taken, given, 2, keys[2]), BatchNorm(given, alpha=half))
    nodes = {
        "neurons": Node(neuron(), "input"),
        "branch": Node(branch, "neurons"),
        "shortcut": Node(shortcut, "neurons"),
        "sum": Node(jnp.add, "branch", "shortcut"),
    }
    return SpikingNetwork(nodes, "sum")


def _convolution(size: int, taken: int, given: int, stride: int, key: PRNGKeyArray) -> Any:
    return eqx.nn.Conv2d(taken, given, size, stride, size // 2, use_bias=False, key=key)
