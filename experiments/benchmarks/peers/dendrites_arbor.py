"""Arbor's own `hh`, one thread, in double precision.

Settings: with `forks` each branch has its compartments and each fork a piece without membrane, as
on the other sides; with `inside` forks lie within compartments, of which there are fewer.
"""

# pyright: reportMissingImports=false
from serve import serve  # isort: skip  (first: it takes stdout over)

from itertools import pairwise

import arbor as A
import dendrites_task as task
import numpy as np
from arbor import units as U

FIRST, EVEN, ODD = 1, 2, 3
"""Tags of segments: of the first section, and of others by how many lie between. Branches are
Arbor's own: where a section has one child only, as at a change of type, a branch is both."""

POLICIES = {
    "forks": "(join {})".format(
        " ".join(f"(fixed-per-branch {{n}} (tag {tag}))" for tag in (FIRST, EVEN, ODD))
    ),
    "inside": "(fixed-per-branch {n} (all) (flag-interior-forks))",
}


def tree_of(sections: list[task.Section]) -> A.segment_tree:
    """The sections' frusta."""
    tree = A.segment_tree()
    begin, middle, end, tags = {}, {}, {}, {}
    for k, section in enumerate(sections):
        places = {0.0: begin, 0.5: middle, 1.0: end}
        at = places[section.at][section.parent] if k else A.mnpos
        begin[k] = at
        tags[k] = (ODD if tags[section.parent] == EVEN else EVEN) if k else FIRST
        xyz, radii = section.xyz, section.radii
        if section.sphere:  # segments are joined at ends: the middle is one
            xyz, radii = np.insert(xyz, 1, xyz.mean(axis=0), axis=0), radii[[0, 0, 0]]
        points = [A.mpoint(*p, r) for p, r in zip(xyz.tolist(), radii.tolist(), strict=True)]
        for n, pair in enumerate(pairwise(points)):
            at = tree.append(at, *pair, tag=tags[k])
            if n == 0:
                middle[k] = at
        end[k] = at
    return tree


class Recipe(A.recipe):
    def __init__(self, cell: A.cable_cell) -> None:
        super().__init__()
        self.cell = cell

    def num_cells(self) -> int:
        return 1

    def cell_kind(self, gid: int) -> A.cell_kind:
        return A.cell_kind.cable

    def cell_description(self, gid: int) -> A.cable_cell:
        return self.cell

    def global_properties(self, kind: A.cell_kind) -> A.cable_global_properties:
        return A.neuron_cable_properties()

    def probes(self, gid: int) -> list:
        return [A.cable_probe_membrane_voltage('"middle"', "v")]


def main() -> None:
    options = task.arguments(__doc__).parse_args()
    decor = A.decor()
    decor.set_property(
        Vm=task.V_INIT * U.mV,
        cm=0.01 * U.F / U.m2,
        rL=task.RESISTIVITY * U.Ohm * U.cm,
        tempK=(task.CELSIUS + 273.15) * U.Kelvin,
    )
    decor.set_ion("na", rev_pot=task.HH["eNa"] * U.mV)
    decor.set_ion("k", rev_pot=task.HH["eK"] * U.mV)
    membrane = {"gnabar": "gNa", "gkbar": "gK", "gl": "gLeak", "el": "eLeak"}
    decor.paint("(all)", A.density("hh", {ours: task.HH[name] for ours, name in membrane.items()}))
    clamp = A.i_clamp(task.ON * U.ms, (task.OFF - task.ON) * U.ms, options.nanoamperes * U.nA)
    decor.place('"middle"', clamp)
    sections = task.sections(options.swc)
    morphology = A.morphology(tree_of(sections))
    labels = A.label_dict({"middle": f"(location 0 {1.0 if sections[0].sphere else 0.5})"})
    policy = A.cv_policy(POLICIES[options.setting].format(n=options.per_branch))
    cell = A.cable_cell(morphology, decor, labels, policy)
    simulation = A.simulation(Recipe(cell), A.context(threads=1))
    samples = simulation.sample((0, "v"), A.regular_schedule(task.DT * U.ms))

    def run() -> None:
        simulation.reset()
        simulation.run(tfinal=options.ms * U.ms, dt=task.DT * U.ms)

    run()
    ((data, _),) = simulation.samples(samples)
    serve(
        {"run": run},
        version=f"arbor {A.__version__}",
        setting=options.setting,
        vectorised=A.config()["vectorize"],
        branches=morphology.num_branches,
        **task.answers(data[None, :, 1]),
    )


if __name__ == "__main__":
    main()
