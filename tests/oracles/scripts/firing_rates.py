"""Firing rate against current of leaky neurons, with units (after IF_curve_LIF)."""

# ruff: noqa: F403, F405
# pyright: reportMissingImports=false, reportUndefinedVariable=false
# pyright: reportIndexIssue=false, reportOperatorIssue=false
from brian2 import *

n = 100
tau = 10 * ms
R = 50 * Mohm
v_rest = -70 * mV
duration = 200 * ms

neurons = NeuronGroup(
    n,
    "dv/dt = (v_rest - v + R * I) / tau : volt (unless refractory)\nI : amp (constant)",
    threshold="v > -50*mV",
    reset="v = v_rest",
    refractory=5 * ms,
    method="exact",
)
neurons.v = v_rest
neurons.I = "0.7*nA * i / (n - 1)"
monitor = SpikeMonitor(neurons)
run(duration)

rates = monitor.count / duration
results = {"rates": rates / Hz, "currents": neurons.I / nA, "v": neurons.v / mV}
