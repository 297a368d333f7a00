"""The functions that equations may use."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float


class Function(NamedTuple):
    """A function, its number of arguments, and its dimensions.

    `kind`: "number" takes and gives no dimension; "same" gives that of its arguments, which are
    all alike; "root" takes half of it; "sign" drops it; "truth" takes a condition or a number.
    """

    apply: Callable[..., Any]
    arguments: int
    kind: str


def exprel(x: Float[Array, "*shape"] | float) -> Float[Array, "*shape"]:
    """`(exp(x) − 1) / x`, 1 at x = 0, in value and derivative: its series for |x| < 0.5."""
    x = jnp.asarray(x)
    small = jnp.abs(x) < 0.5
    near, far = jnp.where(small, x, 0.0), jnp.where(small, 1.0, x)
    order = 8 if x.dtype == jnp.float32 else 15
    series = jnp.zeros_like(x)
    for k in range(order, -1, -1):
        series = series * near + 1 / math.factorial(k + 1)
    return jnp.where(small, series, (jnp.exp(far) - 1) / far)


def _integer(x: Any) -> Any:
    x = jnp.asarray(x)
    return jnp.where(x, 1.0, 0.0) if x.dtype == bool else jnp.trunc(x)


FUNCTIONS = {
    "exp": Function(jnp.exp, 1, "number"),
    "expm1": Function(jnp.expm1, 1, "number"),
    "exprel": Function(exprel, 1, "number"),
    "log": Function(jnp.log, 1, "number"),
    "log10": Function(jnp.log10, 1, "number"),
    "log1p": Function(jnp.log1p, 1, "number"),
    "sin": Function(jnp.sin, 1, "number"),
    "cos": Function(jnp.cos, 1, "number"),
    "tan": Function(jnp.tan, 1, "number"),
    "sinh": Function(jnp.sinh, 1, "number"),
    "cosh": Function(jnp.cosh, 1, "number"),
    "tanh": Function(jnp.tanh, 1, "number"),
    "arcsin": Function(jnp.arcsin, 1, "number"),
    "arccos": Function(jnp.arccos, 1, "number"),
    "arctan": Function(jnp.arctan, 1, "number"),
    "floor": Function(jnp.floor, 1, "number"),
    "ceil": Function(jnp.ceil, 1, "number"),
    "sqrt": Function(jnp.sqrt, 1, "root"),
    "abs": Function(jnp.abs, 1, "same"),
    "sign": Function(jnp.sign, 1, "sign"),
    "clip": Function(jnp.clip, 3, "same"),
    "minimum": Function(jnp.minimum, 2, "same"),
    "maximum": Function(jnp.maximum, 2, "same"),
    "int": Function(_integer, 1, "truth"),
}
# Of initial values and connections alone; whoever evaluates them gives them.
RANDOM = ("rand", "randn", "poisson")
