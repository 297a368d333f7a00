"""Conductances on a tree: a symmetric operator on its compartments."""

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
from jaxtyping import Array, Float

from ._tree import Tree, axial_current


class TreeOperator(lx.AbstractLinearOperator):
    """`y = d x + Σ g (x − x')`, summed over the neighbours x' of each compartment; junctions are at
    the potential at which as much current leaves them as enters.

    diagonal [compartment, *shape] and axial [edge] or [edge, *shape], all positive (µS).
    """

    diagonal: Float[Array, "compartment *shape"]
    axial: Float[Array, "edge *axial_shape"]
    tree: Tree = eqx.field(static=True)

    def mv(self, vector: Float[Array, "compartment *shape"]) -> Float[Array, "compartment *shape"]:
        return self.diagonal * vector + axial_current(self.tree, self.axial, vector)

    def as_matrix(self) -> Float[Array, "compartment compartment"]:
        columns = jnp.eye(self.tree.compartments, dtype=self.diagonal.dtype)
        return jax.vmap(self.mv, in_axes=1, out_axes=1)(columns)

    def transpose(self) -> "TreeOperator":
        return self

    def in_structure(self) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(self.diagonal.shape, self.diagonal.dtype)

    def out_structure(self) -> jax.ShapeDtypeStruct:
        return self.in_structure()

    def __add__(self, other: lx.AbstractLinearOperator) -> lx.AbstractLinearOperator:
        if isinstance(other, lx.DiagonalLinearOperator):
            return TreeOperator(self.diagonal + other.diagonal, self.axial, self.tree)
        return super().__add__(other)


for _property, _holds in {
    lx.is_symmetric: True,
    lx.is_positive_semidefinite: True,
    lx.is_negative_semidefinite: False,
    lx.is_diagonal: False,
    lx.is_tridiagonal: False,
    lx.has_unit_diagonal: False,
    lx.is_lower_triangular: False,
    lx.is_upper_triangular: False,
}.items():
    _property.register(TreeOperator)(lambda operator, holds=_holds: holds)
for _change in (lx.linearise, lx.materialise):
    _change.register(TreeOperator)(lambda operator: operator)
