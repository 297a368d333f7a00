"""NEURON's own `hh`, rate tables off, one thread; cells of different currents one after another."""

# pyright: reportMissingImports=false
from serve import serve  # isort: skip  (first: it takes stdout over)

import dendrites_task as task
import neuron
import numpy as np
from neuron import h


def built(sections: list[task.Section], per_branch: int) -> list:
    """The sections, by their 3-D points, with the squid's membrane."""
    made = []
    for k, planned in enumerate(sections):
        section = h.Section(name=f"s{k}")
        for (x, y, z), radius in zip(planned.xyz, planned.radii, strict=True):
            section.pt3dadd(x, y, z, 2 * radius)
        section.nseg = planned.compartments(per_branch)
        section.Ra, section.cm = task.RESISTIVITY, 1.0
        section.insert("hh")
        section.gnabar_hh, section.gkbar_hh = task.HH["gNa"], task.HH["gK"]
        section.gl_hh, section.el_hh = task.HH["gLeak"], task.HH["eLeak"]
        section.ena, section.ek = task.HH["eNa"], task.HH["eK"]
        if k:
            section.connect(made[planned.parent](planned.at), 0)
        made.append(section)
    return made


def main() -> None:
    options = task.arguments(__doc__).parse_args()
    h.load_file("stdrun.hoc")
    h.usetable_hh = 0
    h.celsius, h.dt = task.CELSIUS, task.DT
    context = h.ParallelContext()
    context.nthread(1)

    cell = built(task.sections(options.swc), options.per_branch)
    clamp = h.IClamp(cell[0](0.5))
    clamp.delay, clamp.dur = task.ON, task.OFF - task.ON
    v = h.Vector().record(cell[0](0.5)._ref_v)

    def one(current: float) -> np.ndarray:
        clamp.amp = current
        context.set_maxstep(10)
        h.finitialize(task.V_INIT)
        context.psolve(options.ms)
        return np.array(v)

    def run() -> list[np.ndarray]:
        return [one(current) for current in task.currents(options)]

    serve(
        {"run": run},
        version=f"neuron {neuron.__version__}",
        compartments=sum(section.nseg for section in cell),
        **task.answers(run()),
    )


if __name__ == "__main__":
    main()
