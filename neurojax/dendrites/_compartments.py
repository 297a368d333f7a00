"""From sections to compartments: areas, axial resistances and the graph that joins them."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ._morphology import Morphology, Sections

Counts = Int[np.ndarray, " section"]


class Compartments(NamedTuple):
    """Pieces of equal length of each section, in the order of sections, and their graph.

    `near` and `far` are the axial resistance from a compartment's middle to its two ends over the
    resistivity, `∫ dx / π r²` (1/µm). A node is a compartment, or beyond these a junction of three
    sections or more, which has no membrane. Edge e joins nodes `ends[e]`; `weights[e]` are those of
    the resistance on either side, in 1/µm, of the compartments `sides[e]`.
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
    """Along the tree from the root (µm), to the middle."""
    of_point: Int[np.ndarray, " point"]
    """The compartment of each point of the morphology."""
    nodes: int
    ends: Int[np.ndarray, "edge 2"]
    sides: Int[np.ndarray, "edge 2"]
    weights: Float[np.ndarray, "edge 2"]

    def __len__(self) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        return len(self.area)


def compartments_of(m: Morphology, counts: Counts) -> Compartments:
    """`counts` compartments in each section."""
    s = m.sections
    first = np.cumsum([0, *counts])
    section = np.repeat(np.arange(len(s)), counts)
    part = (np.arange(first[-1]) - first[section]) / counts[section]
    outline = _Outline.of(s)
    whole = outline.length[section]
    begin, width = outline.begin[section] + part * whole, whole / counts[section]
    area, resistance = outline.area, outline.resistance
    lower, middle, upper = (
        [f(section, begin + share * width) for f in (area, resistance)] for share in (0, 0.5, 1)
    )
    near, far = middle[1] - lower[1], upper[1] - middle[1]
    if s.sphere:
        near[0] = far[0] = 0.0
    start = np.zeros(len(s))
    for k, before in enumerate(s.tree.tolist()):
        own_start = 0.0 if before < 0 or (s.sphere and before == 0) else outline.length[before]
        start[k] = own_start + (start[before] if before >= 0 else 0.0)
    distance = start[section] + (part + 0.5 / counts[section]) * whole
    if s.sphere:
        distance[0] = 0.0
    ends, sides, weights, nodes = _graph(s, first, near, far)
    return Compartments(
        section=section,
        region=tuple(s.names[k] for k in section),
        length=width,
        radius=(upper[0] - lower[0]) / (2 * np.pi * width),
        area=upper[0] - lower[0],
        near=near,
        far=far,
        xyz=outline.place(section, begin + width / 2),
        distance=distance,
        of_point=_of_point(m, s, outline, counts, first),
        nodes=nodes,
        ends=ends,
        sides=sides,
        weights=weights,
    )


class _Outline(NamedTuple):
    """The outlines of all sections laid end to end: cumulative length, area and resistance.

    A frustum from r₀ to r₁ of length l has the area `π (r₀ + r₁) √(l² + (r₁ − r₀)²)` and the
    resistance `l / (π r₀ r₁)`; a part of it is a frustum too.
    """

    s: Sections
    begin: np.ndarray
    length: np.ndarray
    along: np.ndarray
    areas: np.ndarray
    resistances: np.ndarray

    @classmethod
    def of(cls, s: Sections) -> "_Outline":
        steps = np.linalg.norm(np.diff(s.xyz, axis=0), axis=1)
        steps[s.offsets[1:-1] - 1] = 0.0  # from one section to the next
        a, b = s.radii[:-1], s.radii[1:]
        area = np.pi * (a + b) * np.hypot(steps, b - a)
        area[s.offsets[1:-1] - 1] = 0.0
        along, areas, resistances = (
            np.concatenate([[0.0], np.cumsum(x)]) for x in (steps, area, steps / (np.pi * a * b))
        )
        begin = along[s.offsets[:-1]]
        return cls(s, begin, along[s.offsets[1:] - 1] - begin, along, areas, resistances)

    def _frustum(
        self, section: np.ndarray, at: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The entry before a place, how far the place is beyond it (µm), and the radius there."""
        entry = np.searchsorted(self.along, at, side="right") - 1
        entry = np.clip(entry, self.s.offsets[section], self.s.offsets[section + 1] - 2)
        beyond = np.clip(at - self.along[entry], 0.0, self.along[entry + 1] - self.along[entry])
        whole = self.along[entry + 1] - self.along[entry]
        share = beyond / np.where(whole > 0, whole, 1.0)
        radii = self.s.radii
        return entry, beyond, radii[entry] + share * (radii[entry + 1] - radii[entry])

    def area(self, section: np.ndarray, at: np.ndarray) -> np.ndarray:
        entry, beyond, radius = self._frustum(section, at)
        first = self.s.radii[entry]
        return self.areas[entry] + np.pi * (first + radius) * np.hypot(beyond, radius - first)

    def resistance(self, section: np.ndarray, at: np.ndarray) -> np.ndarray:
        entry, beyond, radius = self._frustum(section, at)
        return self.resistances[entry] + beyond / (np.pi * self.s.radii[entry] * radius)

    def place(self, section: np.ndarray, at: np.ndarray) -> np.ndarray:
        entry, beyond, _ = self._frustum(section, at)
        whole = np.maximum(self.along[entry + 1] - self.along[entry], 1e-12)
        ahead = self.s.xyz[entry + 1] - self.s.xyz[entry]
        return self.s.xyz[entry] + (beyond / whole)[:, None] * ahead


def _of_point(
    m: Morphology, s: Sections, outline: _Outline, counts: np.ndarray, first: np.ndarray
) -> np.ndarray:
    """The compartment that each point lies in; of the soma's and the root's, the first."""
    found = np.zeros(len(m), int)
    section = np.repeat(np.arange(len(s)), np.diff(s.offsets))
    share = (outline.along[: len(section)] - outline.begin[section]) / outline.length[section]
    part = np.minimum((share * counts[section] * (1 - 1e-12)).astype(int), counts[section] - 1)
    own = s.points >= 0
    found[s.points[own]] = (first[section] + part)[own]
    return found


def _graph(
    s: Sections, first: np.ndarray, near: np.ndarray, far: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Edges within sections, and through the junctions between them."""
    ends, weights = [], []
    at: dict[int, list[tuple[int, float]]] = {}
    for k in range(len(s)):
        inner = np.arange(first[k], first[k + 1] - 1)
        ends.extend(zip(inner, inner + 1, strict=True))
        weights.extend(zip(far[inner], near[inner + 1], strict=True))
        if s.sphere and k == 0:
            continue
        at.setdefault(int(s.begin[k]), []).append((first[k], near[first[k]]))
        at.setdefault(int(s.end[k]), []).append((first[k + 1] - 1, far[first[k + 1] - 1]))
    sides, nodes = list(ends), int(first[-1])
    for junction, parts in at.items():
        if s.sphere and junction == s.begin[0]:
            ends.extend((0, c) for c, _ in parts)
            sides.extend((0, c) for c, _ in parts)
            weights.extend((0.0, w) for _, w in parts)
        elif len(parts) == 2:
            (a, wa), (b, wb) = parts
            ends.append((a, b))
            sides.append((a, b))
            weights.append((wa, wb))
        elif len(parts) > 2:
            ends.extend((nodes, c) for c, _ in parts)
            sides.extend((c, c) for c, _ in parts)
            weights.extend((0.0, w) for _, w in parts)
            nodes += 1
    shape = (-1, 2)
    return (
        np.array(ends, int).reshape(shape),
        np.array(sides, int).reshape(shape),
        np.array(weights, float).reshape(shape),
        nodes,
    )


def counted(
    m: Morphology,
    *,
    compartments: int | Callable[[str], int] | None,
    max_length: float | None,
    d_lambda: float | None,
    resistivity: float,
    capacitance: float,
) -> Counts:
    """How many compartments each section gets; see `Cell.from_morphology`."""
    s = m.sections
    outline = _Outline.of(s)
    if compartments is not None:
        number = compartments if callable(compartments) else lambda _: compartments
        counts = np.array([number(name) for name in s.names])
    elif max_length is not None:
        counts = np.ceil(outline.length / max_length - 1e-9).astype(int)
    else:
        counts = _by_lambda(s, outline, d_lambda or 0.1, resistivity, capacitance)
    counts = np.maximum(counts, 1)
    if s.sphere:
        counts[0] = 1
    return counts


FREQUENCY = 100.0  # Hz


def _by_lambda(
    s: Sections, outline: _Outline, share: float, resistivity: float, capacitance: float
) -> Counts:
    """An odd count for each section, of compartments at most `share` of the length constant at
    100 Hz: `λ = ½ √(d / (π f R_a C_m))`. Source: Hines & Carnevale 2001, Neuroscientist 7, 123."""
    sections = np.arange(len(s))
    total = outline.area(sections, outline.begin + outline.length) - outline.area(
        sections, outline.begin
    )
    diameter = total / (np.pi * outline.length)
    constant = 1e5 * np.sqrt(diameter / (4 * np.pi * FREQUENCY * resistivity * capacitance))
    return (((outline.length / (share * constant) + 0.9) / 2).astype(int)) * 2 + 1
