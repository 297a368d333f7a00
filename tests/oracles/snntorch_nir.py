"""Networks read from NIR and written to it by snnTorch.

Inputs: of each network to read, `file:<name>`, the bytes of a file of NIR, and `input:<name>`
[time, samples, ...]; of each of those in `written`, `input:<name>`.
Results: `output:<name>` [time, samples, ...] of each; of those written, `file:<name>`, and
`again:<name>`, what comes out where it reads that again.
"""

# pyright: reportMissingImports=false
import sys
import tempfile
from pathlib import Path

import nir
import numpy as np
import snntorch as snn
import torch
from snntorch.export_nir import export_to_nir
from snntorch.import_nir import import_from_nir

ONES = torch.ones
AGAIN = ("subtracting", "late synapses")  # that NIR does not carry
# The reset of NIR: at once, to zero. Its file is the same for all kinds.
ZERO = {"reset_mechanism": "zero", "reset_delay": False}


def leaky(*shape, **how):
    return snn.Leaky(0.8 * ONES(*shape), threshold=ONES(*shape), init_hidden=True, **how)


def synaptic(n, **how):
    decays = {"alpha": 0.7 * ONES(n), "beta": 0.8 * ONES(n), "threshold": ONES(n)}
    return snn.Synaptic(**decays, init_hidden=True, **how)


def written():
    linear = torch.nn.Linear
    recurrent = snn.RLeaky(0.8, linear_features=40, init_hidden=True, **ZERO)
    return {
        "dense": [linear(20, 40), leaky(40, **ZERO), linear(40, 10), leaky(10, **ZERO)],
        "convolutional": [
            torch.nn.Conv2d(2, 4, 3, padding=1),
            leaky(4, 8, 8, **ZERO),
            torch.nn.AvgPool2d(2),
            torch.nn.Flatten(),
            linear(64, 10),
            leaky(10, **ZERO),
        ],
        "synapses": [linear(20, 40), synaptic(40, **ZERO), linear(40, 10), synaptic(10, **ZERO)],
        "recurrent": [linear(20, 40), recurrent, linear(40, 10), leaky(10, **ZERO)],
        "subtracting": [linear(20, 40), leaky(40), linear(40, 10), leaky(10)],
        "late synapses": [linear(20, 40), synaptic(40, reset_mechanism="zero")],
    }


def forget(network):
    for module in network.modules():
        if hasattr(module, "reset_mem"):
            module.reset_mem()


def over_time(network, x):
    """What a network that keeps its own state gives."""
    forget(network)
    with torch.no_grad():
        given = [network(torch.tensor(step)).numpy() for step in x]
    forget(network)
    return np.stack(given)


def sample_by_sample(path, x):
    """One sample after the other: a Flatten of NIR's would flatten their axis too."""
    outputs = []
    for sample in np.moveaxis(x, 1, 0):
        network, state, given = import_from_nir(nir.read(path)), None, []
        with torch.no_grad():
            for step in sample:
                out, state = network(torch.tensor(step), state)
                given.append(out.numpy())
        outputs.append(np.stack(given))
    return np.stack(outputs, 1)


def main(inputs, results):
    x = dict(np.load(inputs))
    path = Path(tempfile.mkdtemp()) / "network.nir"
    found = {}
    for key in [key for key in x if key.startswith("file:")]:
        name = key.removeprefix("file:")
        path.write_bytes(x[key].tobytes())
        found[f"output:{name}"] = sample_by_sample(path, x[f"input:{name}"])
    torch.manual_seed(0)
    for name, layers in written().items():
        network = torch.nn.Sequential(*layers)
        for layer in layers:
            if hasattr(layer, "weight"):
                layer.weight.data *= 3  # or hardly a neuron would spike
        found[f"output:{name}"] = over_time(network, x[f"input:{name}"])
        sample = torch.tensor(x[f"input:{name}"][0])
        nir.write(path, export_to_nir(network, sample, ignore_dims=[0]))
        found[f"file:{name}"] = np.frombuffer(path.read_bytes(), np.uint8)
        if name in AGAIN:
            found[f"again:{name}"] = sample_by_sample(path, x[f"input:{name}"])
    np.savez(results, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
