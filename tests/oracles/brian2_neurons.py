"""Brian2's integrate-and-fire neurons, populations of several models in one run.

Inputs: `dt` and `t1` (ms); of each population `<name>:model`, one of MODELS, `<name>:method` (of
Brian2's), and its parameters and initial values `<name>:<parameter>` [neurons], times in ms. Spikes
arrive where there is `<name>:arrivals` [spikes], times (ms), with `<name>:weights`
[spikes, neurons].
Results: of each population the `<name>:<variable>` [steps, neurons] at the start of each step, and
its spikes in order of time, `<name>:spike_steps` and `<name>:spike_neurons`.
"""

# pyright: reportMissingImports=false
import sys

import numpy as np
from brian2 import (
    Network,
    NeuronGroup,
    SpikeGeneratorGroup,
    SpikeMonitor,
    StateMonitor,
    Synapses,
    defaultclock,
    ms,
    prefs,
)

LEAK = "dv/dt = (v_rest - v + resistance * ({current})) / (tau_m * ms) : 1 (unless refractory)"
ADEX = "g_leak * (E_leak - v + delta_T * exp((v - v_T) / delta_T)) - w + I"
CONDUCTANCES = "g_leak * (E_leak - v) + g_exc * (E_exc - v) + g_inh * (E_inh - v) + I"

# Of each model: equations of its variables, threshold, reset, and what an arriving weight does.
MODELS = {
    "lif": ({"v": LEAK.format(current="I")}, "v > v_threshold", "v = v_reset", "v_post += weight"),
    "current": (
        {
            "v": LEAK.format(current="I + i_syn"),
            "i_syn": "di_syn/dt = -i_syn / (tau_syn * ms) : 1",
        },
        "v > v_threshold",
        "v = v_reset",
        "i_syn_post += weight",
    ),
    "alpha": (
        {
            "v": LEAK.format(current="I + i_syn"),
            "i_syn": "di_syn/dt = (rise - i_syn) / (tau_syn * ms) : 1",
            "rise": "drise/dt = -rise / (tau_syn * ms) : 1",
        },
        "v > v_threshold",
        "v = v_reset",
        "rise_post += exp(1) * weight",
    ),
    "conductance": (
        {
            "v": f"dv/dt = ({CONDUCTANCES}) / (C_m * ms) : 1 (unless refractory)",
            "g_exc": "dg_exc/dt = -g_exc / (tau_exc * ms) : 1",
            "g_inh": "dg_inh/dt = -g_inh / (tau_inh * ms) : 1",
        },
        "v > v_threshold",
        "v = v_reset",
        "g_exc_post += clip(weight, 0, inf); g_inh_post += clip(-weight, 0, inf)",
    ),
    "adaptive": (
        {"v": LEAK.format(current="I"), "theta": "dtheta/dt = -theta / (tau_theta * ms) : 1"},
        "v > v_threshold + theta",
        "v = v_reset; theta += delta_theta",
        "v_post += weight",
    ),
    "quadratic": (
        {
            "v": "dv/dt = (curvature * (v - v_rest) * (v - v_critical) + resistance * I)"
            " / (tau_m * ms) : 1 (unless refractory)"
        },
        "v > v_peak",
        "v = v_reset",
        "v_post += weight",
    ),
    "exponential": (
        {
            "v": "dv/dt = (v_rest - v + delta_T * exp((v - v_T) / delta_T) + resistance * I)"
            " / (tau_m * ms) : 1 (unless refractory)"
        },
        "v > v_peak",
        "v = v_reset",
        "v_post += weight",
    ),
    "adex": (
        {
            "v": f"dv/dt = ({ADEX}) / (C_m * ms) : 1 (unless refractory)",
            "w": "dw/dt = (a * (v - E_leak) - w) / (tau_w * ms) : 1",
        },
        "v > v_peak",
        "v = v_reset; w += b",
        "v_post += weight",
    ),
    "izhikevich": (
        {
            "v": "dv/dt = (0.04 * v**2 + 5 * v + 140 - u + I) / ms : 1 (unless refractory)",
            "u": "du/dt = a * (b * v - u) / ms : 1",
        },
        "v > v_peak",
        "v = c; u += d",
        "v_post += weight",
    ),
    "glif": (
        {
            "v": "dv/dt = (g_leak * (E_leak - v) + asc_0 + asc_1 + I) / (C_m * ms) : 1"
            " (unless refractory)",
            "theta_s": "dtheta_s/dt = -threshold_decay * theta_s / ms : 1 (unless refractory)",
            "theta_v": "dtheta_v/dt = (voltage_index * (v - E_leak) - voltage_decay * theta_v) / ms"
            " : 1 (unless refractory)",
            "asc_0": "dasc_0/dt = -decay_0 * asc_0 / ms : 1 (unless refractory)",
            "asc_1": "dasc_1/dt = -decay_1 * asc_1 / ms : 1 (unless refractory)",
        },
        "v > v_threshold + theta_s + theta_v",
        "v = E_leak + reset_fraction * (v - E_leak) + reset_add;"
        " theta_s = threshold_add + exp(-threshold_decay * pause) * theta_s;"
        " asc_0 = add_0 + fraction_0 * exp(-decay_0 * pause) * asc_0;"
        " asc_1 = add_1 + fraction_1 * exp(-decay_1 * pause) * asc_1",
        "v_post += weight",
    ),
}
RESERVED = ("model", "method", "arrivals", "weights")


def populations(inputs):
    """{name: {key: value}}, of the keys `<name>:<key>`."""
    named = {}
    for key, value in inputs.items():
        name, colon, rest = key.partition(":")
        if colon:
            named.setdefault(name, {})[rest] = value
    return named


def lines(statements):
    return statements.replace("; ", "\n")


def build(given):
    """The population's neurons and monitors, and what the network needs beside them."""
    equations, threshold, reset, on_arrival = MODELS[str(given["model"])]
    values = {k: v for k, v in given.items() if k not in RESERVED}
    constants = [f"{k} : 1 (constant)" for k in values if k not in equations]
    neurons = NeuronGroup(
        len(values["pause"]),
        "\n".join([*equations.values(), *constants]),
        threshold=threshold,
        reset=lines(reset),
        refractory="pause * ms",
        method=str(given["method"]),
    )
    for key, value in values.items():
        setattr(neurons, key, value)
    trace, spikes = StateMonitor(neurons, list(equations), record=True), SpikeMonitor(neurons)
    parts = [neurons, trace, spikes]
    if "arrivals" in given:
        weights = given["weights"]
        source = SpikeGeneratorGroup(len(weights), range(len(weights)), given["arrivals"] * ms)
        synapses = Synapses(source, neurons, "weight : 1", on_pre=lines(on_arrival))
        synapses.connect()
        synapses.weight = weights.reshape(-1)
        parts += [source, synapses]
    return list(equations), trace, spikes, parts


def main(inputs, out):
    prefs.codegen.target = "numpy"
    defaultclock.dt = float(inputs["dt"]) * ms
    built = {name: build(given) for name, given in populations(inputs).items()}
    network = Network(part for *_, parts in built.values() for part in parts)
    network.run(float(inputs["t1"]) * ms)
    results = {}
    for name, (variables, trace, spikes, _) in built.items():
        results |= {f"{name}:{v}": getattr(trace, v).T for v in variables}
        results[f"{name}:spike_steps"] = np.rint(spikes.t / defaultclock.dt).astype(int)
        results[f"{name}:spike_neurons"] = spikes.i[:]
    np.savez(out, **results)


if __name__ == "__main__":
    main(np.load(sys.argv[1]), sys.argv[2])
