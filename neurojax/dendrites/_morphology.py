"""The shape of a neuron: points in space, and the unbranched sections that they make up."""

from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

SOMA = 1
REGIONS = {1: "soma", 2: "axon", 3: "basal", 4: "apical"}
"""SWC's types by name; of any other type, `custom_5` and so on."""


def region_of(type_number: int) -> str:
    return REGIONS.get(type_number, f"custom_{type_number}")


class Morphology:
    """Points of a neuron's tree, each joined to its parent by a frustum.

    ids [point] as in the file, types [point] as SWC's, xyz [point, 3] and radii [point] in µm,
    parents [point] indices (−1 for a root). Further roots are joined to the nearest point of the
    soma, or where there is none, of the first tree. names [point] are regions: SWC's types by name
    unless given.

    Somata: one point is a sphere; three of SWC's convention (two opposite the first, all of one
    radius) are the same sphere; a closed outline is the sphere of its mean distance from its
    centre; others are frusta like all the rest.
    """

    def __init__(
        self,
        *,
        ids: Int[np.ndarray, " point"],
        types: Int[np.ndarray, " point"],
        xyz: Float[np.ndarray, "point 3"],
        radii: Float[np.ndarray, " point"],
        parents: Int[np.ndarray, " point"],
        names: tuple[str, ...] | None = None,
    ) -> None:
        self.ids, self.types, self.xyz, self.radii = ids, types, xyz, radii
        self.names = names or tuple(region_of(t) for t in types.tolist())
        self.parents = joined(parents, xyz, types)

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        counts = {name: int(n) for name, n in zip(*np.unique(self.names, return_counts=True))}
        return f"Morphology({len(self)} points, {len(self.sections)} sections, {counts})"

    @cached_property
    def sections(self) -> "Sections":
        return sections_of(self)


class Sections(NamedTuple):
    """Unbranched cables between junctions, which are points.

    The outline of section s are the entries offsets[s] to offsets[s + 1] of xyz, radii and points;
    points are −1 where an entry only repeats a junction. `begin` and `end` are junctions; a sphere
    begins and ends at its own, where others are joined to its middle.
    """

    begin: Int[np.ndarray, " section"]
    end: Int[np.ndarray, " section"]
    types: Int[np.ndarray, " section"]
    names: tuple[str, ...]
    offsets: Int[np.ndarray, " section+1"]
    xyz: Float[np.ndarray, "entry 3"]
    radii: Float[np.ndarray, " entry"]
    points: Int[np.ndarray, " entry"]
    tree: Int[np.ndarray, " section"]
    """The section on the way to the root, −1 where it begins there."""
    sphere: bool
    """Whether the first section is a sphere, to whose middle others are joined."""

    def __len__(self) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        return len(self.begin)


def joined(
    parents: Int[np.ndarray, " point"],
    xyz: Float[np.ndarray, "point 3"],
    types: Int[np.ndarray, " point"],
) -> Int[np.ndarray, " point"]:
    """The parents of one tree: further roots are joined to the nearest point of the first."""
    roots = np.flatnonzero(parents < 0)
    if len(roots) == 1:
        return parents
    somatic = roots[types[roots] == SOMA]
    first = somatic[0] if len(somatic) else roots[0]
    of_first = _roots(parents) == first
    soma = of_first & (types == SOMA)
    near = np.flatnonzero(soma if soma.any() else of_first)
    parents = parents.copy()
    for root in roots[roots != first]:
        parents[root] = near[np.argmin(np.linalg.norm(xyz[near] - xyz[root], axis=1))]
    return parents


def _roots(parents: np.ndarray) -> np.ndarray:
    """The root of each point."""
    up = np.where(parents < 0, np.arange(len(parents)), parents)
    while (up[up] != up).any():
        up = up[up]
    return up


class _Sphere(NamedTuple):
    """A soma that is one: the point that stands for it, those that it replaces, its place."""

    point: int
    replaced: np.ndarray
    center: np.ndarray
    radius: float


def _sphere(m: Morphology) -> _Sphere | None:
    """The soma as a sphere, where its points mean one."""
    soma = np.flatnonzero(m.types == SOMA)
    if len(m) == 1:
        soma = np.array([0])
    if len(soma) == 1:
        return _Sphere(int(soma[0]), soma, m.xyz[soma[0]], float(m.radii[soma[0]]))
    if len(soma) == 3 and _is_three_point(m, soma):
        first = soma[~np.isin(m.parents[soma], soma)][0]
        return _Sphere(int(first), soma, m.xyz[first], float(m.radii[first]))
    if len(soma) > 3 and _is_outline(m, soma):
        center = m.xyz[soma].mean(axis=0)
        radius = float(np.linalg.norm(m.xyz[soma] - center, axis=1).mean())
        return _Sphere(int(soma[~np.isin(m.parents[soma], soma)][0]), soma, center, radius)
    return None


def _is_three_point(m: Morphology, soma: np.ndarray) -> bool:
    """Two points opposite the first, at its radius, to a hundredth."""
    first = soma[~np.isin(m.parents[soma], soma)]
    if len(first) != 1 or not (m.parents[soma[soma != first[0]]] == first[0]).all():
        return False
    radius = m.radii[first[0]]
    arms = m.xyz[soma[soma != first[0]]] - m.xyz[first[0]]
    lengths = np.linalg.norm(arms, axis=1)
    opposite = np.linalg.norm(arms.sum(axis=0)) < 0.02 * radius
    equal = (np.abs(m.radii[soma] - radius) < 0.01 * radius).all()
    return bool(equal and opposite and (np.abs(lengths - radius) < 0.01 * radius).all())


def _is_outline(m: Morphology, soma: np.ndarray) -> bool:
    """A chain of soma points whose ends meet."""
    inside = np.isin(m.parents[soma], soma)
    parents = m.parents[soma[inside]]
    if inside.sum() != len(soma) - 1 or len(np.unique(parents)) != len(parents):
        return False
    steps = np.linalg.norm(m.xyz[soma[inside]] - m.xyz[parents], axis=1)
    last = soma[~np.isin(soma, parents)][0]
    gap = np.linalg.norm(m.xyz[last] - m.xyz[soma[~inside][0]])
    return bool(gap <= 2 * np.median(steps))


def sections_of(m: Morphology) -> Sections:
    """Sections in an order in which each comes after the one it is joined to.

    A section ends at a tip, at a branch point and where the region changes. A neurite begins at its
    own first point if it has two: what lies inside the soma is no cable.
    """
    sphere = _sphere(m)
    parents, kept = _without(m.parents, sphere)
    children: list[list[int]] = [[] for _ in range(len(m))]
    for point in np.flatnonzero(kept & (parents >= 0)).tolist():
        children[parents[point]].append(point)
    root = int(np.flatnonzero(kept & (parents < 0))[0])
    found: list[tuple[int, list[int], int]] = []  # begin, own points, section before
    pending = [(root, child, -1) for child in children[root]]
    if sphere is not None:
        found.append((root, [root], -1))
        pending = [(root, child, 0) for child in children[root]]
    pending.reverse()
    while pending:
        begin, point, before = pending.pop()
        own = [point]
        while len(children[point]) == 1 and m.names[children[point][0]] == m.names[point]:
            point = children[point][0]
            own.append(point)
        found.append((begin, own, before))
        here = len(found) - 1
        pending.extend((point, child, here) for child in reversed(children[point]))
    outlines = [
        _sphere_outline(sphere)
        if sphere is not None and begin == own[0]
        else _outline(m, begin, own, starts_inside=m.names[begin] != m.names[own[0]])
        for begin, own, _ in found
    ]
    ends = np.array([own[-1] for _, own, _ in found])
    return Sections(
        begin=np.array([begin for begin, _, _ in found]),
        end=ends,
        types=m.types[ends],
        names=tuple(m.names[end] for end in ends),
        offsets=np.cumsum([0, *(len(o.radii) for o in outlines)]),
        xyz=np.concatenate([o.xyz for o in outlines]),
        radii=np.concatenate([o.radii for o in outlines]),
        points=np.concatenate([o.points for o in outlines]),
        tree=np.array([before for _, _, before in found]),
        sphere=sphere is not None,
    )


class _Outline(NamedTuple):
    xyz: np.ndarray
    radii: np.ndarray
    points: np.ndarray


def _outline(m: Morphology, begin: int, own: list[int], starts_inside: bool) -> _Outline:
    entries, points = [begin, *own], [-1, *own]
    xyz, radii = m.xyz[entries], m.radii[entries]
    if starts_inside and m.types[begin] == SOMA:
        if len(own) > 1 and (xyz[1] != xyz[-1]).any():
            return _Outline(xyz[1:], radii[1:], np.array(points[1:]))
        radii = np.concatenate([radii[1:2], radii[1:]])
    if not (np.diff(xyz, axis=0) != 0).any():
        raise ValueError(f"the section that ends at point {m.ids[own[-1]]} has no length.")
    return _Outline(xyz, radii, np.array(points))


def _sphere_outline(sphere: _Sphere) -> _Outline:
    """A cylinder of the sphere's surface, as long as it is wide."""
    half = np.array([0.0, sphere.radius, 0.0])
    xyz = np.stack([sphere.center - half, sphere.center + half])
    return _Outline(xyz, np.full(2, sphere.radius), np.array([sphere.point, -1]))


def _without(parents: np.ndarray, sphere: _Sphere | None) -> tuple[np.ndarray, np.ndarray]:
    """Parents of a tree that has the sphere as its root, and which points are left."""
    kept = np.ones(len(parents), bool)
    if sphere is None:
        return parents, kept
    stands_for = np.arange(len(parents))
    stands_for[sphere.replaced] = sphere.point
    kept[sphere.replaced] = False
    kept[sphere.point] = True
    above = [p for p in parents[sphere.replaced].tolist() if p not in sphere.replaced]
    parents = np.where(parents < 0, -1, stands_for[parents])
    parents[sphere.point] = above[0] if above else -1
    child, point = -1, sphere.point
    while point >= 0:  # what was above the sphere is turned round
        parents[point], child, point = child, point, parents[point]
    return parents, kept
