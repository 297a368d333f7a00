"""The cell that every side simulates: a morphology with squid HH everywhere; runs in every venv.

NEURON and Arbor get the sections that are read here, so that every side has the same membrane:
their own readers add to a branch the way from the soma's point to the branch's first own one, 1 %
of the CA1 cell's membrane. Units: ms, mV, nA, µm, Ω·cm, S/cm².
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

DT = 0.025
ON, OFF = 5.0, 95.0  # of the current
SHARES = (0.9, 1.3)  # of the current, the weakest and the strongest of many cells
HH = {"gNa": 0.12, "gK": 0.036, "gLeak": 0.0003, "eNa": 50.0, "eK": -77.0, "eLeak": -54.3}
V_INIT, RESISTIVITY, CELSIUS = -65.0, 100.0, 6.3
LOSS_AT = -60.0
"""The loss is the mean square of the first section's v minus this."""
SOMA = 1


class Section(NamedTuple):
    """A cable, or a sphere (one compartment, a cylinder as long as wide). It is joined `at` 0, 0.5
    or 1 of the section `parent` (a place in the list; −1: the first)."""

    parent: int
    at: float
    xyz: np.ndarray
    radii: np.ndarray
    sphere: bool = False

    def compartments(self, per_branch: int) -> int:
        return 1 if self.sphere else per_branch


def arguments(doc: str | None) -> argparse.ArgumentParser:
    """What every side is told."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--swc", type=Path, required=True)
    parser.add_argument("--nanoamperes", type=float, default=1.0, help="into the first section")
    parser.add_argument("--ms", type=float, default=100.0)
    parser.add_argument("--per-branch", type=int, default=1, help="compartments of each section")
    parser.add_argument("--cells", type=int, default=1, help="of different currents, at once")
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float64")
    parser.add_argument("--setting", default="")
    return parser


def currents(options: argparse.Namespace) -> np.ndarray:
    """One for each cell."""
    shares = np.linspace(*SHARES, options.cells) if options.cells > 1 else np.ones(1)
    return options.nanoamperes * shares


def spike_times(v: ArrayLike) -> list[float]:
    """Upward crossings of 0 mV of one trace, interpolated."""
    v = np.asarray(v, float)
    at = np.flatnonzero((v[1:] > 0) & (v[:-1] <= 0))
    return (DT * (at - v[at] / (v[at + 1] - v[at]))).tolist()


def answers(traces: ArrayLike) -> dict:
    """What every side reports: the spikes' times of the cells with the least and most current, from
    their v [cell, step]."""
    each = [spike_times(trace) for trace in np.asarray(traces)[[0, -1]]]
    return {
        "results": {"times": [time for times in each for time in times]},
        "spikes": [len(times) for times in each],
    }


def sections(path: Path) -> list[Section]:
    """Those of an SWC file whose points stand after their parents, as NeuroJAX divides it.

    A section ends at a tip, a fork and where the type changes. It begins at its own first point
    where it leaves the soma, or repeats the fork's place, and has two. A soma of one point is a
    sphere.
    """
    table = np.loadtxt(path, ndmin=2)
    ids = {int(k): row for row, k in enumerate(table[:, 0])}
    types, xyz, radii = table[:, 1], table[:, 2:5], table[:, 5]
    parents = [ids.get(int(k), -1) for k in table[:, 6]]
    children: list[list[int]] = [[] for _ in parents]
    for point, parent in enumerate(parents):
        if parent >= 0:
            children[parent].append(point)
    found = []
    sphere = (types == SOMA).sum() == 1
    if sphere:
        half = np.array([0.0, radii[0], 0.0])
        ends = np.stack([xyz[0] - half, xyz[0] + half])
        found.append(Section(-1, 0.0, ends, radii[[0, 0]], sphere=True))
    place = {0: (0, 0.5 if sphere else 0.0)}  # of a point where sections are joined
    pending = [(0, child) for child in reversed(children[0])]
    while pending:
        begin, point = pending.pop()
        own = [point]
        while len(children[point]) == 1 and types[children[point][0]] == types[point]:
            point = children[point][0]
            own.append(point)
        leaves_soma = types[begin] == SOMA and types[own[0]] != SOMA
        of_its_own = leaves_soma or (xyz[begin] == xyz[own[0]]).all()
        outline = [begin, *own]
        radius = radii[outline].copy()
        if of_its_own and len(own) > 1:
            outline, radius = outline[1:], radius[1:]
        elif of_its_own:
            radius[0] = radius[1]
        parent, at = place[begin] if found else (-1, 0.0)
        found.append(Section(parent, at, xyz[outline], radius))
        place[point] = len(found) - 1, 1.0
        pending += [(point, child) for child in reversed(children[point])]
    return found
