"""Residual blocks of deep spiking networks."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, PRNGKeyArray

from ...core import System, positive
from ..network import Node, SpikingNetwork, sequential
from ._batch_norm import BatchNorm


def _iand(a: Array, s: Array) -> Array:
    return (1 - a) * s


# Of the spikes of the branch and of the shortcut (Fang et al. 2021, Table 1).
CONNECTIONS: dict[str, Callable[[Array, Array], Array]] = {
    "add": jnp.add,
    "and": jnp.multiply,
    "iand": _iand,
}


def sew_block(
    in_channels: int,
    out_channels: int,
    neuron: Callable[[], System],
    *,
    connect: str = "add",
    stride: int = 1,
    norm: Callable[[int], Any] = BatchNorm,
    key: PRNGKeyArray,
) -> SpikingNetwork:
    """A spike-element-wise (SEW) residual block: `g(A, S)`, S the spikes that come in, A those that
    they become by convolution 3×3, norm and neuron, twice.

    [in_channels, height, width] in, [out_channels, ⌈height / stride⌉, ⌈width / stride⌉] out.
    `connect` is g: A + S, A · S or (1 − A) · S. Where shapes change, S goes through convolution
    1×1, norm and neuron. `neuron()` makes neurons, `norm(channels)` a normalisation.

    Raises `ValueError` for an unknown `connect`, and sizes that are not positive.
    Source: Fang et al. 2021, Deep Residual Learning in Spiking Neural Networks, NeurIPS.
    """
    _check("sew_block", in_channels, out_channels, stride)
    if connect not in CONNECTIONS:
        raise ValueError(
            f"sew_block: connect must be one of {', '.join(CONNECTIONS)}, got {connect!r}."
        )
    first, second, third = jr.split(key, 3)
    branch = [
        *(_convolution(3, in_channels, out_channels, stride, first), norm(out_channels), neuron()),
        *(_convolution(3, out_channels, out_channels, 1, second), norm(out_channels), neuron()),
    ]
    shortcut = [
        *(_convolution(1, in_channels, out_channels, stride, third), norm(out_channels), neuron())
    ]
    changed = stride > 1 or in_channels != out_channels
    return _joined(branch, shortcut if changed else [], CONNECTIONS[connect])


def membrane_shortcut_block(
    in_channels: int,
    out_channels: int,
    neuron: Callable[[], System],
    *,
    stride: int = 1,
    norm: Callable[[int], Any] = BatchNorm,
    key: PRNGKeyArray,
) -> SpikingNetwork:
    """A residual block whose shortcut joins what drives membranes, as of MS-ResNet: to what comes
    in is added what it becomes by neuron, convolution 3×3 and norm, twice. It neither takes spikes
    nor gives any: a neuron follows the last block.

    Shapes and arguments as of `sew_block`; where shapes change, the shortcut is a convolution 1×1
    and a norm.

    Raises `ValueError` for sizes that are not positive.
    Source: Hu, Deng, Wu, Yao & Li 2024, Advancing Spiking Neural Networks Toward Deep Residual
    Learning, IEEE TNNLS (arXiv:2112.08954).
    """
    _check("membrane_shortcut_block", in_channels, out_channels, stride)
    first, second, third = jr.split(key, 3)
    branch = [
        *(neuron(), _convolution(3, in_channels, out_channels, stride, first), norm(out_channels)),
        *(neuron(), _convolution(3, out_channels, out_channels, 1, second), norm(out_channels)),
    ]
    shortcut = [_convolution(1, in_channels, out_channels, stride, third), norm(out_channels)]
    changed = stride > 1 or in_channels != out_channels
    return _joined(branch, shortcut if changed else [], jnp.add)


def _joined(branch: list, shortcut: list, function: Callable) -> SpikingNetwork:
    nodes = {"branch": Node(sequential(*branch), "input")}
    if shortcut:
        nodes["shortcut"] = Node(sequential(*shortcut), "input")
    nodes["joined"] = Node(function, "branch", "shortcut" if shortcut else "input")
    return SpikingNetwork(nodes, "joined")


def _convolution(size: int, taken: int, given: int, stride: int, key: PRNGKeyArray) -> Any:
    """Padded to keep an image's size; its bias would be taken off by the norm behind it."""
    return eqx.nn.Conv2d(taken, given, size, stride, size // 2, use_bias=False, key=key)


def _check(owner: str, in_channels: int, out_channels: int, stride: int) -> None:
    positive(owner, in_channels=in_channels, out_channels=out_channels, stride=stride)
