"""A prior's mean."""

import equinox as eqx
from jaxtyping import Array, Float


class Mean(eqx.Module):
    """What is expected before anything is seen."""

    mean: Float[Array, " unit"]

    def __call__(self) -> Float[Array, " unit"]:
        return self.mean
