"""What spikes send through weights: the weights of those that came, where these are few."""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap
from jaxtyping import Array, Bool, Float, UInt32

from ...core import System
from ._network import Node, SpikingNetwork, name_of
from ._system_node import Size

# A product with one sample takes the time of reading all weights, one with many samples that of
# multiplying. Of the former one tenth of the inputs may come before it is the faster one, of the
# latter a fiftieth, with so many weights and more: in 2048 to 2048, 1 % of which came, events took
# 7 µs for one sample and 14 for each of 1,000, products 331 and 37; 5 % took 26 (272) and 42 (37).
FEW_OF_ONE, LEAST_FOR_ONE = 0.1, 2**16
FEW_OF_MANY, LEAST_FOR_MANY = 0.02, 2**20


@final
class Delivery(eqx.Module):
    """A Linear layer whose weights of one input lie side by side."""

    weights: Float[Array, "inputs outputs"]
    bias: Float[Array, " outputs"] | None

    def __call__(self, x: Float[Array, " inputs"]) -> Float[Array, " outputs"]:
        y = delivered(x[None], self.weights)[0]
        return y if self.bias is None else y + self.bias


def with_delivery(network: SpikingNetwork, samples: Size) -> SpikingNetwork:
    """The network with those Linear layers behind neurons and inputs as `Delivery` that are large
    enough for so many samples."""
    least = least_weights(samples)
    spiking = {n for n, x in network.nodes.items() if _spikes(x.module)} | set(network.inputs)
    nodes = {
        name: Node(_delivering(node.module, least), *node.sources)
        if name_of(node.sources[0]) in spiking
        else node
        for name, node in network.nodes.items()
    }
    return SpikingNetwork(nodes, network.output, network.inputs)


def _spikes(module: object) -> bool:
    return isinstance(module, System) and hasattr(module, "surrogate")


def least_weights(samples: Size) -> int:
    return LEAST_FOR_ONE if samples == 1 else LEAST_FOR_MANY


def _delivering(module: object, least: int) -> object:
    if not isinstance(module, eqx.nn.Linear) or module.weight.size < least:
        return module
    return Delivery(module.weight.T, module.bias)


@jax.custom_jvp
def delivered(
    x: Float[Array, "samples inputs"], weights: Float[Array, "inputs outputs"]
) -> Float[Array, "samples outputs"]:
    """`x @ weights`. On a CPU, where few of x are not zero, row after row of those that are not."""
    return _delivered(x, weights)


@delivered.defjvp
def _delivered_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]):
    (x, weights), (dx, dweights) = primals, tangents
    return delivered(x, weights), dx @ weights + x @ dweights


@custom_vmap
def _delivered(x: Array, weights: Array) -> Array:
    return jax.lax.platform_dependent(x, weights, cpu=_on_cpu, default=jnp.matmul)


@_delivered.def_vmap
def _delivered_vmap(axis_size: int, batched: list[bool], x: Array, weights: Array):
    """More samples; of several weights, whose events differ in number, a product each."""
    if batched[1]:
        return jax.vmap(jnp.matmul, (0 if batched[0] else None, 0))(x, weights), True
    y = _delivered(x.reshape(-1, x.shape[-1]), weights)
    return y.reshape(*x.shape[:-1], -1), True


def _on_cpu(x: Array, weights: Array) -> Array:
    samples = x.shape[0]
    if weights.size < least_weights(samples):
        return x @ weights
    few = jnp.mean(x != 0) <= (FEW_OF_ONE if samples == 1 else FEW_OF_MANY)
    return jax.lax.cond(few, _by_events, jnp.matmul, x, weights)


def _by_events(x: Array, weights: Array) -> Array:
    """Samples in turn, and of each the inputs that are not zero."""
    words = _packed(x != 0)

    def one_sample(sample: Array, y: Array) -> Array:
        return y.at[sample].set(_sum_of_events(x[sample], words[sample], weights))

    none = jnp.zeros((x.shape[0], weights.shape[1]), x.dtype)
    return jax.lax.fori_loop(0, x.shape[0], one_sample, none)


def _sum_of_events(x: Array, words: Array, weights: Array) -> Array:
    """The rows of weights at the bits that are set, times x there; each bit is cleared in turn."""

    def first(words: Array) -> Array:
        return jnp.argmax(words != 0)

    def add(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        place, words, y = state
        word = words[place]
        lowest = word & -word
        index = 32 * place + jax.lax.population_count(lowest - 1).astype(place.dtype)
        words = words.at[place].set(word ^ lowest)
        return first(words), words, y + x[index] * weights[index]

    start = (first(words), words, jnp.zeros(weights.shape[1], weights.dtype))
    return jax.lax.while_loop(lambda state: state[1][state[0]] != 0, add, start)[2]


def _packed(bits: Bool[Array, "samples inputs"]) -> UInt32[Array, "samples words"]:
    """32 of them in a word, the first in the lowest bit."""
    bits = jnp.pad(bits, ((0, 0), (0, -bits.shape[1] % 32)))
    places = jnp.arange(32, dtype=jnp.uint32)[None, None]
    words = bits.reshape(bits.shape[0], -1, 32).astype(jnp.uint32) << places
    return jnp.sum(words, axis=-1, dtype=jnp.uint32)
