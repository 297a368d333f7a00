"""Our training step: the network run as it is by default."""

from serve import serve  # isort: skip  (first: it takes stdout over)

import argparse

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import snn_task
from snn_task import BETA
from snn_training import train_and_serve

import neurojax as nj
from neurojax.spiking import MaxPool2d, Node, Previous, SpikingNetwork, fast_sigmoid

del serve
MEMBRANE = {"tau_m": -1 / np.log(BETA), "resistance": 1 / (1 - BETA)}


def neurons() -> nj.LIF:
    surrogate = fast_sigmoid(snn_task.SLOPE)
    return nj.LIF(**MEMBRANE, v_threshold=1.0, soft_reset=True, surrogate=surrogate)


def network(task: snn_task.Task) -> SpikingNetwork:
    """The task's layers with its parameters."""
    *hidden, last = [layer_of(*map(jnp.asarray, each)) for each in task.parameters()]
    readout = nj.neurons.LeakyIntegrator(**MEMBRANE)
    if task.feedback is not None:
        feedback = layer_of(jnp.asarray(task.feedback_weight()))
        return SpikingNetwork(
            {
                "inputs": Node(hidden[0], "input"),
                "feedback": Node(feedback, Previous("neurons")),
                "neurons": Node(neurons(), "inputs", "feedback"),
                "readout": Node(last, "neurons"),
                "output": Node(readout, "readout"),
            },
            "output",
        )
    modules = []
    for layer in hidden:
        modules += [layer, neurons()]
        if isinstance(layer, eqx.nn.Conv2d):
            modules.append(MaxPool2d(2))
    return nj.spiking.sequential(*modules, jnp.ravel, last, readout)


def layer_of(weight: jax.Array, bias: jax.Array | None = None) -> eqx.nn.Linear | eqx.nn.Conv2d:
    out, into, *_ = weight.shape
    key = jax.random.key(0)
    if weight.ndim == 4:
        layer = eqx.nn.Conv2d(into, out, 3, padding=1, key=key)
        bias = None if bias is None else bias.reshape(-1, 1, 1)
    else:
        layer = eqx.nn.Linear(into, out, use_bias=bias is not None, key=key)
    where = lambda layer: (layer.weight, layer.bias)  # noqa: E731
    return eqx.tree_at(where, layer, (weight, bias), is_leaf=lambda leaf: leaf is None)


def is_learned(network: SpikingNetwork) -> SpikingNetwork:
    """Weights and biases, not what the membranes are made of, as a tree of truth values."""
    learned = lambda part: isinstance(part, eqx.nn.Linear | eqx.nn.Conv2d)  # noqa: E731
    return jax.tree.map(
        lambda part: jax.tree.map(lambda x: learned(part) and eqx.is_array(x), part),
        network,
        is_leaf=lambda part: learned(part) or isinstance(part, nj.System),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", choices=snn_task.TASKS, required=True)
    task = snn_task.TASKS[parser.parse_args().task]
    snn_task.on_one_core()
    start = network(task)
    learned, fixed = eqx.partition(start, is_learned(start))

    def logits(learned, x):
        return nj.spiking.run(eqx.combine(learned, fixed), x).output.mean(0)

    train_and_serve(task, learned, logits, version=f"jax {jax.__version__}")


if __name__ == "__main__":
    main()
