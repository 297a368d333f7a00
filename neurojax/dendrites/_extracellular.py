"""What electrodes outside a cell see of the currents through its membrane."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ._cell import Cell, injected as by_site
from ._compartments import Compartments
from ._tree import axial_current


def extracellular_matrix(
    compartments: Compartments,
    electrodes: Float[np.ndarray, "electrode 3"],
    *,
    sigma: float | int = 0.3,
) -> Float[np.ndarray, "electrode compartment"]:
    """Potential at point electrodes (places in µm) for each current out of a compartment (mV/nA),
    in a medium of one conductivity sigma (S/m) without bounds, far from which it is zero.

    A compartment's current leaves its axis evenly over the surface: along each straight piece it is
    a line source, `(asinh(b/ρ) − asinh(a/ρ)) / (4π σ l)` at a distance ρ from the line on which the
    piece goes from a to b, measured from the foot of ρ. A soma that is a sphere is a point source,
    `1 / (4π σ r)`. An electrode inside a cable or a sphere is taken to be on its surface.

    Raises `ValueError` for a sigma that is not positive and places that are not finite.
    Source: Holt & Koch 1999, J. Comput. Neurosci. 6, 169. 0.3 S/m is about that of cortex: Goto et
    al. 2010, J. Neurophysiol. 104, 3388.
    """
    if not 0 < sigma < np.inf:
        raise ValueError(f"sigma must be positive and finite (S/m), got {sigma}.")
    if not np.isfinite(electrodes).all():
        raise ValueError(f"electrodes must be places in µm, got {electrodes}.")
    frusta = compartments.frusta
    shares = frusta.area / np.bincount(frusta.compartment, frusta.area)[frusta.compartment]
    matrix = np.zeros((len(electrodes), len(compartments)))
    for row, place in zip(matrix, electrodes, strict=True):
        line = _line_sources(frusta.xyz, frusta.radii.mean(axis=1), place)
        row += np.bincount(frusta.compartment, shares * line)
    if compartments.sphere:
        away = np.linalg.norm(electrodes - compartments.xyz[0], axis=1)
        matrix[:, 0] = 1 / np.maximum(away, compartments.radius[0])
    return matrix / (4 * np.pi * sigma)


def _line_sources(
    ends: Float[np.ndarray, "line 2 3"],
    radii: Float[np.ndarray, " line"],
    place: Float[np.ndarray, "3"],
) -> Float[np.ndarray, " line"]:
    """The mean of one over the distance of a place to the points of each line (1/µm)."""
    along = ends[:, 1] - ends[:, 0]
    length = np.linalg.norm(along, axis=1)
    to = ends - place
    a, b = (np.sum(to[:, k] * along, axis=1) / length for k in (0, 1))
    away = np.linalg.norm(to[:, 0] - (a / length)[:, None] * along, axis=1)
    away = np.maximum(away, radii)
    return (np.arcsinh(b / away) - np.arcsinh(a / away)) / length


def membrane_current(
    cell: Cell, v: Float[Array, "time compartment *shape"], injected: Any = 0.0
) -> Float[Array, "time compartment *shape"]:
    """The current out of each compartment through its membrane (nA), capacitive, ionic and
    synaptic: what flows in along the tree and from electrodes.

    v (mV) is that of all compartments, recorded by `simulate(..., record=["v"])`. injected is the
    current that electrodes put in (nA), a number or [time, *shape]: into the soma, or a dict of
    them by site. Of a drive `step` that is `jax.vmap(step.at)(run.ts)`, of a clamp `clamp.at(v)`
    with v at the site. Without it, the currents of a cell add up to zero.

    Raises `ValueError` for a v of another number of compartments.
    """
    if v.shape[1] != cell.tree.compartments:
        raise ValueError(f"v must be of all {cell.tree.compartments} compartments, at some times, "
                         f"got the shape {v.shape}.")  # fmt: skip
    inward = -jax.vmap(lambda v: axial_current(cell.tree, cell.axial(), v))(v)
    for site, current in by_site(injected).items():
        inward = inward.at[:, cell.sites[site]].add(jnp.asarray(current, v.dtype))
    return inward


def extracellular_potential(
    matrix: Float[np.ndarray | Array, "electrode compartment"],
    currents: Float[Array, "time compartment *shape"],
) -> Float[Array, "time electrode *shape"]:
    """The potential at electrodes (mV) of the currents out of a cell (nA): of `membrane_current`,
    with the matrix of `extracellular_matrix`."""
    return jnp.einsum("ec,tc...->te...", jnp.asarray(matrix, currents.dtype), currents)
