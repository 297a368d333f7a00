"""NEURON's layer 5 cell: sections given by their outlines, with the channels of Hay et al. 2011 as
mechanisms written from the paper's formulas (neuron_channels.py), calcium shells and a leak.

Inputs: those of neuron_morphology.py that describe sections; of every compartment, in the order of
sections, `g_NAME` (mS/cm2) of each mechanism, `g_leak` and `C_m` (uF/cm2), `gamma` and `decay` (ms)
of the shells, 0 where there is none; `E_leak`, `v_init` (mV); `amplitude` (nA) into the middle of
section 0 from `start` ms on; `dts` [runs], `t1` (ms); `watched` (compartments).
Results: of run K, `v_K` (mV) and `cai_K` (mM) [watched, steps] at the start of each step.
"""

# pyright: reportMissingImports=false
import sys

import numpy as np
from neuron import h
from neuron_channels import CELSIUS, MECHANISMS, compiled
from neuron_morphology import make_sections

POTENTIALS = {"ena": 50.0, "ek": -85.0}


def fill(sections, name, variables):
    """A mechanism in the sections that have any of it (of its first variable), with its variables
    by compartment."""
    amount = next(iter(variables.values()))
    first = 0
    for section in sections:
        own = slice(first, first + section.nseg)
        first += section.nseg
        if not amount[own].any():
            continue
        section.insert(name)
        for k, segment in enumerate(section):
            for variable, values in variables.items():
                setattr(segment, f"{variable}_{name}", float(values[own][k]))


def main(inputs, out):
    compiled()
    h.load_file("stdrun.hoc")
    h.celsius = CELSIUS
    sections = make_sections(inputs)
    for name in MECHANISMS:
        fill(sections, name, {"gbar": 1e-3 * inputs[f"g_{name}"]})
    fill(sections, "pas", {"g": 1e-3 * inputs["g_leak"]})
    decay = np.where(inputs["gamma"] > 0, inputs["decay"], 1.0)  # where there is none, not 0
    fill(sections, "shell", {"gamma": inputs["gamma"], "decay": decay})
    segments = [segment for section in sections for segment in section]
    for segment, capacitance in zip(segments, inputs["C_m"], strict=True):
        segment.cm = float(capacitance)
    for section in sections:
        for segment in section:
            segment.e_pas = float(inputs["E_leak"])
        for ion, potential in POTENTIALS.items():
            if h.ismembrane(f"{ion[1:]}_ion", sec=section):
                setattr(section, ion, potential)
        if h.ismembrane("ca_ion", sec=section):
            h.ion_style("ca_ion", 3, 2, 1, 1, 0, sec=section)
            section.cao = 2.0
    clamp = h.IClamp(sections[0](0.5))
    clamp.delay, clamp.dur, clamp.amp = float(inputs["start"]), 1e9, float(inputs["amplitude"])
    watched = [segments[k] for k in inputs["watched"]]
    v, cai = (
        [h.Vector().record(getattr(segment, name)) for segment in watched]
        for name in ("_ref_v", "_ref_cai")
    )
    parallel = h.ParallelContext()
    results = {}
    for k, dt in enumerate(inputs["dts"]):
        h.dt = float(dt)
        parallel.set_maxstep(10)
        h.finitialize(float(inputs["v_init"]))
        parallel.psolve(float(inputs["t1"]))
        results |= {f"v_{k}": np.array(v), f"cai_{k}": np.array(cai)}
    np.savez(out, **results)


if __name__ == "__main__":
    main(np.load(sys.argv[1]), sys.argv[2])
