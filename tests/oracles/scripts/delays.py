"""Weights and delays that depend on the neurons, and several ways to connect (after the
introduction to synapses)."""

# ruff: noqa: F403, F405
# pyright: reportMissingImports=false, reportUndefinedVariable=false
# pyright: reportIndexIssue=false, reportOperatorIssue=false
from brian2 import *

leader = NeuronGroup(
    3, "dv/dt = (I - v) / tau : 1\nI : 1\ntau : second", threshold="v > 1", reset="v = 0"
)
leader.I = [2, 1.5, 0]
leader.tau = [10, 20, 100] * ms
followers = NeuronGroup(8, "dv/dt = -v / (15*ms) : 1 (unless refractory)", threshold="v > 0.55",
                        reset="v = 0", refractory=2 * ms)  # fmt: skip
S = Synapses(leader, followers, "w : 1", on_pre="v_post += w")
S.connect(i=0, j=[1, 2, 3])
S.connect(i=1, j=arange(2, 8))
S.w = "0.1 + j * 0.08"
S.delay = "j * 1.3 * ms"
ring = Synapses(
    followers, followers, "w : 1", on_pre="v_post += w", on_post="w *= 0.95", delay=3 * ms
)
ring.connect(j="(i + 1) % N_post")
ring.connect(j="k for k in range(i - 2, i + 3) if i != k", skip_if_invalid=True)
ring.connect(condition="abs(i - j) == 4 and i < 4")
ring.w = 0.15
ring.w["i > j"] = 0.05
back = Synapses(followers[2:5], leader[2:], on_pre="v += 0.02")
back.connect()
states = StateMonitor(followers, "v", record=True)
weights = StateMonitor(ring, "w", record=[0, 5])
spikes = SpikeMonitor(followers)
run(50 * ms)
run(50 * ms)

results = {
    "v": states.v,
    "v of leaders": leader.v[:],
    "times": spikes.t / ms,
    "neurons": spikes.i[:],
    "w": ring.w[:],
    "w of 0": ring.w[0, :],
    "w over time": weights.w,
    "i": ring.i[:],
    "j": ring.j[:],
    "delays": S.delay / ms,
}
