"""Locking to a periodic drive, by four methods of integration (after Phase locking)."""

# ruff: noqa: F403, F405
# pyright: reportMissingImports=false, reportUndefinedVariable=false
# pyright: reportIndexIssue=false, reportOperatorIssue=false
from brian2 import *

tau = 20 * ms
strength = 1.2
frequency = 10 * Hz
model = "dv/dt = (-v + strength * sin(2*pi*frequency*t) + b) / tau : 1\nb : 1"

groups = []
for method in ("euler", "rk2", "rk4", "exponential_euler"):
    group = NeuronGroup(30, model, threshold="v > 1", reset="v = 0", method=method)
    group.b = linspace(0, 1.5, 30)
    group.v = "0.5 * i / (N - 1)"
    groups.append(group)
monitors = [SpikeMonitor(group) for group in groups]
traces = [StateMonitor(group, "v", record=[29]) for group in groups]
Network(groups, monitors, traces).run(150 * ms)

results = {f"times {n}": m.t / ms for n, m in enumerate(monitors)}
results |= {f"neurons {n}": m.i[:] for n, m in enumerate(monitors)}
results |= {f"v {n}": trace.v[0] for n, trace in enumerate(traces)}
