"""NEST's integrate-and-fire neurons, populations of several models in one run.

Inputs: `dt` and `t1` (ms); of each population `<name>:model`, a NEST model, and
`<name>:<parameter>` [neurons, ...] in NEST's units; `<name>:record` names of recordables. Spikes
arrive where there is `<name>:arrivals` [spikes], times (ms), with `<name>:weights`
[spikes, neurons]: they are sent at those times with a delay of dt, the shortest. Where there is
`<name>:current` [neurons] (pA), for models that have no I_e, a generator gives it from 2 dt on.
Results: of each population `<name>:<recordable>` [steps, neurons] at dt, 2 dt, ... (ms), and its
spikes in order of time, `<name>:spike_steps` (the step at whose end they are) and
`<name>:spike_neurons`.
"""

# pyright: reportMissingImports=false
import sys

import nest
import numpy as np

RESERVED = ("model", "record", "arrivals", "weights", "current")


def populations(inputs):
    """{name: {key: value}}, of the keys `<name>:<key>`."""
    named = {}
    for key, value in inputs.items():
        name, colon, rest = key.partition(":")
        if colon:
            named.setdefault(name, {})[rest] = value
    return named


def build(given, dt):
    """The neurons, their recorder and their spike recorder."""
    parameters = {k: v for k, v in given.items() if k not in RESERVED}
    count = len(next(iter(parameters.values())))
    neurons = nest.Create(str(given["model"]), count)
    for i in range(count):
        neurons[i].set({k: v[i].tolist() for k, v in parameters.items()})
        if "arrivals" in given:
            weights = given["weights"][:, i].tolist()
            times = given["arrivals"].tolist()
            source = nest.Create(
                "spike_generator", params={"spike_times": times, "spike_weights": weights}
            )
            nest.Connect(source, neurons[i], syn_spec={"delay": dt})
        if "current" in given:
            source = nest.Create("dc_generator", params={"amplitude": float(given["current"][i])})
            nest.Connect(source, neurons[i], syn_spec={"delay": dt})
    names = given["record"].tolist()
    meter = nest.Create("multimeter", params={"interval": dt, "record_from": names})
    nest.Connect(meter, neurons)
    spikes = nest.Create("spike_recorder")
    nest.Connect(neurons, spikes)
    return neurons, meter, spikes


def read(name, neurons, meter, spikes, dt):
    """The results of one population."""
    first = neurons.tolist()[0]
    events = meter.events
    steps = np.rint(events["times"] / dt).astype(int) - 1
    results = {}
    for recordable in meter.record_from:
        trace = np.full((steps.max() + 1, len(neurons)), np.nan)
        trace[steps, events["senders"] - first] = events[recordable]
        results[f"{name}:{recordable}"] = trace
    order = np.argsort(spikes.events["times"], kind="stable")
    results[f"{name}:spike_steps"] = np.rint(spikes.events["times"][order] / dt).astype(int)
    results[f"{name}:spike_neurons"] = spikes.events["senders"][order] - first
    return results


def main(inputs, out):
    nest.verbosity = nest.VerbosityLevel.ERROR
    dt = float(inputs["dt"])
    nest.resolution = dt
    built = {name: build(given, dt) for name, given in populations(inputs).items()}
    # A step more than asked for: what is recorded at the end of the last comes out in the next.
    nest.Simulate(float(inputs["t1"]) + dt)
    results = {}
    for name, devices in built.items():
        results |= read(name, *devices, dt)
    np.savez(out, **results)


if __name__ == "__main__":
    main(np.load(sys.argv[1]), sys.argv[2])
