"""What predicts what: linear units, and the paper's sparse prior."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PyTree


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


def within_unit_norm() -> optax.GradientTransformation:
    """The last of a chain: shortens the update so that no receptive field is longer than 1. Without
    a bound, a sparse prior would have activities shrink and fields grow."""

    def shorten(update: Array | None, field: Array | None) -> Array | None:
        if update is None or field is None or field.ndim != 3:
            return update
        moved = field + update
        norm = jnp.linalg.norm(moved, axis=1, keepdims=True)
        return moved / jnp.maximum(norm, 1) - field

    def update(updates: PyTree, state: PyTree, params: PyTree = None) -> tuple[PyTree, PyTree]:
        return jax.tree.map(shorten, updates, params, is_leaf=lambda x: x is None), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)
