"""Morphologies without a file: by hand, and random trees."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ._morphology import REGIONS, SOMA, Morphology

TYPES = {name: number for number, name in REGIONS.items() if number != SOMA}


class Branch(NamedTuple):
    """A cable that begins at the end of another: `parent` is that one's place in the list, None the
    soma. length and radius, one or (at its begin, at its end), in µm. region: "axon", "basal",
    "apical", "undefined" or "custom_5" and so on."""

    parent: int | None
    length: float | int
    radius: float | int | tuple[float | int, float | int]
    region: str = "basal"


def build_morphology(soma_radius: float | int, branches: Sequence[Branch]) -> Morphology:
    """A spherical soma (µm) with branches, each after its parent; those of the soma begin on it.

    As in a file, a branch and its only child of the same region are one section. The tree lies in
    the plane z = 0, the first branch upwards, the others counterclockwise, so that none cross.

    Point 1 is the soma; branch k has points 2k + 2 and 2k + 3, its begin and its end.

    Raises `ValueError` for a length or radius that is not positive, a parent that does not come
    before, and a region that is none of SWC's.
    Source of the layout: Felsenstein 2004, Inferring Phylogenies, ch. 34 (equal angles).
    """
    _refuse_unusable("soma_radius", soma_radius)
    for k, branch in enumerate(branches):
        _refuse_unusable(f"branches[{k}].length", branch.length)
        for radius in _radii(branch):
            _refuse_unusable(f"branches[{k}].radius", radius)
        if branch.parent is not None and not 0 <= branch.parent < k:
            allowed = f"None or from 0 to {k - 1}" if k else "None"
            raise ValueError(f"branches[{k}].parent must be {allowed}, got {branch.parent}.")
    types, xyz, radii, parents = [SOMA], [np.zeros(3)], [float(soma_radius)], [-1]
    for k, (branch, direction) in enumerate(zip(branches, _directions(branches), strict=True)):
        before = 0 if branch.parent is None else 2 * branch.parent + 2
        begin = direction * soma_radius if branch.parent is None else xyz[before]
        types += 2 * [_type_of(branch.region, k)]
        xyz += [begin, begin + direction * branch.length]
        radii += _radii(branch)
        parents += [before, 2 * k + 1]
    return Morphology(
        ids=np.arange(1, len(types) + 1),
        types=np.array(types),
        xyz=np.stack(xyz),
        radii=np.array(radii),
        parents=np.array(parents),
    )


def _refuse_unusable(name: str, value: float | int) -> None:
    if not 0 < value < np.inf:
        raise ValueError(f"{name} must be positive and finite (µm), got {value}.")


def _radii(branch: Branch) -> list[float]:
    radius = branch.radius
    begin, end = radius if isinstance(radius, tuple) else (radius, radius)
    return [float(begin), float(end)]


def _type_of(region: str, k: int) -> int:
    if region in TYPES:
        return TYPES[region]
    number = region.removeprefix("custom_")
    if not region.startswith("custom_") or not number.isdecimal() or int(number) in REGIONS:
        raise ValueError(f"branches[{k}].region must be one of {', '.join(TYPES)} or custom_5 and "
                         f"so on, got {region!r}.")  # fmt: skip
    return int(number)


def _directions(branches: Sequence[Branch]) -> list[Float[np.ndarray, "3"]]:
    """Each branch gets a part of its parent's angle by its number of tips, at most half a circle,
    and points to the middle of it."""
    children: list[list[int]] = [[] for _ in branches]
    stems = []
    for k, branch in enumerate(branches):
        (stems if branch.parent is None else children[branch.parent]).append(k)
    tips = [0] * len(branches)
    for k in reversed(range(len(branches))):
        tips[k] = sum(tips[child] for child in children[k]) or 1
    whole = sum(tips[k] for k in stems)
    middle, wide = [0.0] * len(branches), [0.0] * len(branches)
    at = np.pi / 2 - np.pi * tips[stems[0]] / whole if stems else 0.0
    for k in stems:
        wide[k] = 2 * np.pi * tips[k] / whole
        middle[k] = at + wide[k] / 2
        at += wide[k]
    for k in range(len(branches)):
        wide[k] = min(wide[k], np.pi)
        at = middle[k] - wide[k] / 2
        for child in children[k]:
            wide[child] = wide[k] * tips[child] / tips[k]
            middle[child] = at + wide[child] / 2
            at += wide[child]
    return [np.array([np.cos(angle), np.sin(angle), 0.0]) for angle in middle]


SOMA_RADIUS, TIP_RADIUS = 10.0, 0.3  # µm
LENGTHS = (20.0, 120.0)  # µm
STEMS = 5


def random_morphology(rng: np.random.Generator, tips: int) -> Morphology:
    """A tree that forks at random until it has so many tips: the same from an equal generator.

    Up to 5 branches leave a soma of radius 10 µm, the first is apical and the others basal. Tips
    have a radius of 0.3 µm, and where a branch of radius r forks, `r^(3/2) = Σ rₖ^(3/2)`; each is
    20 to 120 µm long.

    Raises `ValueError` for fewer than 1 tip.
    Source of the rule: Rall 1959, Exp. Neurol. 1, 491.
    """
    if tips < 1:
        raise ValueError(f"tips must be at least 1, got {tips}.")
    parents: list[int | None] = [None] * min(tips, STEMS)
    regions = ["apical"] + ["basal"] * (len(parents) - 1)
    ends = list(range(len(parents)))
    while len(ends) < tips:
        forked = ends.pop(int(rng.integers(len(ends))))
        ends += [len(parents), len(parents) + 1]
        parents += 2 * [forked]
        regions += 2 * [regions[forked]]
    beyond = [0] * len(parents)  # tips beyond each branch, the sum of (r / tip radius)^(3/2)
    for k in reversed(range(len(parents))):
        beyond[k] = beyond[k] or 1
        parent = parents[k]
        if parent is not None:
            beyond[parent] += beyond[k]
    lengths = rng.uniform(*LENGTHS, len(parents)).tolist()
    return build_morphology(
        SOMA_RADIUS,
        [
            Branch(parent, length, TIP_RADIUS * n ** (2 / 3), region)
            for parent, length, n, region in zip(parents, lengths, beyond, regions, strict=True)
        ],
    )
