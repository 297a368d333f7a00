"""The geometry of sections: frusta cut at the ends and the middles of compartments."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ._morphology import Sections


class Cables(NamedTuple):
    """All outlines laid end to end on one line: `along` is each entry's place on it (µm)."""

    along: Float[np.ndarray, " entry"]
    begin: Float[np.ndarray, " section"]
    length: Float[np.ndarray, " section"]
    inside: np.ndarray
    """Whether the step from an entry to the next stays in one section."""


class Frusta(NamedTuple):
    """Straight pieces of compartments: the compartment of each, its two ends in space and its radii
    there (µm). A sphere's is a cylinder of its surface."""

    compartment: Int[np.ndarray, " frustum"]
    xyz: Float[np.ndarray, "frustum 2 3"]
    radii: Float[np.ndarray, "frustum 2"]

    @property
    def length(self) -> Float[np.ndarray, " frustum"]:
        return np.linalg.norm(self.xyz[:, 1] - self.xyz[:, 0], axis=1)

    @property
    def area(self) -> Float[np.ndarray, " frustum"]:
        a, b = self.radii.T
        return np.pi * (a + b) * np.hypot(self.length, b - a)


class Halves(NamedTuple):
    """Of the two halves of each compartment, in turn; and the frusta that these are made of."""

    start: Float[np.ndarray, " half"]
    area: Float[np.ndarray, " half"]
    resistance: Float[np.ndarray, " half"]
    """Over the resistivity: `∫ dx / π r²` (1/µm)."""
    frusta: Frusta


def cables_of(s: Sections) -> Cables:
    steps = np.linalg.norm(np.diff(s.xyz, axis=0), axis=1)
    inside = np.ones(len(steps), bool)
    inside[s.offsets[1:-1] - 1] = False
    along = np.concatenate([[0.0], np.cumsum(np.where(inside, steps, 0.0))])
    begin = along[s.offsets[:-1]]
    return Cables(along, begin, along[s.offsets[1:] - 1] - begin, inside)


def halves_of(s: Sections, cables: Cables, counts: Int[np.ndarray, " section"]) -> Halves:
    """Areas and resistances of the half compartments: sums over the frusta that lie in each.

    A frustum from r₀ to r₁ of length l has the area `π (r₀ + r₁) √(l² + (r₁ − r₀)²)` and the
    resistance `l / (π r₀ r₁)`; a part of it is a frustum too, and a step in radius at one place
    one of no length.
    """
    section = np.repeat(np.arange(len(s)), 2 * counts)
    part = np.arange(len(section)) - 2 * np.repeat(np.cumsum(counts) - counts, 2 * counts)
    start = cables.begin[section] + part / (2 * counts[section]) * cables.length[section]
    cuts = np.sort(np.concatenate([start, cables.along]))
    cuts = cuts[np.concatenate([[True], np.diff(cuts) > 0])]
    width, middle = np.diff(cuts), (cuts[:-1] + cuts[1:]) / 2
    frustum = frustum_at(cables, middle)
    ends = [cuts[:-1], cuts[1:]]
    a, b = (between(s.radii, cables, frustum, at) for at in ends)
    half = np.searchsorted(start, middle, side="right") - 1
    xyz = np.stack([between(s.xyz, cables, frustum, at) for at in ends], axis=1)
    frusta = Frusta(half // 2, xyz, np.stack([a, b], axis=1))
    area, resistance = (
        np.bincount(half, values, len(start)) for values in (frusta.area, width / (np.pi * a * b))
    )
    step = np.flatnonzero(cables.inside & (np.diff(cables.along) == 0))
    half = np.maximum(np.searchsorted(start, cables.along[step]) - 1, 0)
    ring = np.pi * np.abs(s.radii[step + 1] ** 2 - s.radii[step] ** 2)
    return Halves(start, area + np.bincount(half, ring, len(start)), resistance, frusta)


def frustum_at(cables: Cables, at: np.ndarray) -> Int[np.ndarray, " place"]:
    """The frustum that each place in the interior of sections is in, by its first entry."""
    return np.searchsorted(cables.along, at, side="right") - 1


def between(values: np.ndarray, cables: Cables, frustum: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Values of entries (places, radii), at places on these frusta."""
    first, after = cables.along[frustum], cables.along[frustum + 1]
    share = np.clip((at - first) / (after - first), 0.0, 1.0)
    share = share.reshape(share.shape + (1,) * (values.ndim - 1))
    return values[frustum] + share * (values[frustum + 1] - values[frustum])


def in_length_constants(
    s: Sections, cables: Cables, *, R_a: float, C_m: float, frequency: float
) -> Float[np.ndarray, " section"]:
    """Each section's length over its length constant at a frequency (Hz), `∫ dx / λ` with
    `λ = ½ √(d / (π f R_a C_m))`, a frustum's diameter being that of its middle."""
    steps, diameter = np.diff(cables.along), s.radii[:-1] + s.radii[1:]
    constant = 1e5 * np.sqrt(diameter / (4 * np.pi * frequency * R_a * C_m))
    share = np.where(cables.inside, steps / constant, 0.0)
    return np.add.reduceat(share, s.offsets[:-1])
