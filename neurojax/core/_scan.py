"""Loops over steps whose gradient remembers little."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

# A gradient stores one state a step; beyond this many bytes it stores one in about sqrt(steps).
STACKED_STATES_LIMIT = 2**30

Body = Callable[[PyTree], tuple[PyTree, PyTree]]


def scan(body: Body, carry: PyTree, length: int) -> tuple[PyTree, PyTree]:
    """`body(carry) -> (carry, out)` repeated; outs are stacked.

    Each body is rematerialised in the gradient, so that only the carry is stored for each step;
    where those would not fit, blocks of about sqrt(length) are rematerialised as well.
    """
    step = jax.checkpoint(lambda c, _: body(c), prevent_cse=False)
    if length * _bytes(carry) <= STACKED_STATES_LIMIT:
        return jax.lax.scan(step, carry, length=length)
    block = round(length**0.5)

    @jax.checkpoint
    def steps(c: PyTree, _: None) -> tuple[PyTree, PyTree]:
        return jax.lax.scan(step, c, length=block)

    carry, out = jax.lax.scan(steps, carry, length=length // block)
    out = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), out)
    carry, rest = jax.lax.scan(step, carry, length=length % block)
    return carry, jax.tree.map(lambda a, b: jnp.concatenate([a, b]), out, rest)


def _bytes(tree: PyTree) -> int:
    return sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(tree))
