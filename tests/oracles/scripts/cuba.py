"""A network of excitatory and inhibitory neurons with synaptic currents (after CUBA)."""

# ruff: noqa: F403, F405
# pyright: reportMissingImports=false, reportUndefinedVariable=false
# pyright: reportIndexIssue=false, reportOperatorIssue=false
from brian2 import *

seed(11)
taum, taue, taui = 20 * ms, 5 * ms, 10 * ms
Vt, Vr, El = -50 * mV, -60 * mV, -49 * mV
equations = """
dv/dt = (ge + gi - (v - El)) / taum : volt (unless refractory)
dge/dt = -ge / taue : volt
dgi/dt = -gi / taui : volt
"""
P = NeuronGroup(
    800, equations, threshold="v > Vt", reset="v = Vr", refractory=5 * ms, method="exact"
)
P.v = "Vr + rand() * (Vt - Vr)"
we, wi = 60 * 0.27 / 10 * 2 * mV, -20 * 4.5 / 10 * 2 * mV
Ce = Synapses(P[:640], P, on_pre="ge += we")
Ci = Synapses(P[640:], P, on_pre="gi += wi")
Ce.connect("i != j", p=0.05)
Ci.connect("i != j", p=0.05)
spikes = SpikeMonitor(P)
trace = StateMonitor(P, ["v", "ge", "gi"], record=[0, 700])
rate = PopulationRateMonitor(P)
run(200 * ms)

results = {
    "synapses": array([len(Ce), len(Ci)]),
    "times": spikes.t / ms,
    "neurons": spikes.i[:],
    "v": trace.v / mV,
    "ge": trace.ge / mV,
    "rate": rate.rate / Hz,
}
