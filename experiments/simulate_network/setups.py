"""What a network is simulated with: its input, where it starts, and who is of which kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments.runner import key
from models import brunel, vogels_abbott

if TYPE_CHECKING:
    from experiments.simulate_network import Config
    from neurojax.networks import Network


class Setup(NamedTuple):
    network: Network
    incoming: Any
    state: Any
    kinds: dict[str, slice]


def cuba(config: Config, seed: int) -> Setup:
    neurons = config.neurons or 4000
    network = vogels_abbott.cuba(neurons, seed=seed)
    state = vogels_abbott.at_random(network, key(seed, "potentials at the start"))
    return Setup(network, None, state, _kinds(neurons))


def of_brunel(config: Config, seed: int) -> Setup:
    import neurojax as nj
    from experiments.simulate_network import DT

    neurons = config.neurons or 12_500
    inhibitory = neurons // 5
    model = brunel.Brunel(
        config.g, config.eta, config.delay, config.v_reset, neurons - inhibitory, inhibitory
    )
    outside = nj.Poisson(
        key=key(seed, "spikes from outside"),
        rate=model.external_rate,
        weight=brunel.J,
        shape=(neurons,),
    )
    network = model.network(DT, seed=seed)
    return Setup(network, {"cells": outside}, None, _kinds(neurons))


def _kinds(neurons: int) -> dict[str, slice]:
    first = neurons - neurons // 5
    return {"excitatory": slice(0, first), "inhibitory": slice(first, neurons)}


SETUPS: dict[str, Callable[[Config, int], Setup]] = {"cuba": cuba, "brunel": of_brunel}
