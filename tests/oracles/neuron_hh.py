"""NEURON's squid membrane, `hh` without tables: single compartments, each with its own current.

Inputs: `amplitudes` [cells] (nA, from 5 to 95 ms), `dt` (ms; 0 for CVODE with tight tolerances),
`t1` (ms), `watched` [traces] (cells).
Results: `counts` [cells], and of the watched cells `v` (mV) at the times `ts` (ms): every step of
dt, or every 0.025 ms with CVODE.
"""

# pyright: reportMissingImports=false
import sys

import numpy as np
from neuron import h

SAMPLING = 0.025  # ms, of CVODE's solution


def make_cell(amplitude):
    """A cylinder of 20 um by 20 um (no ends: pi * 400 um2) and its electrode."""
    section = h.Section()
    section.L = section.diam = 20.0
    section.cm = 1.0
    section.insert("hh")
    section.gnabar_hh, section.gkbar_hh, section.gl_hh = 0.12, 0.036, 0.0003
    section.ena, section.ek, section.el_hh = 50.0, -77.0, -54.3
    clamp = h.IClamp(section(0.5))
    clamp.delay, clamp.dur, clamp.amp = 5.0, 90.0, amplitude
    return section, clamp


def main(inputs, out):
    h.load_file("stdrun.hoc")
    h.celsius = 6.3
    h.usetable_hh = 0
    dt = float(inputs["dt"])
    if dt:
        h.dt = dt
    else:
        cvode = h.CVode()
        cvode.active(True)
        cvode.atol(1e-9)
    cells = [make_cell(amplitude) for amplitude in inputs["amplitudes"]]

    times, indices = h.Vector(), h.Vector()
    detectors = []
    for index, (section, _) in enumerate(cells):
        detector = h.NetCon(section(0.5)._ref_v, None, 0.0, 0.0, 0.0, sec=section)
        detector.record(times, indices, index)
        detectors.append(detector)
    interval = [] if dt else [SAMPLING]
    traces = [
        h.Vector().record(cells[cell][0](0.5)._ref_v, *interval) for cell in inputs["watched"]
    ]

    parallel = h.ParallelContext()
    parallel.set_maxstep(10)
    h.finitialize(-65.0)
    parallel.psolve(float(inputs["t1"]))

    v = np.array([np.array(trace) for trace in traces])
    np.savez(
        out,
        counts=np.bincount(np.array(indices).astype(int), minlength=len(cells)),
        ts=np.arange(v.shape[1]) * (dt or SAMPLING),
        v=v,
    )


if __name__ == "__main__":
    main(np.load(sys.argv[1]), sys.argv[2])
