"""Convolutions in loops, as fast on a CPU as outside of them."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, Jaxpr, jaxprs_in_params
from jax.lax import ConvDimensionNumbers
from jaxtyping import Array, PyTree

CONVOLUTION = "conv_general_dilated"


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
        out = _evaluated(program, jax.tree.leaves(arguments))
        return jax.tree.unflatten(jax.tree.structure(shape), out)

    return run


def _has_convolution(jaxpr: Any) -> bool:
    return any(
        equation.primitive.name == CONVOLUTION
        or any(map(_has_convolution, jaxprs_in_params(equation.params)))
        for equation in jaxpr.eqns
    )


def _evaluated(program: ClosedJaxpr, arguments: list[Any]) -> list[Any]:
    """The program's results, equation by equation."""
    jaxpr, values = program.jaxpr, {}
    values.update(zip(jaxpr.constvars, program.consts, strict=True))
    values.update(zip(jaxpr.invars, arguments, strict=True))

    def read(variable: Any) -> Any:
        return variable.val if hasattr(variable, "val") else values[variable]

    for equation in jaxpr.eqns:
        inputs = [read(variable) for variable in equation.invars]
        if equation.primitive.name == CONVOLUTION:
            image, kernel = inputs
            out = [_convolved(image, kernel, equation.params)]
        else:
            primitive = equation.primitive
            params = {name: _rewritten(value) for name, value in equation.params.items()}
            with equation.ctx.manager:
                out = primitive.bind(*inputs, **primitive.get_bind_params(params))
            out = out if primitive.multiple_results else [out]
        values.update(zip(equation.outvars, out, strict=True))
    return [read(variable) for variable in jaxpr.outvars]


def _rewritten(param: Any) -> Any:
    """A parameter of an equation; a program within it with its convolutions made fast."""
    if isinstance(param, tuple) and any(isinstance(each, ClosedJaxpr) for each in param):
        parts = map(_rewritten, param)
        return type(param)(*parts) if hasattr(param, "_fields") else tuple(parts)
    if not isinstance(param, ClosedJaxpr | Jaxpr) or not _has_convolution(param):
        return param
    # Those of `jax.checkpoint` are open, with nothing to close over.
    closed = param if isinstance(param, ClosedJaxpr) else ClosedJaxpr(param, ())
    program = jax.make_jaxpr(lambda *inputs: _evaluated(closed, list(inputs)))(*closed.in_avals)
    return program if isinstance(param, ClosedJaxpr) else program.jaxpr


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
