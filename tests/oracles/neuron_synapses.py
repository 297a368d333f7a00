"""NEURON's synapses on a passive cable: a sphere (its middle joined to the cable) and a cable of
`nseg` compartments, with Exp2Syn for AMPA and GABA_A, and an NMDA receptor that is written here
from Jahr & Stevens 1990 and compiled by nrnivmodl.

Inputs: `radius` of the sphere, `length`, `cable_radius` (um), `nseg`; `g`, `E` of the leak (S/cm2,
mV); `kind` ("ampa", "gaba" or "nmda"), `tau` [2] (ms), `E_rev` (mV), `weight` (uS), `at` [synapses]
compartments of the cable and `times` [synapses] (ms) of one spike each; `dt` (ms; 0 for CVODE with
tight tolerances, sampled every 0.00625 ms), `t1` (ms).
Results: `v` [nseg + 1, steps] (mV) at the start of each step, the sphere's first.
"""

# pyright: reportMissingImports=false
import subprocess
import sys
from pathlib import Path

import neuron
import numpy as np
from neuron import h

SAMPLING = 0.00625  # ms
NMDA = """
NEURON { POINT_PROCESS Receptor RANGE rise, decay, e, scale NONSPECIFIC_CURRENT i }
PARAMETER { rise = 1 (ms) decay = 2 (ms) e = 0 (mV) }
ASSIGNED { v (mV) i (nA) scale }
STATE { A (uS) B (uS) }
INITIAL { LOCAL peak
 A = 0 B = 0
 peak = log(decay/rise)*rise*decay/(decay - rise)
 scale = 1/(exp(-peak/decay) - exp(-peak/rise))
}
BREAKPOINT {
 SOLVE state METHOD cnexp
 i = (B - A)*(v - e)/(1 + exp(-0.062*v)/3.57)
}
DERIVATIVE state { A' = -A/rise B' = -B/decay }
NET_RECEIVE(weight (uS)) { A = A + weight*scale B = B + weight*scale }
"""


def compiled():
    folder = Path("mechanisms")
    folder.mkdir()
    (folder / "receptor.mod").write_text(NMDA)
    made = subprocess.run(
        [Path(sys.executable).parent / "nrnivmodl"], cwd=folder, capture_output=True, text=True
    )
    if made.returncode:
        raise RuntimeError(made.stdout + made.stderr)
    neuron.load_mechanisms(str(folder))


def synapse(kind, segment, inputs):
    rise, decay = inputs["tau"].tolist()
    if kind == "nmda":
        found = h.Receptor(segment)
        found.rise, found.decay = rise, decay
    else:
        found = h.Exp2Syn(segment)
        found.tau1, found.tau2 = rise, decay
    found.e = float(inputs["E_rev"])
    return found


def main(inputs, out):
    compiled()
    h.load_file("stdrun.hoc")
    dt = float(inputs["dt"])
    if dt:
        h.dt = dt
    else:
        h.CVode().active(True)
        h.CVode().atol(1e-9)
        h.CVode().rtol(1e-9)
    sphere, cable = h.Section(name="sphere"), h.Section(name="cable")
    cable.connect(sphere(0.5), 0)
    sphere.L = sphere.diam = 2 * float(inputs["radius"])
    cable.L, cable.diam = float(inputs["length"]), 2 * float(inputs["cable_radius"])
    cable.nseg = int(inputs["nseg"])
    for section in (sphere, cable):
        section.Ra, section.cm = 100.0, 1.0
        section.insert("pas")
        section.g_pas, section.e_pas = float(inputs["g"]), float(inputs["E"])
    segments = list(cable)
    kept = []
    for at, time in zip(inputs["at"].tolist(), inputs["times"].tolist(), strict=True):
        target = synapse(str(inputs["kind"]), segments[at], inputs)
        source = h.NetStim()
        source.start, source.number = time, 1
        connection = h.NetCon(source, target)
        connection.weight[0], connection.delay = float(inputs["weight"]), 0
        kept += [target, source, connection]
    interval = [] if dt else [SAMPLING]
    traces = [h.Vector().record(s._ref_v, *interval) for s in (sphere(0.5), *segments)]
    h.finitialize(float(inputs["E"]))
    h.continuerun(float(inputs["t1"]))
    np.savez(out, v=[np.array(trace) for trace in traces])


if __name__ == "__main__":
    main(np.load(sys.argv[1]), sys.argv[2])
