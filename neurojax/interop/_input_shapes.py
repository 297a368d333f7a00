"""The shapes of what a network takes, as its writers are told."""

from collections.abc import Mapping

from ..spiking import SpikingNetwork

Shape = tuple[int, ...]


def input_shapes(
    function: str, network: SpikingNetwork, input_shape: Shape | Mapping[str, Shape]
) -> dict[str, Shape]:
    """That of each input, of a sample in one step.

    Raises `ValueError` for names that are not the network's.
    """
    if not isinstance(input_shape, Mapping):
        return dict.fromkeys(network.inputs, tuple(input_shape))
    if set(input_shape) != set(network.inputs):
        raise ValueError(
            f"{function}: input_shape must be of {', '.join(network.inputs)}, got "
            f"{', '.join(input_shape)}."
        )
    return {name: tuple(input_shape[name]) for name in network.inputs}
