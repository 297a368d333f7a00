"""NEURON's cell of sections given by their outlines (pt3d), with `hh` without tables everywhere.

Inputs: those of neuron_morphology.py that describe sections; `dt` (ms; 0 for CVODE with tight
tolerances, sampled every 0.00625 ms), `secondorder` (0 or 2), `t1` (ms); `watched` (compartments in
the order of sections); at the middle of section 0 either `amplitude` (nA, from `start` ms on) or
`clamp`, the potentials (mV) that it is held at through `resistance` (MOhm), each for 5 ms.
Results: `v` [watched, steps] (mV) at the start of each step, and of a clamp `i` (nA), the current
of the step before.
"""

# pyright: reportMissingImports=false
import sys

import numpy as np
from neuron import h
from neuron_morphology import make_sections

SAMPLING, HELD = 0.00625, 5.0  # ms


def electrode(segment, inputs):
    if "amplitude" in inputs:
        clamp = h.IClamp(segment)
        clamp.delay, clamp.dur, clamp.amp = float(inputs["start"]), 1e9, float(inputs["amplitude"])
        return clamp
    clamp = h.SEClamp(segment)
    clamp.rs = float(inputs["resistance"])
    clamp.amp1, clamp.amp2, clamp.amp3 = inputs["clamp"].tolist()
    clamp.dur1 = clamp.dur2 = clamp.dur3 = HELD
    return clamp


def main(inputs, out):
    h.load_file("stdrun.hoc")
    h.celsius = 6.3
    h.usetable_hh = 0
    dt = float(inputs["dt"])
    if dt:
        h.dt = dt
    else:
        h.CVode().active(True)
        h.CVode().atol(1e-7)
    h.secondorder = int(inputs["secondorder"])
    sections = make_sections(inputs)
    for section in sections:
        section.insert("hh")
        section.gnabar_hh, section.gkbar_hh, section.gl_hh = 0.12, 0.036, 0.0003
        section.ena, section.ek, section.el_hh = 50.0, -77.0, -54.3
    clamp = electrode(sections[0](0.5), inputs)
    interval = [] if dt else [SAMPLING]
    segments = [segment for section in sections for segment in section]
    traces = [h.Vector().record(segments[k]._ref_v, *interval) for k in inputs["watched"]]
    results = {}
    if "clamp" in inputs:
        results["i"] = h.Vector().record(clamp._ref_i, *interval)
    h.finitialize(-65.0)
    parallel = h.ParallelContext()
    parallel.set_maxstep(10)
    parallel.psolve(float(inputs["t1"]))
    np.savez(out, v=[np.array(trace) for trace in traces], **results)


if __name__ == "__main__":
    main(np.load(sys.argv[1]), sys.argv[2])
