"""Spike-timing dependent plasticity by traces: pairs at all distances, and random input drawn
beforehand (after the introduction to synapses, and STDP)."""

# ruff: noqa: F403, F405
# pyright: reportMissingImports=false, reportUndefinedVariable=false
# pyright: reportIndexIssue=false, reportOperatorIssue=false
from brian2 import *

taupre = taupost = 20 * ms
wmax = 0.02
Apre = 0.01
Apost = -Apre * taupre / taupost * 1.05
rule = """
w : 1
dapre/dt = -apre / taupre : 1 (event-driven)
dapost/dt = -apost / taupost : 1 (event-driven)
"""
on_pre = """
v_post += w
apre += Apre
w = clip(w + apost, 0, wmax)
"""
on_post = """
apost += Apost
w = clip(w + apre, 0, wmax)
"""
pairs, spread = 21, 40 * ms
fixed = "v : 1\ntspike : second"
before = NeuronGroup(pairs, fixed, threshold="t > tspike", refractory=100 * ms)
after = NeuronGroup(pairs, fixed, threshold="t > tspike", refractory=100 * ms)
before.tspike = "i * spread / (pairs - 1) + 0.05*ms"
after.tspike = "(pairs - 1 - i) * spread / (pairs - 1) + 0.05*ms"
curve = Synapses(before, after, rule, on_pre=on_pre, on_post=on_post)
curve.connect(j="i")
curve.w = wmax / 2

np.random.seed(5)
n = 40
times = sort(np.random.rand(300)) * 190 * ms
inputs = SpikeGeneratorGroup(n, arange(300) % n, times)
neuron = NeuronGroup(2, "dv/dt = -v / (10*ms) : 1", threshold="v > 0.03", reset="v = 0")
plastic = Synapses(inputs, neuron, rule, on_pre=on_pre, on_post=on_post)
plastic.connect()
plastic.w = "wmax * (0.3 + 0.6 * i / n)"
plastic.delay = "1*ms + i * 0.04*ms"
trace = StateMonitor(plastic, ["w", "apre"], record=[0, 11])
output = SpikeMonitor(neuron)
run(200 * ms)

results = {
    "distance": (after.tspike - before.tspike) / ms,
    "change": curve.w[:] - wmax / 2,
    "w": plastic.w[:],
    "w over time": trace.w,
    "apre over time": trace.apre,
    "times": output.t / ms,
    "v": neuron.v[:],
}
