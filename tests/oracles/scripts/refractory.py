"""Three kinds of refractory period, in one population each (after the introduction to neurons)."""

# ruff: noqa: F403, F405
# pyright: reportMissingImports=false, reportUndefinedVariable=false
# pyright: reportIndexIssue=false, reportOperatorIssue=false
from brian2 import *

tau = 10 * ms
model = """
dv/dt = (I - v) / tau : 1 (unless refractory)
dw/dt = -w / (20*ms) : 1
I : 1
rest : second
"""
start = "i * 0.1"
fixed = NeuronGroup(5, model, threshold="v > 1", reset="v = 0; w += 1", refractory=5 * ms)
by_text = NeuronGroup(5, model, threshold="v > 1", reset="v = 0", refractory="rest")
by_condition = NeuronGroup(
    5, model, threshold="v > 0.9", reset="v = -0.5; w += 1", refractory="w > 0.3"
)
results = {}
for group in (fixed, by_text, by_condition):
    group.I = 1.2
    group.v = start
    group.rest = "(1 + i) * ms"
    group.I["i > 3"] = 2
spikes = [SpikeMonitor(group) for group in (fixed, by_text, by_condition)]
a, b, c = spikes
trace = StateMonitor(by_condition, ["v", "w"], record=True)
run(60 * ms)
fixed.I[:2] = 3
run(40 * ms)

results = {f"times {n}": s.t / ms for n, s in enumerate(spikes)}
results |= {f"neurons {n}": s.i[:] for n, s in enumerate(spikes)}
results |= {"v": trace.v, "w": trace.w, "v at the end": fixed.v[:], "count": a.count[:]}
