"""Batch normalisation as a part of the layer before it."""

from typing import Any

import equinox as eqx
import jax.random as jr

from ...core import plain
from ..modules import BatchNorm
from ..network import Node, Previous, SpikingNetwork, name_of

CONVOLUTIONS = {1: eqx.nn.Conv1d, 2: eqx.nn.Conv2d, 3: eqx.nn.Conv3d}


def folded(network: SpikingNetwork) -> SpikingNetwork:
    """The network with each `BatchNorm` made a part of the Linear or Conv that it follows: in
    inference it gives the same, up to rounding, with fewer nodes. What is `kept_positive` or
    quantised becomes plain.

    Raises `ValueError` for a BatchNorm without statistics, and for one that follows anything else
    or a layer whose values others take too.
    Source: Zheng et al. 2021, AAAI 35(12), Batchnorm-Scale-Fusion.
    """
    network = plain(network)
    layers = {
        name: _layer_before(network, name)
        for name, node in network.nodes.items()
        if isinstance(node.module, BatchNorm)
    }
    merged = {
        layer: _merged(network.nodes[layer].module, network.nodes[norm].module)
        for norm, layer in layers.items()
    }

    def renamed(source: str | Previous) -> str | Previous:
        name = layers.get(name_of(source), name_of(source))
        return Previous(name, source.steps) if isinstance(source, Previous) else name

    nodes = {
        name: Node(merged.get(name, node.module), *map(renamed, node.sources))
        for name, node in network.nodes.items()
        if name not in layers
    }
    return SpikingNetwork(nodes, layers.get(network.output, network.output), network.inputs)


def _layer_before(network: SpikingNetwork, norm: str) -> str:
    """The name of the layer that a BatchNorm can be a part of."""
    sources = network.nodes[norm].sources
    layer = sources[0]
    if len(sources) > 1 or not isinstance(layer, str) or not _is_affine(network, layer):
        raise ValueError(
            f"folded: BatchNorm {norm!r} must follow one Linear or Conv, it takes "
            f"{', '.join(map(str, sources))}."
        )
    others = [
        name
        for name, node in network.nodes.items()
        if name != norm and layer in map(name_of, node.sources)
    ]
    if others or network.output == layer:
        raise ValueError(
            f"folded: {layer!r} is taken not only by BatchNorm {norm!r}, but also by "
            f"{', '.join(others) or 'the output'}."
        )
    return layer


def _is_affine(network: SpikingNetwork, name: str) -> bool:
    return name in network.nodes and isinstance(
        network.nodes[name].module, eqx.nn.Linear | eqx.nn.Conv
    )


def _merged(layer: Any, norm: BatchNorm) -> Any:
    """One layer that does what both do."""
    mean, variance = norm.statistics()
    weight, gain = layer.weight, norm.gain(variance)
    bias = norm.shift - mean * gain
    # As a bias is: [out] or [out, 1, ...].
    gain, bias = (x.reshape(-1, *(1,) * (weight.ndim - 2)) for x in (gain, bias))
    if layer.bias is None:
        layer = _biased(layer)
    else:
        bias = bias + layer.bias * gain
    return eqx.tree_at(lambda m: (m.weight, m.bias), layer, (weight * gain[:, None], bias))


def _biased(layer: Any) -> Any:
    """A layer as this one, with a bias."""
    if isinstance(layer, eqx.nn.Linear):
        return eqx.nn.Linear(layer.in_features, layer.out_features, key=jr.key(0))
    return CONVOLUTIONS[layer.num_spatial_dims](
        layer.in_channels,
        layer.out_channels,
        layer.kernel_size,
        layer.stride,
        layer.padding,
        layer.dilation,
        layer.groups,
        padding_mode=layer.padding_mode,
        key=jr.key(0),
    )
