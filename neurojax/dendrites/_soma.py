"""Somata that are spheres: which points mean one, and the tree with the sphere as its root."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

SOMA = 1
"""SWC's type."""
CLOSE = 0.01
"""Of the radius: how near points are to the places that SWC's convention gives them; files have
three digits or more."""

Parents = Int[np.ndarray, " point"]


class Sphere(NamedTuple):
    """The point that stands for it, the points that it replaces, its place and radius (µm)."""

    point: int
    replaced: Int[np.ndarray, " replaced"]
    center: Float[np.ndarray, "3"]
    radius: float


def sphere_of(
    types: Int[np.ndarray, " point"],
    xyz: Float[np.ndarray, "point 3"],
    radii: Float[np.ndarray, " point"],
    parents: Parents,
) -> Sphere | None:
    """The soma as a sphere, where its points mean one; a lone point is one of any type.

    Source of the convention of three points: neuromorpho.org/SomaFormat.html.
    """
    soma = np.flatnonzero(types == SOMA) if len(types) > 1 else np.array([0])
    first = soma[~np.isin(parents[soma], soma)]
    if len(first) != 1:
        return None
    center, radius = xyz[first[0]], float(radii[first[0]])
    others = soma[soma != first[0]]
    if len(soma) > 3 and _is_outline(xyz[soma], xyz[parents[others]], xyz[others], parents[others]):
        center = xyz[soma].mean(axis=0)
        radius = float(np.linalg.norm(xyz[soma] - center, axis=1).mean())
    elif len(soma) != 1 and not (
        len(soma) == 3
        and (parents[others] == first[0]).all()
        and _is_three_point(xyz[others] - center, radii[others], radius)
    ):
        return None
    return Sphere(int(first[0]), soma, center, radius)


def _is_three_point(
    arms: Float[np.ndarray, "2 3"], radii: Float[np.ndarray, "2"], radius: float
) -> bool:
    """Two points on opposite sides of the first, at its radius, and of its radius."""
    lengths = np.linalg.norm(arms, axis=1)
    off = [*(lengths - radius), *(radii - radius), np.linalg.norm(arms.sum(axis=0)) / 2]
    return bool((np.abs(off) < CLOSE * radius).all())


def _is_outline(soma: np.ndarray, before: np.ndarray, after: np.ndarray, parents: Parents) -> bool:
    """A chain of soma points whose ends are at most two steps apart: a line's never are."""
    if len(np.unique(parents)) != len(parents):
        return False
    step = np.median(np.linalg.norm(after - before, axis=1))
    # What the chain begins and ends with is what the steps do not cancel.
    gap = np.linalg.norm(after.sum(axis=0) - before.sum(axis=0))
    return bool(gap <= 2 * step)


def rooted_at(sphere: Sphere, parents: Parents) -> tuple[Parents, Bool[np.ndarray, " point"]]:
    """Parents of the tree that has the sphere as its root, and which points are left."""
    stands_for = np.arange(len(parents))
    stands_for[sphere.replaced] = sphere.point
    kept = stands_for == np.arange(len(parents))
    above = int(parents[sphere.point])
    parents = np.where(parents < 0, -1, stands_for[parents])
    parents[sphere.point] = above
    child, point = -1, sphere.point
    while point >= 0:  # what was above the sphere is turned round
        parents[point], child, point = child, point, int(parents[point])
    return parents, kept
