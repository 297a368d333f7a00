"""A layer of neurons with dendrites, for deep networks."""

import math
from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray


def leaky_relu(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """x above zero, a tenth of it below."""
    return jax.nn.leaky_relu(x, 0.1)


@final
class DendriticLayer(eqx.Module):
    """`soma(bias_n + Σ_b cable_nb dendrite(bias_nb + Σ_s weight_nbs x[inputs_nbs]))`.

    Each neuron n has branches b, and each branch synapses s with few, fixed ones of the layer's
    `in_size` inputs: `inputs` [neuron, branch, synapse], as `random_inputs` and `local_inputs`
    choose them. Only these connections are parameters. It takes one sample [in_size] to [neuron];
    `jax.vmap` it over a batch.

    Weights are drawn as He et al. 2015 draw those of rectifiers, biases are zero. Raises
    `ValueError` for inputs that are not there.

    Source: Chavlis & Poirazi 2025, Nat. Commun. 16, 943, whose nonlinearity (in both places) is the
    default.
    """

    inputs: Int[Array, "neuron branch synapse"]
    weights: Float[Array, "neuron branch synapse"]
    branch_bias: Float[Array, "neuron branch"]
    cable: Float[Array, "neuron branch"]
    bias: Float[Array, " neuron"]
    in_size: int = eqx.field(static=True)
    dendrite: Callable[[Array], Array] = eqx.field(static=True)
    soma: Callable[[Array], Array] = eqx.field(static=True)

    def __init__(
        self,
        inputs: Int[np.ndarray, "neuron branch synapse"],
        in_size: int,
        *,
        dendrite: Callable[[Array], Array] = leaky_relu,
        soma: Callable[[Array], Array] = leaky_relu,
        key: PRNGKeyArray,
    ) -> None:
        if inputs.size == 0 or inputs.min() < 0 or inputs.max() >= in_size:
            raise ValueError(
                f"DendriticLayer: inputs must be from 0 to in_size - 1 = {in_size - 1}, got "
                f"{inputs.shape} from {inputs.min(initial=0)} to {inputs.max(initial=0)}."
            )
        _, branches, synapses = inputs.shape
        synaptic, axial = jr.split(key)
        self.inputs = jnp.asarray(inputs, jnp.int32)
        self.weights = math.sqrt(2 / synapses) * jr.normal(synaptic, inputs.shape)
        self.cable = math.sqrt(2 / branches) * jr.normal(axial, inputs.shape[:2])
        self.branch_bias = jnp.zeros(inputs.shape[:2])
        self.bias = jnp.zeros(inputs.shape[:1])
        self.in_size, self.dendrite, self.soma = in_size, dendrite, soma

    def __call__(
        self, x: Float[Array, " in_size"], *, key: PRNGKeyArray | None = None
    ) -> Float[Array, " neuron"]:
        """`key` is not used; `eqx.nn.Sequential` passes one."""
        if x.shape != (self.in_size,):
            raise ValueError(f"x must have the shape ({self.in_size},), got {x.shape}.")
        reaching = (self.weights * x[self.inputs]).sum(axis=-1)
        branches = self.dendrite(reaching + self.branch_bias)
        return self.soma((self.cable * branches).sum(axis=-1) + self.bias)


def random_inputs(
    key: PRNGKeyArray, in_size: int, *, neurons: int, branches: int, synapses: int
) -> Int[np.ndarray, "neuron branch synapse"]:
    """For each branch, `synapses` different ones of `in_size` inputs."""
    _refuse_too_many(synapses, in_size)
    draw = _generator(key)
    order = draw.random((neurons, branches, in_size)).argsort(axis=-1)
    return order[..., :synapses]


def local_inputs(
    key: PRNGKeyArray, height: int, width: int, *, neurons: int, branches: int, synapses: int
) -> Int[np.ndarray, "neuron branch synapse"]:
    """For each branch, the `synapses` pixels nearest to a random one of an image [height, width],
    row by row: a receptive field of its own for each branch. Equally near ones at random."""
    _refuse_too_many(synapses, height * width)
    draw = _generator(key)
    row, column = np.divmod(np.arange(height * width), width)
    center = draw.integers(height * width, size=(neurons, branches, 1))
    far = np.maximum(abs(row - row[center]), abs(column - column[center]))
    order = (far + draw.random(far.shape)).argsort(axis=-1)
    return order[..., :synapses]


def _refuse_too_many(synapses: int, inputs: int) -> None:
    if not 1 <= synapses <= inputs:
        raise ValueError(f"synapses must be from 1 to the {inputs} inputs, got {synapses}.")


def _generator(key: PRNGKeyArray) -> Any:
    return np.random.default_rng(np.asarray(jr.key_data(key)).ravel().tolist())
