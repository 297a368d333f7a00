"""NeuroBench's metrics of a convolutional and a spiking network.

Inputs: `images` [samples, 2, 9, 7]; `spikes`, `graded` and `mixed` [samples, steps, 12], what the
spiking network is sent; `frames` [samples, steps, 2, 9, 7] for a convolutional one; weights
`conv1`, `conv2`, `readout`, `hidden`, `output` as torch has them; `batch`, samples in a batch;
`thresholds` of two networks that are to be the same elsewhere: `whole` (sent `spikes`), with a
reset by subtraction, and `frames`, with one to zero.
Results, named `images.macs` and so on for each of the six: NeuroBench's `macs`, `acs`, `dense`,
`activation_sparsity`, `connection_sparsity`, `footprint`, `membrane_updates`; and what was counted:
`input.i` [samples, steps, ...] of connection i, `activation.i` of activation i, `membrane.i` of
spiking layer i after each step, `state.i` each parameter and buffer.
"""

# pyright: reportMissingImports=false
import sys

import numpy as np
import snntorch
import torch
from neurobench.benchmarks import Benchmark
from neurobench.metrics.static import ConnectionSparsity, Footprint
from neurobench.metrics.workload import ActivationSparsity, MembraneUpdates, SynapticOperations
from neurobench.models import SNNTorchModel, TorchModel

CONNECTIONS = (torch.nn.Linear, torch.nn.Conv2d)
ACTIVATIONS = (torch.nn.ReLU, snntorch.Leaky)


def layer(kind, weight, *args, **kwargs):
    """A torch layer of these weights, and biases (if any) that no count may show."""
    made = kind(*args, **kwargs)
    made.weight.data = torch.tensor(weight)
    if made.bias is not None:
        made.bias.data.fill_(0.25)
    return made


def convolutional(x):
    return torch.nn.Sequential(
        layer(torch.nn.Conv2d, x["conv1"], 2, 4, 3, stride=2, padding=1),
        torch.nn.ReLU(),
        layer(torch.nn.Conv2d, x["conv2"], 4, 3, (2, 3), stride=(1, 2), padding=(2, 0)),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        layer(torch.nn.Linear, x["readout"], *x["readout"].shape[::-1]),
    )


def spiking(x):
    leaky = {"beta": 0.5, "init_hidden": True}
    return torch.nn.Sequential(
        layer(torch.nn.Linear, x["hidden"], *x["hidden"].shape[::-1], bias=False),
        snntorch.Leaky(**leaky),
        layer(torch.nn.Linear, x["output"], *x["output"].shape[::-1], bias=False),
        snntorch.Leaky(**leaky, output=True),
    )


def same_elsewhere(threshold, reset, last=False):
    """Neurons that are reset in the step in which they spike."""
    return snntorch.Leaky(
        beta=0.5,
        init_hidden=True,
        threshold=float(threshold),
        reset_mechanism=reset,
        reset_delay=False,
        output=last,
    )


def whole(x):
    first, _, second, _ = spiking(x)
    threshold = x["thresholds"][0]
    return torch.nn.Sequential(
        first,
        same_elsewhere(threshold, "subtract"),
        second,
        same_elsewhere(threshold, "subtract", last=True),
    )


def whole_convolutional(x):
    first, _, second, _, flatten, readout = convolutional(x)
    threshold = x["thresholds"][1]
    return torch.nn.Sequential(
        first,
        same_elsewhere(threshold, "zero"),
        second,
        same_elsewhere(threshold, "zero"),
        flatten,
        readout,
        same_elsewhere(threshold, "zero", last=True),
    )


def measured(model, data, batch):
    """NeuroBench's metrics of a model."""
    samples = torch.tensor(data)
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(samples, torch.zeros(len(samples))), batch_size=batch
    )
    static = [Footprint, ConnectionSparsity]
    workload = [ActivationSparsity, SynapticOperations]
    if isinstance(model, SNNTorchModel):
        workload.append(MembraneUpdates)
    result = Benchmark(model, loader, [], [], [static, workload]).run(quiet=True)
    operations = result["SynapticOperations"]
    return {
        "macs": operations["Effective_MACs"],
        "acs": operations["Effective_ACs"],
        "dense": operations["Dense"],
        "activation_sparsity": result["ActivationSparsity"],
        "connection_sparsity": result["ConnectionSparsity"],
        "footprint": result["Footprint"],
        "membrane_updates": result.get("MembraneUpdates", 0.0),
    }


def watched(net, call):
    """What went through the network's layers in `call`, [samples, steps, ...]."""
    seen = {}

    def keep(name, value):
        seen.setdefault(name, []).append(value.detach().numpy().copy())

    def watch(kinds, look):
        modules = [m for m in net if isinstance(m, kinds)]
        return [
            m.register_forward_hook(lambda m, inputs, output, i=i: look(i, m, inputs[0], output))
            for i, m in enumerate(modules)
        ]

    def connection(i, module, inputs, output):
        keep(f"input.{i}", inputs)

    def activation(i, module, inputs, output):
        keep(f"activation.{i}", output[0] if isinstance(output, tuple) else output)
        if isinstance(module, snntorch.Leaky):
            keep(f"membrane.{i}", module.mem)

    hooks = watch(CONNECTIONS, connection) + watch(ACTIVATIONS, activation)
    with torch.no_grad():
        call()
    for hook in hooks:
        hook.remove()
    return {name: np.stack(steps, axis=1) for name, steps in seen.items()}


def main(inputs, out):
    results = {}
    for name, data, build, wrapper in (
        ("images", "images", convolutional, TorchModel),
        ("spikes", "spikes", spiking, SNNTorchModel),
        ("graded", "graded", spiking, SNNTorchModel),
        ("mixed", "mixed", spiking, SNNTorchModel),
        ("whole", "spikes", whole, SNNTorchModel),
        ("frames", "frames", whole_convolutional, SNNTorchModel),
    ):
        net = build(inputs)
        state = [t.detach().numpy().copy() for t in (*net.parameters(), *net.buffers())]
        model = wrapper(net)
        found = measured(model, inputs[data], int(inputs["batch"]))
        found |= watched(net, lambda m=model, x=inputs[data]: m(torch.tensor(x)))
        found |= {f"state.{i}": array for i, array in enumerate(state)}
        results |= {f"{name}.{key}": value for key, value in found.items()}
    np.savez(out, **results)


if __name__ == "__main__":
    main(dict(np.load(sys.argv[1])), sys.argv[2])
