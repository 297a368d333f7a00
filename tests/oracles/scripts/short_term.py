"""Depression and facilitation of synapses, in two ways of integration (after examples of short-term
plasticity, and Diesmann et al. for the periodic input)."""

# ruff: noqa: F403, F405
# pyright: reportMissingImports=false, reportUndefinedVariable=false
# pyright: reportIndexIssue=false, reportOperatorIssue=false
from brian2 import *

tau_d, tau_f, U0 = 120 * ms, 60 * ms, 0.3
event = """
w : volt
du/dt = (U0 - u) / tau_f : 1 (event-driven)
dx/dt = (1 - x) / tau_d : 1 (event-driven)
"""
clock = event.replace("event-driven", "clock-driven")
action = "u += U0 * (1 - u); v_post += w * u * x; x *= 1 - u"
source = SpikeGeneratorGroup(4, [0, 1, 1, 2, 3], [0, 2, 6, 7, 9] * ms, period=20 * ms)
target = NeuronGroup(4, "dv/dt = -v / (15*ms) : volt", threshold="v > 9.9*mV", reset="v = 0*mV")
twin = NeuronGroup(4, "dv/dt = -v / (15*ms) : volt", threshold="v > 9.9*mV", reset="v = 0*mV")
by_event = Synapses(source, target, event, on_pre=action)
by_clock = Synapses(source, twin, clock, on_pre=action, method="exact")
for S in (by_event, by_clock):
    S.connect(condition="j <= i")
    S.u, S.x = "U0", 1
    S.w = "(4 + i + j) * mV"
    S.delay = 0.4 * ms
# Kicks of another kind: to the source's side from each spike of the target.
decay = Synapses(target, twin, on_pre="v_post -= 1*mV; v_pre += 0.5*mV")
decay.connect(i=[0, 1], j=[3, 2])
traces = [StateMonitor(group, "v", record=True) for group in (target, twin)]
of_target, of_twin = traces
inner = StateMonitor(by_clock, ["u", "x"], record=[0, 4])
net = Network(collect())
net.run(100 * ms)

results = {
    "v": of_target.v / mV,
    "v of the twin": of_twin.v / mV,
    "u": inner.u,
    "x": inner.x,
    "u at the last event": by_event.u[:],
}
