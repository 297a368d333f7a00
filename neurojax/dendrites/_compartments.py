"""Compartments: pieces of sections, their areas, and the graph of resistances that joins them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from ._frusta import Cables, Frusta, Halves, between, cables_of, frustum_at, halves_of
from ._morphology import Morphology, Sections, refuse_unknown_regions


@dataclass(frozen=True, eq=False)
class Compartments:
    """Pieces of equal length of each section, in the order of sections, and their graph.

    length, radius (of a cylinder of this area and length), xyz (of the middle) and distance (along
    the tree from the root to the middle, the way inside the soma left out) in µm, area in µm².
    `near` and `far` are the axial resistance from a compartment's middle to its two ends over the
    resistivity, `∫ dx / π r²` (1/µm). of_point is the compartment of each point of the morphology.

    A node is a compartment, or beyond these a junction of three sections or more, which has no
    membrane. Edge e joins nodes `ends[e]`; `weights[e]` are the resistances on either side, as in
    `near`, and `sides[e]` the compartments whose resistivity they have. A sphere has no resistance
    inside.

    frusta are the straight pieces that compartments are made of; sphere says whether compartment 0
    is a sphere.
    """

    section: Int[np.ndarray, " compartment"]
    region: tuple[str, ...]
    length: Float[np.ndarray, " compartment"]
    radius: Float[np.ndarray, " compartment"]
    area: Float[np.ndarray, " compartment"]
    near: Float[np.ndarray, " compartment"]
    far: Float[np.ndarray, " compartment"]
    xyz: Float[np.ndarray, "compartment 3"]
    distance: Float[np.ndarray, " compartment"]
    of_point: Int[np.ndarray, " point"]
    nodes: int
    ends: Int[np.ndarray, "edge 2"]
    sides: Int[np.ndarray, "edge 2"]
    weights: Float[np.ndarray, "edge 2"]
    frusta: Frusta
    sphere: bool

    def __len__(self) -> int:
        return len(self.area)

    def __repr__(self) -> str:
        return f"Compartments({len(self)} in {self.section[-1] + 1} sections)"

    def select(
        self,
        region: str | None = None,
        *,
        distance: tuple[float | int, float | int] | None = None,
        where: Callable[["Compartments"], Bool[np.ndarray, " compartment"]] | None = None,
    ) -> Bool[np.ndarray, " compartment"]:
        """Which compartments have all that is asked for: a region's name, a distance from the root
        in [low, high) µm, and what a function of the compartments says of each.

        Raises `ValueError` for a region that the cell does not have, a low that is above high, and
        a mask of another shape.
        """
        mask = np.ones(len(self), bool)
        if region is not None:
            refuse_unknown_regions([region], self.region, "region")
            mask &= np.array(self.region) == region
        if distance is not None:
            low, high = distance
            if not low <= high:
                raise ValueError(f"distance must be (low, high) with low <= high, got {distance}.")
            mask &= (low <= self.distance) & (self.distance < high)
        if where is not None:
            own = np.asarray(where(self))
            if own.shape != mask.shape or own.dtype != bool:
                raise ValueError(f"where must give a boolean for each of the {len(self)} "
                                 f"compartments, got {own.dtype} {own.shape}.")  # fmt: skip
            mask &= own
        return mask


def compartments_of(m: Morphology, counts: Int[np.ndarray, " section"]) -> Compartments:
    """`counts` compartments in each section; a sphere's is 1."""
    s = m.sections
    cables = cables_of(s)
    halves = halves_of(s, cables, counts)
    first = np.concatenate([[0], np.cumsum(counts)])
    section = np.repeat(np.arange(len(s)), counts)
    length = cables.length[section] / counts[section]
    area = halves.area[::2] + halves.area[1::2]
    near, far = halves.resistance[::2].copy(), halves.resistance[1::2].copy()
    middle = halves.start[1::2]
    distance = _starts(s, cables)[section] + middle - cables.begin[section]
    if s.sphere:
        near[0] = far[0] = distance[0] = 0.0
    ends, sides, weights, nodes = _graph(s, first, near, far)
    return Compartments(
        section=section,
        region=tuple(s.names[k] for k in section.tolist()),
        length=length,
        radius=area / (2 * np.pi * length),
        area=area,
        near=near,
        far=far,
        xyz=between(s.xyz, cables, frustum_at(cables, middle), middle),
        distance=distance,
        of_point=_of_point(m, cables, halves, first),
        nodes=nodes,
        ends=ends,
        sides=sides,
        weights=weights,
        frusta=halves.frusta,
        sphere=s.sphere,
    )


def _starts(s: Sections, cables: Cables) -> Float[np.ndarray, " section"]:
    """How far from the root sections begin; those of a sphere at 0."""
    start, length = np.zeros(len(s)), cables.length.copy()
    if s.sphere:
        length[0] = 0.0
    for k, before in enumerate(s.before.tolist()):
        if before >= 0:
            start[k] = start[before] + length[before]
    return start


def _of_point(
    m: Morphology, cables: Cables, halves: Halves, first: np.ndarray
) -> Int[np.ndarray, " point"]:
    """The compartment that each point lies in, of two that meet there the one nearer the root; of a
    sphere's points and the root, the first."""
    s = m.sections
    found = np.zeros(len(m), int)
    section = np.repeat(np.arange(len(s)), np.diff(s.offsets))
    here = (np.searchsorted(halves.start, cables.along) - 1) // 2
    here = np.clip(here, first[section], first[section + 1] - 1)
    own = s.points >= 0
    found[s.points[own]] = here[own]
    for point, junction in s.merged:  # the junction's own compartment is known by now
        found[point] = found[junction]
    return found


def _graph(
    s: Sections, first: np.ndarray, near: np.ndarray, far: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Edges within sections, and through the junctions between them."""
    inner = np.setdiff1d(np.arange(first[-1]), first[1:] - 1)
    nodes = int(first[-1])
    at: dict[int, list[int]] = {}  # the compartments at a junction, ~c where it is their far end
    for k in range(int(s.sphere), len(s)):
        at.setdefault(int(s.begin[k]), []).append(int(first[k]))
        at.setdefault(int(s.end[k]), []).append(~int(first[k + 1] - 1))
    ends, sides, weights = [], [], []
    for junction, parts in at.items():
        here = [(c, float(near[c])) if c >= 0 else (~c, float(far[~c])) for c in parts]
        if s.sphere and junction == s.begin[0]:
            ends += [(0, c) for c, _ in here]
            sides += [(0, c) for c, _ in here]
            weights += [(0.0, w) for _, w in here]
        elif len(here) == 2:
            (a, w_a), (b, w_b) = here
            ends.append((a, b))
            sides.append((a, b))
            weights.append((w_a, w_b))
        elif len(here) > 2:
            ends += [(nodes, c) for c, _ in here]
            sides += [(c, c) for c, _ in here]
            weights += [(0.0, w) for _, w in here]
            nodes += 1
    inner_ends = np.stack([inner, inner + 1], axis=1)
    return (
        np.concatenate([inner_ends, np.array(ends, int).reshape(-1, 2)]),
        np.concatenate([inner_ends, np.array(sides, int).reshape(-1, 2)]),
        np.concatenate(
            [np.stack([far[inner], near[inner + 1]], axis=1), np.array(weights).reshape(-1, 2)]
        ),
        nodes,
    )
