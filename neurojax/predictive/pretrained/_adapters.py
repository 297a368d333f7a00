"""Low-rank adapters: matrices that stay, plus a product of two thin ones that learns."""

from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from ...core import Held, name_of
from .._chains import Dense
from .._hierarchy import Hierarchy


@final
class LowRank(eqx.Module):
    """`down` takes in, `up` gives out: their product, up @ down, is added to a matrix."""

    up: Float[Array, "*layers rows rank"]
    down: Float[Array, "*layers rank columns"]


@final
class Adapted(eqx.Module):
    """A module, held, each of whose matrices W is used as `W + scale · up @ down`."""

    module: Held
    adapters: tuple[LowRank, ...]
    scale: float = eqx.field(static=True)

    @property
    def label(self) -> str:
        return f"{name_of(self.module.value)} (adapted)"

    @property
    def merged(self) -> Callable:
        """The module with its adapters in its matrices."""
        leaves, structure = jax.tree.flatten(self.module())
        places = _places(structure.unflatten(leaves))
        for place, adapter in zip(places, self.adapters, strict=True):
            leaves[place] = leaves[place] + self.scale * (adapter.up @ adapter.down)
        return structure.unflatten(leaves)

    def __call__(self, *sources: Array) -> Any:
        return self.merged(*sources)


def with_adapters(
    hierarchy: Hierarchy, rank: int, key: PRNGKeyArray, *, alpha: float | None = None
) -> Hierarchy:
    """The hierarchy with all its weights held, and low-rank adapters that learn in their place.

    Each matrix W of Dense and Linear layers, wherever in an edge's module, becomes
    `W + alpha/rank · B A`, A [rank, in] normal of variance 1/in and B [out, rank] zero, so that
    predictions are those of before. `alpha` is the rank unless given. `finetune` then trains A and
    B alone; `merge_adapters` and `to_backprop` add them to W.

    Raises `ValueError` for a rank below 1 or a hierarchy without such layers.
    Source: Hu et al. 2021, LoRA: low-rank adaptation of large language models, sec. 4.1.
    """
    if rank < 1:
        raise ValueError(f"rank must be at least 1, got {rank}.")
    hierarchy = merge_adapters(hierarchy)
    if not any(matrices_of(edge.module) for edge in hierarchy.edges):
        raise ValueError("with_adapters: the hierarchy has no Dense or Linear layer to adapt.")

    def adapted(module: Callable, key: PRNGKeyArray) -> Adapted:
        matrices = matrices_of(module)
        found = [_fresh(matrix, rank, jr.fold_in(key, n)) for n, matrix in enumerate(matrices)]
        return Adapted(Held(module), tuple(found), (rank if alpha is None else alpha) / rank)

    return _with_modules(
        hierarchy,
        [adapted(edge.module, jr.fold_in(key, n)) for n, edge in enumerate(hierarchy.edges)],
    )


def merge_adapters(hierarchy: Hierarchy) -> Hierarchy:
    """The hierarchy with adapters added to the matrices that they adapt; itself if it has none."""
    modules = [edge.module for edge in hierarchy.edges]
    if not any(isinstance(module, Adapted) for module in modules):
        return hierarchy
    return _with_modules(hierarchy, [m.merged if isinstance(m, Adapted) else m for m in modules])


def matrices_of(module: Any) -> list[Array]:
    """The weight matrices of Dense and Linear layers anywhere in a module."""
    leaves = jax.tree.leaves(module)
    return [leaves[place] for place in _places(module)]


def _places(module: Any) -> list[int]:
    """Which of a module's leaves are such matrices: of Dense and of Equinox's Linear layers the
    weights, of flax's the kernels of two axes, which are transposed."""
    found = [
        part.weight if _is_linear(part) else part
        for path, part in jax.tree_util.tree_leaves_with_path(module, is_leaf=_is_linear)
        if _is_linear(part) or (eqx.is_inexact_array(part) and _is_kernel(path, part))
    ]
    return [
        number
        for number, leaf in enumerate(jax.tree.leaves(module))
        if any(leaf is matrix for matrix in found)
    ]


def _is_linear(part: Any) -> bool:
    return isinstance(part, Dense | eqx.nn.Linear)


def _is_kernel(path: tuple[Any, ...], leaf: Array) -> bool:
    return leaf.ndim == 2 and any(getattr(key, "key", None) == "kernel" for key in path[-2:])


def _fresh(matrix: Array, rank: int, key: PRNGKeyArray) -> LowRank:
    *layers, rows, columns = matrix.shape
    down = jr.normal(key, (*layers, rank, columns), matrix.dtype) * columns**-0.5
    return LowRank(jnp.zeros((*layers, rows, rank), matrix.dtype), down)


def _with_modules(hierarchy: Hierarchy, modules: list[Callable]) -> Hierarchy:
    return eqx.tree_at(lambda h: [edge.module for edge in h.edges], hierarchy, modules)
