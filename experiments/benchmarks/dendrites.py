"""A cell with dendrites and squid HH everywhere, beside Arbor, NEURON and Jaxley.

The cell is the CA1 pyramidal cell of NEUROJAX_DATA; without it a random tree with as many branches,
which every line names.
"""

import atexit
import os
import tempfile
from itertools import product
from pathlib import Path

from experiments.benchmarks._frame import Case, Worker

RANDOM_TIPS = 80  # 155 branches and a soma
PER_BRANCH = (1, 4)

PEERS = {"Arbor": 1.0, "NEURON": 0.4, "Jaxley": 0.6}
"""The bound of one cell beside each."""

# How far the spikes' times may differ in the mean over 100 ms (ms). NEURON takes our steps on our
# compartments, with outlines in single precision. Jaxley's reader makes other areas of the frusta,
# a percent of the interval between spikes. Arbor couples compartments of tapering outlines
# otherwise, and those that forks lie within are others: what a branch in one piece is far from.
TIMES = {
    ("Arbor", 1): 3.0,
    ("Arbor", 4): 0.5,
    ("NEURON", 1): 1e-5,
    ("NEURON", 4): 1e-5,
    ("Jaxley", 1): 0.5,
    ("Jaxley", 4): 0.6,
}
# In single precision, whose rounding is multiplied at threshold; the weakest current's spikes are
# the latest, and so Jaxley's other areas tell most.
TIMES_OF_MANY = {"NEURON": 0.05, "Jaxley": 0.6}

SIZES = (100, 300, 1000, 3000, 10_000)


def _cell() -> tuple[str, ...]:
    """The file and the current that makes the cell fire."""
    data = os.environ.get("NEUROJAX_DATA")
    if data:
        return "--swc", str(Path(data).absolute() / "morphologies" / "morph_ca1_n120.swc")
    import numpy as np

    from neurojax.dendrites import random_morphology, write_swc

    folder = tempfile.TemporaryDirectory(prefix="neurojax-benchmarks-")
    atexit.register(folder.cleanup)
    path = Path(folder.name) / "random_tree.swc"
    write_swc(random_morphology(np.random.default_rng(0), RANDOM_TIPS), path)
    return "--swc", str(path), "--nanoamperes", "2.5"


CELL = _cell()
SETTINGS = {"Arbor": ("forks", "inside"), "NEURON": ("",), "Jaxley": ("integrate",)}
OUR_SETTINGS = {"Arbor": ("exact", "coarse")}
"""Beside Arbor, whose gates are approximate, ours may be so too."""


def _ours(*options: str, settings: tuple[str, ...] = ()) -> tuple[Worker, ...]:
    return tuple(
        Worker("dendrites_neurojax.py", (*CELL, *options, "--setting", setting))
        for setting in settings or ("exact",)
    )


def _theirs(peer: str, *options: str, settings: tuple[str, ...] = ()) -> tuple[Worker, ...]:
    name = peer.lower()
    return tuple(
        Worker(f"dendrites_{name}.py", (*CELL, *options, "--setting", setting), name)
        for setting in settings or SETTINGS[peer]
    )


_ONE = [
    Case(
        name=f"cell-{per_branch}-per-branch-{peer.lower()}",
        peer=peer,
        ours=_ours("--per-branch", str(per_branch), settings=OUR_SETTINGS.get(peer, ())),
        theirs=_theirs(peer, "--per-branch", str(per_branch)),
        target=target,
        agreement=(("times", TIMES[peer, per_branch]),),
    )
    for per_branch, (peer, target) in product(PER_BRANCH, PEERS.items())
]

_GRADIENT = ("--ms", "20")
_MEMORY = (("temp_bytes", 10e6),)
_GRADIENTS = [
    Case(
        name="gradient-own-forward",
        peer="its own forward",
        ours=_ours(*_GRADIENT, settings=("gradient",)),
        theirs=_ours(*_GRADIENT, settings=("gradient",)),
        target=4.0,
        measures=("gradient", "forward"),
        limits=_MEMORY,
    ),
    Case(
        name="gradient-jaxley",
        peer="Jaxley",
        ours=_ours(*_GRADIENT, settings=("gradient",)),
        theirs=_theirs("Jaxley", "--ms", "20", settings=("plain", "checkpoint")),
        target=0.35,
        measures=("gradient", "gradient"),
        limits=_MEMORY,
        # Of 560 mV²; each kind of conductance's slopes along itself are up to 700 mV².
        agreement=(("loss", 3.0), ("slopes", 10.0)),
    ),
]

_MANY = [
    Case(
        name=f"cells-{cells}-{peer.lower()}",
        peer=peer,
        ours=_ours("--cells", str(cells), "--dtype", "float32"),
        theirs=_theirs(
            peer, "--cells", str(cells), *(("--dtype", "float32") if peer == "Jaxley" else ())
        ),
        target=target,
        rounds=3,
        agreement=(("times", TIMES_OF_MANY[peer]),),
    )
    for cells, (peer, target) in product((32, 256), {"Jaxley": 0.4, "NEURON": 0.2}.items())
]

_READ = [
    Case(
        name="read-jaxley",
        peer="Jaxley",
        ours=(Worker("dendrites_read.py", (*CELL[:2], "--reader", "neurojax")),),
        theirs=(Worker("dendrites_read.py", (*CELL[:2], "--reader", "jaxley"), "jaxley"),),
        target=0.05,
        rounds=3,
        agreement=(("compartments", 0.0),),
    )
]

_SCALING = [
    Case(
        name=f"{measure}-{size}-compartments",
        peer=f"its own {SIZES[0]}",
        ours=(Worker("dendrites_scaling.py", ("--compartments", str(size))),),
        theirs=(Worker("dendrites_scaling.py", ("--compartments", str(SIZES[0]))),),
        target=size / SIZES[0],
        measures=(measure, measure),
        rounds=3,
        curve=measure,
    )
    for measure, size in product(("forward", "gradient"), SIZES)
    if size > SIZES[0]
]

CASES = (*_ONE, *_GRADIENTS, *_MANY, *_READ, *_SCALING)
