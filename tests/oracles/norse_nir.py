"""Networks read from NIR and written to it by Norse.

Inputs: of each network to read, `file:<name>`, the bytes of a file of NIR, `input:<name>`
[time, samples, ...] and `dt:<name>` (ms); of each of those in `written`, `input:<name>`.
Results: `output:<name>` [time, samples, ...] of each; of those written, `file:<name>`, and
`again:<name>`, what comes out where it reads that again.
"""

# pyright: reportMissingImports=false
import sys
import tempfile
from pathlib import Path

import nir
import norse.torch as norse
import numpy as np
import torch

ONES = torch.ones
AGAIN = ("perfect", "late synapses")  # that NIR does not carry


def lif(*shape):
    leak, threshold = 0 * ONES(*shape), 0.3 * ONES(*shape)
    parameters = norse.LIFBoxParameters(200 * ONES(*shape), v_leak=leak, v_th=threshold)
    return norse.LIFBoxCell(parameters)


def integrator(n):
    return norse.LIBoxCell(norse.LIBoxParameters(100 * ONES(n), v_leak=0 * ONES(n)))


def perfect(n):
    return norse.IAFCell(norse.IAFParameters(v_th=ONES(n)))


def synaptic(n):
    inverse = {"tau_mem_inv": 100 * ONES(n), "tau_syn_inv": 200 * ONES(n)}
    given = {"v_leak": 0 * ONES(n), "v_th": 0.3 * ONES(n)}
    return norse.LIFCell(norse.LIFParameters(**inverse, **given))


def written():
    linear, conv = torch.nn.Linear, torch.nn.Conv2d
    return {
        "dense": [linear(20, 40), lif(40), linear(40, 10), lif(10), linear(10, 5), integrator(5)],
        "convolutional": [
            conv(2, 4, 3, padding=1),
            lif(4, 8, 8),
            conv(4, 3, 3, stride=2),
            lif(3, 3, 3),
        ],
        "perfect": [linear(20, 40), perfect(40), linear(40, 10), perfect(10)],
        "late synapses": [linear(20, 40), synaptic(40)],
    }


def over_time(network, x):
    state, given = None, []
    with torch.no_grad():
        for step in x:
            out, state = network(torch.tensor(step), state)
            given.append(out.numpy())
    return np.stack(given)


def sample_by_sample(path, x, dt=1.0):
    """One sample after the other: a Flatten of NIR's would flatten their axis too."""
    network = norse.from_nir(nir.read(path), dt=dt / 1000, ignore_warnings=True)
    return np.stack([over_time(network, sample) for sample in np.moveaxis(x, 1, 0)], 1)


def main(inputs, results):
    x = dict(np.load(inputs))
    path = Path(tempfile.mkdtemp()) / "network.nir"
    found = {}
    for key in [key for key in x if key.startswith("file:")]:
        name = key.removeprefix("file:")
        path.write_bytes(x[key].tobytes())
        found[f"output:{name}"] = sample_by_sample(path, x[f"input:{name}"], float(x[f"dt:{name}"]))
    torch.manual_seed(0)
    for name, layers in written().items():
        network = norse.SequentialState(*layers)
        for layer in layers:
            if hasattr(layer, "weight"):
                layer.weight.data *= 3  # or hardly a neuron would spike
        found[f"output:{name}"] = over_time(network, x[f"input:{name}"])
        # It writes dt times the time constants that it reads.
        graph = norse.to_nir(network, torch.tensor(x[f"input:{name}"][0, 0]), dt=1.0)
        graph.infer_types()
        nir.write(path, graph)
        found[f"file:{name}"] = np.frombuffer(path.read_bytes(), np.uint8)
        if name in AGAIN:
            found[f"again:{name}"] = sample_by_sample(path, x[f"input:{name}"])
    np.savez(results, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
