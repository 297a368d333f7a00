"""The shape of a neuron: points in space, and the unbranched sections that they make up."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from ._soma import SOMA, Sphere, rooted_at, sphere_of

REGIONS = {0: "undefined", SOMA: "soma", 2: "axon", 3: "basal", 4: "apical"}
"""SWC's types by name; of any other type, `custom_5` and so on."""


def region_of(type_number: int) -> str:
    return REGIONS.get(type_number, f"custom_{type_number}")


def refuse_unknown_regions(asked: Iterable[str], known: Iterable[str], argument: str) -> None:
    known = sorted(set(known))
    for name in asked:
        if name not in known:
            raise ValueError(f"{argument}: there is no region {name!r}, the cell has "
                             f"{', '.join(known)}.")  # fmt: skip


@dataclass(frozen=True, eq=False)
class Sections:
    """Unbranched cables between junctions, which are points.

    The outline of section s are the entries offsets[s] to offsets[s + 1] of xyz, radii (µm) and
    points; points are −1 where an entry only repeats a junction. begin and end are junctions,
    before is the section on the way to the root (−1: it begins there). sphere says whether section
    0 is one: it begins and ends at its own junction, where others are joined to its middle. merged
    are the points whose section has no length, each with the junction that it is at.
    """

    begin: Int[np.ndarray, " section"]
    end: Int[np.ndarray, " section"]
    types: Int[np.ndarray, " section"]
    names: tuple[str, ...]
    offsets: Int[np.ndarray, " section+1"]
    xyz: Float[np.ndarray, "entry 3"]
    radii: Float[np.ndarray, " entry"]
    points: Int[np.ndarray, " entry"]
    before: Int[np.ndarray, " section"]
    sphere: bool
    merged: list[tuple[int, int]]

    def __len__(self) -> int:
        return len(self.begin)


class Morphology:
    """Points of a neuron's tree, each joined to its parent by a frustum of the point's own type.

    ids and types [point] are SWC's, xyz [point, 3] and radii [point] in µm, parents [point] are
    indices (−1 for a root). Further roots are joined to the nearest point of the soma, or where
    there is none, of the first tree. names [point] are regions: SWC's types by name, of types
    beyond 4 `custom_5` and so on.

    Somata: one point is a sphere; three of NeuroMorpho's convention (two opposite the first, all of
    one radius) are the same sphere; a closed outline is the sphere of its mean distance from its
    centre; others are frusta like all the rest.

    sections: cables that end at a tip, at a branch point and where the type changes. One that is
    joined to the soma, or to a point that its first own point repeats, begins at that own point if
    it has two: what lies inside the soma is no cable.

    Raises `ValueError` for no points, radii that are not positive, places that are not finite, ids
    that are there twice, parents that are no points and points that are their own ancestors.
    """

    def __init__(
        self,
        *,
        ids: Int[np.ndarray, " point"],
        types: Int[np.ndarray, " point"],
        xyz: Float[np.ndarray, "point 3"],
        radii: Float[np.ndarray, " point"],
        parents: Int[np.ndarray, " point"],
    ) -> None:
        _refuse_no_tree(ids, xyz, radii, parents)
        self.ids, self.types, self.xyz, self.radii = ids, types, xyz, radii
        self.names = tuple(region_of(t) for t in types.tolist())
        self.parents = joined(parents, xyz, types)

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"Morphology({len(self)} points, {len(self.sections)} sections, " \
               f"{dict(Counter(self.names))})"  # fmt: skip

    @cached_property
    def sections(self) -> Sections:
        """Raises `ValueError` where all points are at one place and there is no sphere."""
        return sections_of(self)


def _refuse_no_tree(
    ids: np.ndarray, xyz: np.ndarray, radii: np.ndarray, parents: np.ndarray
) -> None:
    if not len(ids):
        raise ValueError("Morphology: ids must name at least one point, got none.")
    faults = [
        ("ids", ids, "differ", ~np.isin(np.arange(len(ids)), np.unique(ids, return_index=True)[1])),
        ("xyz", xyz, "be finite", ~np.isfinite(xyz).all(axis=1)),
        ("radii", radii, "be positive and finite", ~((radii > 0) & np.isfinite(radii))),
        (
            "parents",
            parents,
            f"be from -1 to {len(ids) - 1}",
            (parents < -1) | (parents >= len(ids)),
        ),
    ]
    for name, values, expected, wrong in faults:
        if wrong.any():
            at = int(np.argmax(wrong))
            raise ValueError(f"Morphology: {name} must {expected}, got {values[at]} at {at}.")
    circle = on_circle(parents)
    if circle.size:
        raise ValueError(f"Morphology: parents make point {ids[circle[0]]} its own ancestor.")


def on_circle(parents: Int[np.ndarray, " point"]) -> Int[np.ndarray, " circle"]:
    """Points that are their own ancestors."""
    ancestor = parents
    for _ in range(len(parents).bit_length()):  # twice as far up in each round
        ancestor = np.where(ancestor < 0, -1, ancestor[ancestor])
    return np.unique(ancestor[ancestor >= 0])  # further up than there are points


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


def _roots(parents: Int[np.ndarray, " point"]) -> Int[np.ndarray, " point"]:
    """The root of each point: looked up twice as far in each round."""
    up = np.where(parents < 0, np.arange(len(parents)), parents)
    while (up[up] != up).any():
        up = up[up]
    return up


def sections_of(m: Morphology) -> Sections:
    """Sections in an order in which each comes after the one it is joined to."""
    sphere = sphere_of(m.types, m.xyz, m.radii, m.parents)
    parents, kept = m.parents, np.ones(len(m), bool)
    if sphere is not None:
        parents, kept = rooted_at(sphere, parents)
    children: list[list[int]] = [[] for _ in range(len(m))]
    for point, parent in enumerate(parents.tolist()):
        if kept[point] and parent >= 0:
            children[parent].append(point)
    root = int(np.flatnonzero(kept & (parents < 0))[0])
    found, outlines, merged = [], [], []
    if sphere is not None:
        found.append((root, root, -1))
        outlines.append(_sphere_outline(sphere))
    pending = [(root, child, len(found) - 1) for child in reversed(children[root])]
    while pending:
        begin, point, before = pending.pop()
        own = [point]
        while len(children[point]) == 1 and m.types[children[point][0]] == m.types[point]:
            point = children[point][0]
            own.append(point)
        if (m.xyz[own] == m.xyz[begin]).all():
            merged.extend((p, begin) for p in own)
            pending.extend((begin, child, before) for child in reversed(children[point]))
            continue
        found.append((begin, point, before))
        outlines.append(_outline(m, begin, own))
        pending.extend((point, child, len(found) - 1) for child in reversed(children[point]))
    if not found:
        raise ValueError(f"the morphology's {len(m)} points are all at one place.")
    begin, end, before = np.array(found).T
    xyz, radii, points = (np.concatenate(parts) for parts in zip(*outlines, strict=True))
    return Sections(
        begin=begin,
        end=end,
        types=m.types[end],
        names=tuple(m.names[point] for point in end.tolist()),
        offsets=np.cumsum([0, *(len(own) for _, _, own in outlines)]),
        xyz=xyz,
        radii=radii,
        points=points,
        before=before,
        sphere=sphere is not None,
        merged=merged,
    )


Outline = tuple[np.ndarray, np.ndarray, np.ndarray]
"""xyz, radii and points."""


def _outline(m: Morphology, begin: int, own: list[int]) -> Outline:
    entries, points = [begin, *own], [-1, *own]
    xyz, radii = m.xyz[entries], m.radii[entries]
    leaves_soma = m.types[begin] == SOMA and m.types[own[0]] != SOMA
    if leaves_soma or (xyz[0] == xyz[1]).all():
        if (xyz[1:] != xyz[1]).any():
            return xyz[1:], radii[1:], np.array(points[1:])
        radii[0] = radii[1]
    return xyz, radii, np.array(points)


def _sphere_outline(sphere: Sphere) -> Outline:
    """A cylinder of the sphere's surface, as long as it is wide."""
    half = np.array([0.0, sphere.radius, 0.0])
    xyz = np.stack([sphere.center - half, sphere.center + half])
    return xyz, np.full(2, sphere.radius), np.array([sphere.point, -1])
