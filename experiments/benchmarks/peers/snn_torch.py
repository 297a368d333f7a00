"""torch, layer by layer: each layer's products of all steps at once, then a loop over its neurons.

Settings: torch differentiates the `loop`, or its gradient is written by `hand`; dense products are
MKL's, which torch takes for a linear layer, or oneDNN's, which it takes for a convolution of single
pixels. On an AMD processor MKL's take twice the time.
"""

# pyright: reportMissingImports=false
from serve import serve  # isort: skip  (first: it takes stdout over)

import argparse
from typing import Any

import snn_task
import torch
from snn_task import BETA, SLOPE
from torch import nn


class Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, u):
        ctx.save_for_backward(u)
        return (u > 0).float()

    @staticmethod
    def backward(ctx: Any, gradient):
        (u,) = ctx.saved_tensors
        return gradient / (1 + SLOPE * u.abs()) ** 2


def fire(currents):
    """Spikes of all steps [time, ...]."""
    v, spikes = torch.zeros_like(currents[0]), []
    for current in currents.unbind(0):
        u = BETA * v + current
        spikes.append(Spike.apply(u - 1))
        v = u - spikes[-1]
    return torch.stack(spikes)


class Fire(torch.autograd.Function):
    """The same, and its gradient in one loop backwards over what the forward one kept."""

    @staticmethod
    def forward(ctx: Any, currents):
        above, spikes = torch.empty_like(currents), torch.empty_like(currents)
        v = torch.zeros_like(currents[0])
        for current, u, spike in zip(currents, above, spikes, strict=True):
            torch.add(current, v, alpha=BETA, out=u)
            torch.gt(u, 1, out=spike)
            torch.sub(u, spike, out=v)
        ctx.save_for_backward(above)
        return spikes

    @staticmethod
    def backward(ctx: Any, of_spikes):
        (above,) = ctx.saved_tensors
        surrogate = (above - 1).abs_().mul_(SLOPE).add_(1).square_().reciprocal_()
        gradient = torch.empty_like(of_spikes)
        of_v = torch.zeros_like(of_spikes[0])
        for step in reversed(range(len(of_spikes))):
            of_u = torch.sub(of_spikes[step], of_v, out=gradient[step])
            of_u.mul_(surrogate[step]).add_(of_v)
            torch.mul(of_u, BETA, out=of_v)
        return gradient


def integrate(currents):
    o, found = torch.zeros_like(currents[0]), []
    for current in currents.unbind(0):
        o = BETA * o + current
        found.append(o)
    return torch.stack(found)


class Network(nn.Module):
    """The task's layers, with its parameters."""

    def __init__(self, task: snn_task.Task, neurons, dense):
        super().__init__()
        self.neurons, self.dense = neurons, dense
        self.layers = nn.ModuleList(map(layer_of, task.weights))
        for layer, (weight, bias) in zip(self.layers, task.parameters(), strict=True):
            layer.weight.data = torch.as_tensor(weight)
            layer.bias.data = torch.as_tensor(bias)

    def forward(self, x):
        for layer in self.layers[:-1]:
            if isinstance(layer, nn.Conv2d):
                spikes = self.neurons(at_once(layer, x))
                x = at_once(nn.MaxPool2d(2), spikes)
            else:
                x = self.neurons(self.dense(layer, x))
        return integrate(self.dense(self.layers[-1], x.flatten(2))).mean(0)


def layer_of(shape):
    """Of the shape of its weights."""
    if len(shape) == 2:
        return nn.Linear(shape[1], shape[0])
    return nn.Conv2d(shape[1], shape[0], 3, padding=1)


def at_once(layer, x):
    """A layer of samples, of all steps [time, sample, ...]."""
    return layer(x.flatten(0, 1)).unflatten(0, x.shape[:2])


def of_single_pixels(layer, x):
    """A dense layer of all steps [time, sample, input] as a convolution."""
    images = x.unsqueeze(1).permute(0, 3, 1, 2)  # one row of pixels a step, its channels last
    found = nn.functional.conv2d(images, layer.weight[:, :, None, None], layer.bias)
    return found.permute(0, 2, 3, 1).squeeze(1)


SETTINGS = {
    "loop, MKL": (fire, at_once),
    "hand, MKL": (Fire.apply, at_once),
    "loop, oneDNN": (fire, of_single_pixels),
    "hand, oneDNN": (Fire.apply, of_single_pixels),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", choices=["dense", "small", "conv"], required=True)
    parser.add_argument("--setting", choices=SETTINGS, required=True)
    options = parser.parse_args()
    snn_task.on_one_core()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # as jax does
    task = snn_task.TASKS[options.task]
    network = Network(task, *SETTINGS[options.setting])
    optimizer = torch.optim.Adam(network.parameters(), lr=snn_task.LEARNING_RATE)
    spikes, labels = map(torch.as_tensor, task.batch())

    def run() -> float:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(spikes), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    losses = [run()]
    slope = torch.stack([p.grad.norm() for p in network.parameters()]).norm().item()
    losses += [run() for _ in range(snn_task.WARM_UP - 1)]
    serve(
        {"run": run},
        {"loss": losses, "slope": [slope]},
        version=f"torch {torch.__version__}",
        setting=options.setting,
        loss=losses[-1],
    )


if __name__ == "__main__":
    main()
