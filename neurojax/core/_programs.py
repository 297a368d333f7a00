"""Programs of JAX gone through equation by equation, some of which are done in another way."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, jaxprs_in_params


class Rule(NamedTuple):
    """Another way for the equations to which it applies."""

    applies: Callable[[Any], bool]
    results: Callable[[Any, list[Any]], list[Any]]


def evaluated(program: ClosedJaxpr, arguments: list[Any], rule: Rule) -> list[Any]:
    """The program's results, by the rule where that applies, in programs within it as well."""
    jaxpr, values = program.jaxpr, {}
    values.update(zip(jaxpr.constvars, program.consts, strict=True))
    values.update(zip(jaxpr.invars, arguments, strict=True))

    def read(variable: Any) -> Any:
        return variable.val if hasattr(variable, "val") else values[variable]

    for equation in jaxpr.eqns:
        inputs = [read(variable) for variable in equation.invars]
        if rule.applies(equation):
            out = rule.results(equation, inputs)
        else:
            primitive = equation.primitive
            params = {name: _rewritten(value, rule) for name, value in equation.params.items()}
            with equation.ctx.manager:
                out = primitive.bind(*inputs, **primitive.get_bind_params(params))
            out = out if primitive.multiple_results else [out]
        values.update(zip(equation.outvars, out, strict=True))
    return [read(variable) for variable in jaxpr.outvars]


def _rewritten(param: Any, rule: Rule) -> Any:
    """A parameter of an equation; a program within it by the rule."""
    if isinstance(param, tuple) and any(isinstance(each, ClosedJaxpr) for each in param):
        parts = (_rewritten(each, rule) for each in param)
        return type(param)(*parts) if hasattr(param, "_fields") else tuple(parts)
    if not isinstance(param, ClosedJaxpr | Jaxpr) or not _applies_within(param, rule):
        return param
    # Those of `jax.checkpoint` are open, with nothing to close over.
    closed = param if isinstance(param, ClosedJaxpr) else ClosedJaxpr(param, ())
    program = jax.make_jaxpr(lambda *x: evaluated(closed, list(x), rule))(*closed.in_avals)
    return program if isinstance(param, ClosedJaxpr) else program.jaxpr


def _applies_within(jaxpr: Any, rule: Rule) -> bool:
    return any(
        rule.applies(equation)
        or any(_applies_within(each, rule) for each in jaxprs_in_params(equation.params))
        for equation in jaxpr.eqns
    )
