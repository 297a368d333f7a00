"""Batch normalisation over time, samples and space."""

from collections.abc import Mapping
from typing import Any, NamedTuple, cast, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, Shaped

from ...core import Clock, positive
from ..network import OverTime, SpikingNetwork, run

# Added to variances, as in PyTorch and in the papers.
EPSILON = 1e-5


class BatchNormState(NamedTuple):
    """Mean and variance of what was taken in a run of training, the same for all samples."""

    mean: Float[Array, "*samples channels"]
    variance: Float[Array, "*samples channels"]


@final
class BatchNorm(OverTime):
    """Threshold-dependent batch normalisation (tdBN), for inputs of shape [channels, *space].

    In training, each channel is normalised over time, samples and space to mean 0 and standard
    deviation `alpha * threshold` (`threshold` that of the neurons behind; `alpha` 1, or 1/√2 where
    two branches are summed), then scaled and shifted by what is learned. That needs all time at
    once. With `inference=True`, which `equinox.nn.inference_mode` sets, it takes the statistics
    that `with_statistics` has stored, and `folded` makes it a part of the layer before. Statistics
    have no gradient; weight decay, if any, is to leave them out where a network with statistics is
    trained in inference mode.

    Raises `ValueError` for channels, threshold or alpha that are not positive, inputs of other
    channels, and inference without statistics.
    Source: Zheng, Wu, Deng, Hu & Li 2021, AAAI 35(12), Threshold-Dependent Batch Normalization.
    """

    scale: Float[Array, " channels"]
    shift: Float[Array, " channels"]
    mean: Float[Array, " channels"] | None
    variance: Float[Array, " channels"] | None
    threshold: float
    alpha: float
    inference: bool

    def __init__(
        self,
        channels: int,
        threshold: float = 1.0,
        alpha: float = 1.0,
        *,
        inference: bool = False,
    ) -> None:
        positive("BatchNorm", channels=channels, threshold=threshold, alpha=alpha)
        self.scale = jnp.ones(channels)
        self.shift = jnp.zeros(channels)
        self.mean = self.variance = None
        self.threshold = threshold
        self.alpha = alpha
        self.inference = inference

    @property
    def needs_all_time(self) -> bool:
        return not self.inference

    def initial_state(self, key: PRNGKeyArray | None = None) -> BatchNormState | None:
        none = jnp.zeros_like(self.scale)
        return None if self.inference else BatchNormState(none, none)

    def over_time(
        self,
        state: BatchNormState | None,
        x: Float[Array, "time samples *shape"],
        key: PRNGKeyArray | None,
    ) -> tuple[BatchNormState | None, Float[Array, "time samples *shape"]]:
        self._check(x.shape[2:])
        if self.inference:
            return state, self._affine(x, *self.statistics(), axis=2)
        others = [axis for axis in range(x.ndim) if axis != 2]
        mean, variance = jnp.mean(x, others), jnp.var(x, others)
        samples = x.shape[1]
        state = BatchNormState(
            *(jnp.broadcast_to(a, (samples, *a.shape)) for a in (mean, variance))
        )
        return state, self._affine(x, mean, variance, axis=2)

    def jump(
        self, clock: Clock, state: None, incoming: Float[Array, "*shape"], key: PRNGKeyArray | None
    ) -> tuple[None, Float[Array, "*shape"]]:
        return None, self._affine(incoming, *self.statistics(), axis=0)

    def statistics(self) -> tuple[Float[Array, " channels"], Float[Array, " channels"]]:
        """The stored mean and variance, which are not learned."""
        if self.mean is None or self.variance is None:
            raise ValueError(
                "BatchNorm: inference needs statistics; set them by "
                "spiking.with_statistics(network, inputs)."
            )
        return jax.lax.stop_gradient((self.mean, self.variance))

    def gain(self, variance: Float[Array, " channels"]) -> Float[Array, " channels"]:
        """What each channel is multiplied by."""
        return self.scale * (self.alpha * self.threshold) * jax.lax.rsqrt(variance + EPSILON)

    def _affine(
        self,
        x: Float[Array, "*shape"],
        mean: Float[Array, " channels"],
        variance: Float[Array, " channels"],
        axis: int,
    ) -> Float[Array, "*shape"]:
        shape = [-1 if n == axis else 1 for n in range(x.ndim)]
        mean, gain, shift = (a.reshape(shape) for a in (mean, self.gain(variance), self.shift))
        return (x - mean) * gain + shift

    def _check(self, shape: tuple[int, ...]) -> None:
        channels = len(self.scale)
        if not shape or shape[0] != channels:
            raise ValueError(f"BatchNorm: it has {channels} channels, got an input of {shape}.")


def with_statistics(
    network: SpikingNetwork,
    inputs: Shaped[Array | np.ndarray, "time samples ..."] | Mapping[str, Any],
    *,
    dt: float | int = 1.0,
    key: PRNGKeyArray | None = None,
) -> SpikingNetwork:
    """The network with mean and variance of each `BatchNorm` set to those of these inputs.

    It is run once, its BatchNorms normalising as in training, all else as the network has it: of
    `equinox.nn.inference_mode(network)`, without dropout. A few hundred training samples do, and
    it can be part of the `evaluate` of `learning.fit`. Moving averages of training lag behind the
    weights and need far more.

    Raises `ValueError` for a network without a BatchNorm.
    Source: Wu & Johnson 2021, Rethinking "Batch" in BatchNorm, arXiv:2105.07576, section 3.
    """
    modules = {name: node.module for name, node in network.nodes.items()}
    norms = {name: module for name, module in modules.items() if isinstance(module, BatchNorm)}
    if not norms:
        raise ValueError("with_statistics: the network has no BatchNorm.")
    training = _replaced(network, {n: eqx.nn.inference_mode(m, False) for n, m in norms.items()})
    states = run(training, inputs, dt=dt, key=key).state.systems

    def filled(name: str) -> BatchNorm:
        state = cast(BatchNormState, states[name])
        return eqx.tree_at(
            lambda m: (m.mean, m.variance),
            norms[name],
            (state.mean[0], state.variance[0]),
            is_leaf=lambda x: x is None,
        )

    return _replaced(network, {name: filled(name) for name in norms})


def _replaced(network: SpikingNetwork, modules: Mapping[str, Any]) -> SpikingNetwork:
    return eqx.tree_at(
        lambda network: [network.nodes[name].module for name in modules],
        network,
        list(modules.values()),
    )
