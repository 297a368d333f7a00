"""What predicts what: linear units, and the paper's sparse prior."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float


class FromCauses(eqx.Module):
    """The second level's linear prediction of all first-level units."""

    weight: Float[Array, "unit cause"]
    places: int = eqx.field(static=True)

    def __call__(self, causes: Float[Array, " cause"]) -> Float[Array, "place unit"]:
        return (self.weight @ causes).reshape(self.places, -1)


class ToPatches(eqx.Module):
    """Each patch predicted by the units at its place."""

    weight: Float[Array, "place pixel unit"]

    def __call__(self, r: Float[Array, "place unit"]) -> Float[Array, "place pixel"]:
        return jnp.einsum("kpu,ku->kp", self.weight, r)


class Zero(eqx.Module):
    """A prior's prediction."""

    def __call__(self) -> Float[Array, ""]:
        return jnp.zeros(())


class Sparse(eqx.Module):
    """`strength Σ log(1 + z²)`: a prior of heavy tails. Source: Rao & Ballard 1999, eq. 9."""

    strength: float = eqx.field(static=True)

    def __call__(self, z: Float[Array, ...], mean: Float[Array, ...]) -> Float[Array, ""]:
        return self.strength * jnp.sum(jnp.log1p((z - mean) ** 2))
