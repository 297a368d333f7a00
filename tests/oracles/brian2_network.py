"""Brian2's network of leaky neurons with two synaptic currents that decay, in ms and mV.

Inputs: `dt`, `t1` (ms), `v` at the start [neurons], and of each of the synapses "exc" and "inh" the
edges and weights `<name>.pre`, `.post`, `.w` [synapses] and their `.delay` (ms).
Results: `steps` and `indices` of the spikes.
"""

# pyright: reportMissingImports=false
import sys

import numpy as np
from brian2 import Network, NeuronGroup, SpikeMonitor, Synapses, defaultclock, ms, prefs

EQUATIONS = """
dv/dt = (exc + inh - (v + 49)) / (20 * ms) : 1 (unless refractory)
dexc/dt = -exc / (5 * ms) : 1
dinh/dt = -inh / (10 * ms) : 1
"""


def main(inputs, out):
    prefs.codegen.target = "numpy"
    defaultclock.dt = float(inputs["dt"]) * ms
    neurons = NeuronGroup(
        inputs["v"].size,
        EQUATIONS,
        threshold="v > -50",
        reset="v = -60",
        refractory=5 * ms,
        method="exact",
    )
    neurons.v = inputs["v"]
    parts = [neurons]
    for name in ("exc", "inh"):
        synapses = Synapses(neurons, neurons, "w : 1", on_pre=f"{name} += w")
        synapses.connect(i=inputs[f"{name}.pre"], j=inputs[f"{name}.post"])
        synapses.w = inputs[f"{name}.w"]
        synapses.delay = float(inputs[f"{name}.delay"]) * ms
        parts.append(synapses)
    monitor = SpikeMonitor(neurons)
    Network(*parts, monitor).run(float(inputs["t1"]) * ms)
    np.savez(out, steps=np.round(monitor.t / defaultclock.dt).astype(int), indices=monitor.i)


if __name__ == "__main__":
    main(np.load(sys.argv[1]), sys.argv[2])
