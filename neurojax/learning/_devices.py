"""The samples of a batch divided among several devices, all else whole on each of them."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import PyTree

WHOLE, DIVIDED = PartitionSpec(), PartitionSpec("samples")


def mesh_of(devices: Sequence[Any]) -> Mesh:
    """Those devices in a row."""
    given = list(devices)
    if not given or not all(isinstance(device, jax.Device) for device in given):
        raise ValueError(f"devices must be a sequence of one or more jax devices, got {devices!r}.")
    if len(set(given)) < len(given):
        raise ValueError(f"devices must be there once each, got {devices!r}.")
    return Mesh(np.array(given), ("samples",), axis_types=(AxisType.Auto,))


def refuse_unequal_parts(samples: int, mesh: Mesh | None, of: str) -> None:
    """A batch that the devices cannot share equally; `of` says whose samples these are."""
    if mesh is not None and samples % mesh.size:
        raise ValueError(f"{of} must divide among the {mesh.size} devices equally, got {samples}.")


def placed(tree: PyTree, mesh: Mesh | None, spec: PartitionSpec = WHOLE) -> PyTree:
    """The tree with its arrays on the devices."""
    return _on(jax.device_put, tree, mesh, spec)


def kept(tree: PyTree, mesh: Mesh | None, spec: PartitionSpec = WHOLE) -> PyTree:
    """The same within a compiled function."""
    return _on(jax.lax.with_sharding_constraint, tree, mesh, spec)


def placed_by_size(tree: PyTree, mesh: Mesh | None) -> PyTree:
    """Each array divided where its first axis can be, else whole: how long it takes, not what
    comes out."""

    def place(x: Any) -> Any:
        divides = mesh is not None and np.ndim(x) > 0 and np.shape(x)[0] % mesh.size == 0
        return placed(x, mesh, DIVIDED if divides else WHOLE)

    return jax.tree.map(place, tree)


def _on(how: Any, tree: PyTree, mesh: Mesh | None, spec: PartitionSpec) -> PyTree:
    if mesh is None:
        return tree
    arrays, rest = eqx.partition(tree, eqx.is_array)
    return eqx.combine(how(arrays, NamedSharding(mesh, spec)), rest)
