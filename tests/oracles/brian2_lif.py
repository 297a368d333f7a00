"""Brian2's leaky integrate-and-fire neurons: dv/dt = (I - v) / tau, v > 1 spikes, v = 0 after it.

Inputs: `current`, `tau` (ms), `refractory` (ms), each [neurons]; `method` ("exact" or "euler"),
`dt` and `t1` (ms).
Results: `v` [steps, neurons] at the start of each step, `v_end` [neurons], and the spikes in
order of time, `spike_steps` and `spike_neurons` [spikes].
"""

# pyright: reportMissingImports=false
import sys

import numpy as np
from brian2 import Network, NeuronGroup, SpikeMonitor, StateMonitor, defaultclock, ms, prefs

MODEL = """
dv/dt = (current - v) / tau : 1 (unless refractory)
current : 1 (constant)
tau : second (constant)
duration : second (constant)
"""


def main(inputs, out):
    prefs.codegen.target = "numpy"
    defaultclock.dt = float(inputs["dt"]) * ms
    neurons = NeuronGroup(
        inputs["current"].size,
        MODEL,
        threshold="v > 1",
        reset="v = 0",
        refractory="duration",
        method=str(inputs["method"]),
    )
    neurons.current = inputs["current"]
    neurons.tau = inputs["tau"] * ms
    neurons.duration = inputs["refractory"] * ms
    spikes = SpikeMonitor(neurons)
    trace = StateMonitor(neurons, "v", record=True)
    Network(neurons, spikes, trace).run(float(inputs["t1"]) * ms)

    np.savez(
        out,
        v=trace.v.T,
        v_end=neurons.v[:],
        spike_steps=np.rint(spikes.t / defaultclock.dt).astype(int),
        spike_neurons=spikes.i[:],
    )


if __name__ == "__main__":
    main(np.load(sys.argv[1]), sys.argv[2])
