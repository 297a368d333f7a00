"""Hierarchies that are chains: of given modules, of dense layers, of equal residual layers."""

from collections.abc import Callable, Sequence
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from ._energies import Gaussian
from ._hierarchy import INPUT, OUTPUT, Hierarchy
from ._parts import Edge, Node

Activation = Callable[[Float[Array, "..."]], Float[Array, "..."]]


def identity(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """A skip connection's module, and the activation of an input."""
    return x


@final
class Dense(eqx.Module):
    """How one layer predicts the next: `μ = W f(z) + b`, of one sample.

    `weight` is [out, in], `bias` [out] or None, f is the activation of the layer below.
    """

    weight: Float[Array, "*layers out in"]
    bias: Float[Array, "*layers out"] | None
    activation: Activation = eqx.field(static=True, default=identity)

    def __call__(self, below: Float[Array, " in"]) -> Float[Array, " out"]:
        product = self.activation(below) @ self.weight.T
        return product if self.bias is None else product + self.bias


def chain(
    modules: Sequence[Callable],
    in_shape: int | tuple[int, ...],
    *,
    output: Callable | None = None,
    origin: Any = None,
    dtype: Any = None,
) -> Hierarchy:
    """A hierarchy in which each module predicts the next node from the one before: nodes "input",
    "h1", ... and "output".

    `in_shape` is of one sample. Gaussian energies of precision 1, and `output` (Gaussian unless
    given) on top. Raises `ValueError` for a module that does not take what the one before gives.
    """
    if not modules:
        raise ValueError("modules is empty: a chain needs at least one.")
    names = [INPUT, *(f"h{n}" for n in range(1, len(modules))), OUTPUT]
    nodes, edges = [Node(INPUT, in_shape)], []
    for source, target, module in zip(names, names[1:], modules, strict=False):
        below = jax.ShapeDtypeStruct(nodes[-1].shape, dtype or _dtype(modules))
        try:
            shape = eqx.filter_eval_shape(module, below).shape
        except Exception as error:
            raise ValueError(
                f"module {len(edges)}, {type(module).__name__}, does not take the shape "
                f"{below.shape} of {source!r}: {str(error).strip().splitlines()[0]}"
            ) from error
        energy = Gaussian() if target != OUTPUT or output is None else output
        nodes.append(Node(target, shape, energy))
        edges.append(Edge(source, target, module))
    return Hierarchy(nodes, edges, origin)


def mlp(
    widths: Sequence[int],
    key: PRNGKeyArray,
    *,
    activation: Activation = jax.nn.relu,
    output: Callable | None = None,
) -> Hierarchy:
    """A fresh chain of dense layers, input width first.

    Weights and biases uniform in ±1/√(inputs); Gaussian energies of precision 1, and `output`
    (Gaussian unless given) on top.
    """
    if len(widths) < 2 or min(widths) < 1:
        raise ValueError(f"widths must be at least two positive numbers, got {tuple(widths)}.")
    layers = [
        _dense(
            jr.fold_in(key, number), widths[number : number + 2], activation if number else identity
        )
        for number in range(len(widths) - 1)
    ]
    return chain(layers, widths[0], output=output)


def residual_mlp(
    in_size: int,
    width: int,
    out_size: int,
    depth: int,
    key: PRNGKeyArray,
    *,
    activation: Activation = jax.nn.relu,
    output: Callable | None = None,
) -> Hierarchy:
    """A dense layer into "h0", then a stack "h" of `depth` equal layers, each predicting
    `z + W f(z) + b` of the next, then a dense layer out.

    Weights and biases uniform in ±1/√(inputs); for deep ones see `mupc`.
    """
    if min(in_size, width, out_size, depth) < 1:
        raise ValueError(
            "in_size, width, out_size and depth must be positive, got "
            f"{in_size}, {width}, {out_size} and {depth}."
        )
    keys = jr.split(key, 3)
    block = jax.vmap(lambda key: _dense(key, (width, width), activation))(jr.split(keys[1], depth))
    return Hierarchy(
        nodes=(
            Node(INPUT, in_size),
            Node("h0", width),
            Node("h", width, length=depth),
            Node(OUTPUT, out_size, Gaussian() if output is None else output),
        ),
        edges=(
            Edge(INPUT, "h0", _dense(keys[0], (in_size, width), identity)),
            Edge("h0", "h", identity),
            Edge("h0", "h", block),
            Edge("h", OUTPUT, _dense(keys[2], (width, out_size), activation)),
        ),
    )


def _dense(key: PRNGKeyArray, widths: Sequence[int], activation: Activation) -> Dense:
    below, above = widths
    limit = below**-0.5
    key_weight, key_bias = jr.split(key)
    weight = jr.uniform(key_weight, (above, below), minval=-limit, maxval=limit)
    return Dense(weight, jr.uniform(key_bias, (above,), minval=-limit, maxval=limit), activation)


def _dtype(modules: Sequence[Callable]) -> Any:
    leaves = jax.tree.leaves(eqx.filter(list(modules), eqx.is_inexact_array))
    return leaves[0].dtype if leaves else jnp.result_type(float)
