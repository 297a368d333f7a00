"""NEURON's own `hh`, rate tables off, one thread: independent cells with graded currents."""

# pyright: reportMissingImports=false
from serve import serve  # isort: skip  (first: it takes stdout over)

import argparse

import hh_task
import neuron
from neuron import h


def cell(index: int, nanoamperes: float) -> tuple:
    """A cylinder with the squid's parameters and a step of current."""
    section = h.Section(name=f"cell{index}")
    section.L = section.diam = hh_task.DIAMETER
    section.nseg = 1
    section.insert("hh")
    section.gnabar_hh, section.gkbar_hh, section.gl_hh = 0.12, 0.036, 0.0003
    section.ena, section.ek, section.el_hh, section.cm = 50.0, -77.0, -54.3, 1.0
    clamp = h.IClamp(section(0.5))
    clamp.delay, clamp.dur = hh_task.ON, hh_task.OFF - hh_task.ON
    clamp.amp = nanoamperes
    return section, clamp


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, required=True)
    cells = parser.parse_args().cells
    h.load_file("stdrun.hoc")
    h.usetable_hh = 0
    h.celsius, h.dt = 6.3, hh_task.DT
    context = h.ParallelContext()
    context.nthread(1)

    population = [cell(i, a) for i, a in enumerate(hh_task.nanoamperes(cells))]
    times, indices = h.Vector(), h.Vector()
    detectors = []
    for i, (section, _) in enumerate(population):
        detector = h.NetCon(section(0.5)._ref_v, None, 0.0, 0.0, 0.0, sec=section)
        detector.record(times, indices, i)
        detectors.append(detector)

    def run() -> None:
        context.set_maxstep(10)
        h.finitialize(-65.0)
        context.psolve(hh_task.T1)

    run()
    serve(
        {"run": run},
        version=f"neuron {neuron.__version__}",
        spikes=len(times),
        final_v=population[-1][0](0.5).v,
    )


if __name__ == "__main__":
    main()
