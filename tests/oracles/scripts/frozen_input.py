"""Neurons under an input that is drawn beforehand, the same for all and one for each (after
Reliability and the guide to input stimuli)."""

# ruff: noqa: F403, F405, B007
# pyright: reportMissingImports=false, reportUndefinedVariable=false
# pyright: reportIndexIssue=false, reportOperatorIssue=false
from brian2 import *

tau = 10 * ms
np.random.seed(3)
common = TimedArray(1.1 + 0.8 * np.random.randn(200), dt=1 * ms)
own = TimedArray(0.3 * np.random.randn(50, 10), dt=2.5 * ms, name="own")
neurons = NeuronGroup(
    10,
    "dx/dt = (common(t) + own(t, i) - x) / tau : 1 (unless refractory)",
    threshold="x > 1",
    reset="x = 0",
    refractory=2 * ms,
)
neurons.x = "0.1 * i"
spikes = SpikeMonitor(neurons)
trace = StateMonitor(neurons, "x", record=True)
store()
first = []
for weakest in (0.0, 0.5):
    restore()
    neurons.x = "weakest + 0.05 * i"
    run(120 * ms)
    first.append(spikes.num_spikes)

trains = spikes.spike_trains()
results = {
    "numbers": array(first),
    "times": spikes.t / ms,
    "neurons": spikes.i[:],
    "x": trace.x,
    "train of 4": trains[4] / ms,
    "value": common(3.2 * ms),
}
