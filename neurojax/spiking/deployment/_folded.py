"""Batch normalisation as a part of the layer before it."""

from typing import Any

from ...core import plain
from ..modules import BatchNorm
from ..network import Node, Previous, SpikingNetwork, name_of
from ._connections import is_equinox, then_affine


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
    modules = {name: node.module for name, node in network.nodes.items()}
    if len(sources) > 1 or not isinstance(layer, str) or not is_equinox(modules.get(layer)):
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


def _merged(layer: Any, norm: BatchNorm) -> Any:
    """One layer that does what both do."""
    mean, variance = norm.statistics()
    gain = norm.gain(variance)
    return then_affine(layer, gain, norm.shift - mean * gain)
