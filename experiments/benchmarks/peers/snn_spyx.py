"""spyx: its network, run by its `run`.

Its neurons are reset by the threshold one step after they cross it, when the task's reset has
decayed by BETA, and what they emit is a step late as well. So their threshold is BETA, which makes
all potentials by SHIFT other than the task's, and each layer begins at what is at rest when the
spikes of those before it arrive.
"""

# pyright: reportMissingImports=false
from serve import serve  # isort: skip  (first: it takes stdout over)

import argparse
from importlib.metadata import version

import jax
import jax.numpy as jnp
import numpy as np
import snn_task
import spyx
import spyx.nn as snn
from flax import nnx
from snn_task import BETA
from snn_training import train_and_serve

del serve
SHIFT = BETA - 1
NEURONS = {"beta": BETA, "threshold": BETA, "activation": spyx.axn.superspike(snn_task.SLOPE)}


class MaxPool(nnx.Module):
    def __call__(self, x):
        return nnx.max_pool(x, (2, 2), (2, 2))


def network(task: snn_task.Task) -> snn.Sequential:
    """The task's layers with its parameters; images have their channels last."""
    rngs = nnx.Rngs(0)
    layers, sides = [], task.in_shape[1:]
    *hidden, last = task.parameters()
    for number, (weight, bias) in enumerate(hidden):
        bias = bias + SHIFT * (1 - BETA)
        if weight.ndim == 4:
            neurons = snn.LIF((*sides, len(bias)), **NEURONS, rngs=rngs)
            layers += [convolution(weight, bias, rngs), neurons, MaxPool()]
            sides = tuple(side // 2 for side in sides)
        elif number == 0 and task.feedback is not None:
            neurons = snn.RLIF(bias.shape, **NEURONS, rngs=rngs)
            neurons.recurrent_w[...] = jnp.asarray(task.feedback_weight().T)
            layers += [dense(weight, bias, rngs), neurons]
        else:
            layers += [dense(weight, bias, rngs), snn.LIF(bias.shape, **NEURONS, rngs=rngs)]
    weight, bias = last
    channels_last = np.moveaxis(weight.reshape(len(weight), -1, *sides), 1, -1)
    readout = dense(channels_last.reshape(weight.shape), bias, rngs)
    return snn.Sequential(*layers, snn.Flatten(), readout, snn.LI(bias.shape, BETA, rngs=rngs))


def convolution(weight, bias, rngs) -> nnx.Conv:
    out, into, *_ = weight.shape
    layer = nnx.Conv(into, out, (3, 3), rngs=rngs)
    layer.kernel = nnx.Param(jnp.asarray(weight.transpose(2, 3, 1, 0)))
    layer.bias = nnx.Param(jnp.asarray(bias))
    return layer


def dense(weight, bias, rngs) -> nnx.Linear:
    layer = nnx.Linear(*weight.shape[::-1], rngs=rngs)
    layer.kernel = nnx.Param(jnp.asarray(weight.T))
    layer.bias = nnx.Param(jnp.asarray(bias))
    return layer


def state_before(model: snn.Sequential, batch_size: int) -> list:
    """Each layer's, from which its bias alone brings it to rest in as many steps as there are
    layers before it."""
    states, late, bias = [], 0, jnp.zeros(())
    for layer, zeros in zip(model.layers, model.initial_state(batch_size), strict=True):
        if zeros is None:
            states.append(None)
            bias = jnp.asarray(getattr(layer, "bias", bias))
            continue
        at_rest = 0.0 if isinstance(layer, snn.LI) else SHIFT
        of_bias = bias * (1 - BETA**late) / (1 - BETA)
        states.append(zeros + (at_rest - of_bias) / BETA**late)
        late += 1
    return states


def is_learned(path, value) -> bool:
    return isinstance(value, nnx.Param) and path[-1] != "beta"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", choices=snn_task.TASKS, required=True)
    task = snn_task.TASKS[parser.parse_args().task]
    snn_task.on_one_core()
    graph, learned, fixed = nnx.split(network(task), is_learned, ...)
    late = len(task.weights) - 1

    def logits(learned, x):
        model = nnx.merge(graph, learned, fixed)
        outputs, _ = snn.run(model, x, state_before(model, x.shape[1]))
        return outputs[late:].mean(0)

    train_and_serve(
        task,
        learned,
        logits,
        inputs=lambda x: jnp.moveaxis(x, 2, -1),
        late=late,
        version=f"spyx {version('spyx')}, jax {jax.__version__}",
    )


if __name__ == "__main__":
    main()
