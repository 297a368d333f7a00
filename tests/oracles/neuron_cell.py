"""NEURON's cell of sections given by their outlines (pt3d), with `hh` without tables everywhere.

Inputs: `offsets` [sections + 1] into `xyz` [entries, 3] and `radii` [entries] (um); `before`
[sections], the one that each is joined to (-1: none); `nseg`; `amplitude` (nA, into the middle of
section 0 from 1 ms on), `dt`, `t1` (ms).
Results: `v` [compartments, steps] (mV), in the order of sections, at the start of each step.
"""

# pyright: reportMissingImports=false
import sys

import numpy as np
from neuron import h
from neuron_morphology import make_sections


def main(inputs, out):
    h.load_file("stdrun.hoc")
    h.celsius = 6.3
    h.usetable_hh = 0
    h.dt = float(inputs["dt"])
    sections = make_sections(*(inputs[name] for name in ("offsets", "xyz", "radii", "before")))
    for section in sections:
        section.nseg = int(inputs["nseg"])
        section.insert("hh")
        section.gnabar_hh, section.gkbar_hh, section.gl_hh = 0.12, 0.036, 0.0003
        section.ena, section.ek, section.el_hh = 50.0, -77.0, -54.3
    clamp = h.IClamp(sections[0](0.5))
    clamp.delay, clamp.dur, clamp.amp = 1.0, 1e9, float(inputs["amplitude"])
    traces = [h.Vector().record(segment._ref_v) for section in sections for segment in section]
    h.finitialize(-65.0)
    parallel = h.ParallelContext()
    parallel.set_maxstep(10)
    parallel.psolve(float(inputs["t1"]))
    np.savez(out, v=[np.array(trace) for trace in traces])


if __name__ == "__main__":
    main(np.load(sys.argv[1]), sys.argv[2])
