"""The pyramidal cell: its shape, the thin branches that synapses go to, its channels."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Int

from experiments.runner import ExperimentError, generator

if TYPE_CHECKING:
    from neurojax.dendrites import Cell, Compartments, Morphology

CA1 = "morph_ca1_n120.swc"
SHORTEST = 50.0  # µm, of a branch that gets synapses
MAX_LENGTH = 70.0  # µm, of a compartment
V_REST = -70.0  # mV, of the leak
BACKGROUND = 0.22  # nA into the soma, which so is near threshold


class Shape(NamedTuple):
    """A cell in compartments, those that synapses are on, and the thin branch that each belongs to,
    counted from 0."""

    compartments: Compartments
    sites: Int[np.ndarray, " site"]
    branch_of: Int[np.ndarray, " site"]

    @property
    def branches(self) -> int:
        return int(self.branch_of[-1]) + 1


def shape_of(morphology: Morphology) -> Shape:
    """With synapses on all compartments of the terminal branches of the apical dendrite."""
    from neurojax.dendrites import discretise

    sections = morphology.sections
    c = discretise(morphology, max_length=MAX_LENGTH)
    length = np.bincount(c.section, c.length)
    ends = np.setdiff1d(np.arange(len(sections)), sections.before)
    chosen = [k for k in ends if sections.names[k] == "apical" and length[k] >= SHORTEST]
    sites = np.flatnonzero(np.isin(c.section, chosen))
    return Shape(c, sites, np.searchsorted(chosen, c.section[sites]))


def built() -> Morphology:
    """A pyramidal cell by hand: an apical trunk with ten oblique branches and a tuft that forks
    three times, and four basal dendrites that fork once. Lengths vary by a fifth."""
    from neurojax.dendrites import Branch, build_morphology

    draw = generator(0, "tree")
    branches: list[Branch] = []

    def grow(parent: int | None, length: float, radius: float, region: str) -> int:
        length *= float(draw.uniform(0.8, 1.2))
        branches.append(Branch(parent, length, radius, region))
        return len(branches) - 1

    def fork(parent: int, times: int, length: float, radius: float, region: str) -> None:
        for _ in range(2 if times else 0):
            child = grow(parent, length, radius, region)
            fork(child, times - 1, length, radius, region)

    end = grow(None, 70.0, 1.8, "apical")
    for radius in (1.6, 1.4, 1.2, 1.0):
        fork(end, 1, 130.0, 0.4, "apical")
        end = grow(end, 70.0, radius, "apical")
    fork(end, 1, 130.0, 0.4, "apical")
    fork(end, 3, 110.0, 0.4, "apical")
    for _ in range(4):
        fork(grow(None, 30.0, 0.8, "basal"), 1, 130.0, 0.5, "basal")
    return build_morphology(9.0, branches)


def ca1() -> Morphology:
    """The reconstructed cell in $NEUROJAX_DATA; ExperimentError when it is not there."""
    from neurojax.dendrites import read_swc

    folder = os.environ.get("NEUROJAX_DATA")
    if not folder:
        raise ExperimentError(f"--tree ca1 needs NEUROJAX_DATA, the folder with morphologies/{CA1}")
    path = Path(folder) / "morphologies" / CA1
    if not path.is_file():
        raise ExperimentError(f"--tree ca1: there is no {path} (NEUROJAX_DATA is {folder})")
    return read_swc(path)


TREES = {"built": built, "ca1": ca1}


def pyramidal_cell(shape: Shape, active: bool, count: int) -> Cell:
    """A population of `count` cells with synapses at all sites.

    The soma has the fast sodium and potassium of hippocampal pyramidal cells and the slow potassium
    that adapts the firing. An active dendrite has the fast ones at low density, an h current, and
    synapses with NMDA and AMPA receptors; a passive one has nothing but the leak, and AMPA
    receptors only, which are stronger. Densities and weights are set by hand.
    """
    from neurojax.channels import HCurrent, Km, Leak, TraubMiles
    from neurojax.dendrites import Cell, Synapses, placed
    from neurojax.synapses import AMPA, NMDA

    c = shape.compartments
    soma = c.select("soma")
    fast = np.ones(len(c), bool) if active else soma
    channels = {
        "leak": Leak(g=0.05, E=V_REST),
        "fast": placed(
            TraubMiles(
                g_Na=np.where(soma, 100.0, 2.0)[fast],
                g_K=np.where(soma, 30.0, 1.0)[fast],
                v_T=-58.0,
            ),
            fast,
        ),
        "m": placed(Km(g=4.0), soma),
    }
    synapses = {"ampa": Synapses(AMPA(), shape.sites, 0.5e-3 if active else 0.8e-3)}
    if active:
        channels["h"] = HCurrent(g=0.02)
        synapses["nmda"] = Synapses(NMDA(), shape.sites, 1e-3)
    return Cell(
        c, channels, synapses=synapses, R_a=150.0, v_init=V_REST, v_threshold=-10.0, shape=(count,)
    )
