"""Convolutions in loops, as fast on a CPU as outside of them."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.lax import ConvDimensionNumbers
from jaxtyping import Array, PyTree

from ._programs import Rule, evaluated


def with_fast_convolutions(function: Callable[..., PyTree]) -> Callable[..., PyTree]:
    """The function, its convolutions of channels-last images and kernels with outputs last.

    XLA on a CPU brings those of a program into the one layout that its library takes, but not those
    of a loop's body, for which it then makes code that is 20 times slower or worse. Gradients are
    convolutions of other layouts again, so the function should have taken its gradients already.
    """

    def run(*arguments: PyTree) -> PyTree:
        if jax.default_backend() != "cpu":
            return function(*arguments)
        program, shape = jax.make_jaxpr(function, return_shape=True)(*arguments)
        rule = Rule(_is_convolution, _results)
        out = evaluated(program, jax.tree.leaves(arguments), rule)
        return jax.tree.unflatten(jax.tree.structure(shape), out)

    return run


def _is_convolution(equation: Any) -> bool:
    return equation.primitive.name == "conv_general_dilated"


def _results(equation: Any, inputs: list[Any]) -> list[Any]:
    image, kernel = inputs
    return [_convolved(image, kernel, equation.params)]


def _convolved(image: Array, kernel: Array, params: dict[str, Any]) -> Array:
    """A convolution in the layout of XLA's library: samples, space, channels; space, in, out."""
    numbers: ConvDimensionNumbers = params["dimension_numbers"]
    batch, channel, *space = numbers.lhs_spec
    out, into, *kernel_space = numbers.rhs_spec
    last = len(space) + 1
    plain = ConvDimensionNumbers(
        (0, last, *range(1, last)), (last, last - 1, *range(last - 1)), (0, last, *range(1, last))
    )
    result = jax.lax.conv_general_dilated_p.bind(
        jnp.transpose(image, (batch, *space, channel)),
        jnp.transpose(kernel, (*kernel_space, into, out)),
        **{**params, "dimension_numbers": plain},
    )
    where = numbers.out_spec
    back = [0] * len(where)
    back[where[0]], back[where[1]] = 0, last
    for n, axis in enumerate(where[2:]):
        back[axis] = n + 1
    return jnp.transpose(result, back)
