"""A threshold that rises with each spike and decays (after IF with adaptive threshold)."""

# ruff: noqa: F403, F405
# pyright: reportMissingImports=false, reportUndefinedVariable=false
# pyright: reportIndexIssue=false, reportOperatorIssue=false
from brian2 import *

reset_level, rest, jump = -62 * mV, -60 * mV, 4 * mV
equations = Equations("dv/dt = (rest - v + drive) / (12*ms) : volt")
equations += """
dvt/dt = (10*mV + rest - vt) / (25*ms) : volt
drive = strength * (1 + sin(2*pi*20*Hz*t)) : volt
strength : volt
"""
neurons = NeuronGroup(
    20, equations, threshold="v > vt", reset="v = reset_level; vt += jump", method="euler"
)
neurons.v = rest
neurons.vt = "rest + (10 + 0.1*i)*mV"
neurons.strength = linspace(8, 20, 20) * mV
spikes = SpikeMonitor(neurons, variables=["v", "vt"])
trace = StateMonitor(neurons, ["v", "vt", "drive"], record=[0, 10, 19], dt=0.5 * ms)
rate = PopulationRateMonitor(neurons)
run(150 * ms)

results = {
    "times": spikes.t / ms,
    "neurons": spikes.i[:],
    "v at spikes": spikes.v / mV,
    "vt at spikes": spikes.vt / mV,
    "v": trace.v / mV,
    "vt": trace[10].vt / mV,
    "drive": trace.drive / mV,
    "t": trace.t / ms,
    "smooth rate": rate.smooth_rate(window="gaussian", width=5 * ms) / Hz,
    "flat rate": rate.smooth_rate(window="flat", width=5.1 * ms) / Hz,
    "vt of neuron 3": spikes.values("vt")[3] / mV,
}
