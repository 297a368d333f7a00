"""The exponential upstroke of a spike."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def upstroke(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """`exp(x)` with x = (v − v_T)/Δ_T, constant beyond 10 in single and 24 in double precision.

    From there the potential would reach infinity within 5e-5 and 4e-11 membrane time constants.
    Bounded, each Δ_T of the rise takes about as little, and an adaptive step can follow it.
    """
    return jnp.exp(jnp.minimum(x, 10 if x.dtype == jnp.float32 else 24))
