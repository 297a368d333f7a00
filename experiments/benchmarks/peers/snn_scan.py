"""The bare training step: plain arrays and hand-written `lax.scan`s, nothing of neurojax.

Settings: a scan for each `layer`, or one over the whole network's `steps`. `products` computes
nothing but the matrix products of a dense step: forward, and backward for weights and inputs.
"""

from serve import serve  # isort: skip  (first: it takes stdout over)

import argparse
import functools

import jax
import jax.numpy as jnp
import numpy as np
import snn_task
from snn_task import BETA, SLOPE
from snn_training import train_and_serve


@jax.custom_jvp
def spike(u):
    return (u > 0).astype(u.dtype)


@spike.defjvp
def spike_jvp(primals, tangents):
    (u,), (du,) = primals, tangents
    return spike(u), du / (1 + SLOPE * jnp.abs(u)) ** 2


def fire(v, current):
    u = BETA * v + current
    spikes = spike(u - 1)
    return u - spikes, spikes


def integrate(o, current):
    o = BETA * o + current
    return o, o


def fire_with(feedback):
    """Neurons that are connected among each other; their state is also what they last emitted."""

    def step(state, current):
        v, spikes = state
        state = fire(v, current + spikes @ feedback.T)
        return state, state[1]

    return step


def current(layer, x):
    """Of samples [n, ...]."""
    weight, bias = layer
    if weight.ndim == 2:
        return x.reshape(len(x), -1) @ weight.T + bias
    dimensions = ("NCHW", "OIHW", "NCHW")
    found = jax.lax.conv_general_dilated(x, weight, (1, 1), "SAME", dimension_numbers=dimensions)
    return found + bias[:, None, None]


def pool(layer, x):
    """By two behind a convolution; of equal maxima the first has the gradient."""
    if layer[0].ndim == 2:
        return x
    return functools.reduce(
        lambda a, b: jnp.where(b > a, b, a), [x[..., i::2, j::2] for i in (0, 1) for j in (0, 1)]
    )


def layer_by_layer(parameters, x):
    layers, feedback = parameters
    time_steps, samples = x.shape[:2]

    def all_at_once(f, layer, x):
        found = f(layer, x.reshape(time_steps * samples, *x.shape[2:]))
        return found.reshape(time_steps, samples, *found.shape[1:])

    for number, layer in enumerate(layers[:-1]):
        currents = all_at_once(current, layer, x)
        v = jnp.zeros(currents.shape[1:])
        if number == 0 and feedback is not None:
            spikes = jax.lax.scan(fire_with(feedback), (v, v), currents)[1]
        else:
            spikes = jax.lax.scan(fire, v, currents)[1]
        x = all_at_once(pool, layer, spikes)
    currents = all_at_once(current, layers[-1], x)
    return jax.lax.scan(integrate, jnp.zeros(currents.shape[1:]), currents)[1].mean(0)


def step_by_step(parameters, x):
    """Dense networks only."""
    layers, feedback = parameters

    def step(states, spikes):
        found = []
        for number, (layer, state) in enumerate(zip(layers[:-1], states[:-1], strict=True)):
            neurons = fire if number or feedback is None else fire_with(feedback)
            state, spikes = neurons(state, current(layer, spikes))
            found.append(state)
        o, _ = integrate(states[-1], current(layers[-1], spikes))
        return [*found, o], o

    zeros = [jnp.zeros((x.shape[1], len(bias))) for _, bias in layers]
    start = zeros if feedback is None else [(zeros[0], zeros[0]), *zeros[1:]]
    return jax.lax.scan(step, start, x)[1].mean(0)


def serve_products(task: snn_task.Task) -> None:
    """Of spikes and gradients that are given; the inputs' gradient is not asked for."""
    rng = np.random.default_rng(3)
    rows = task.time_steps * task.batch_size
    weights = [jnp.asarray(weight) for weight, _ in task.parameters()]
    below = [jnp.asarray(rng.random((rows, w.shape[1])) < task.rate, jnp.float32) for w in weights]
    gradients = [jnp.asarray(rng.normal(size=(rows, len(w))), jnp.float32) for w in weights]

    @jax.jit
    def products(weights, below, gradients):
        forward = [x @ w.T for x, w in zip(below, weights, strict=True)]
        of_weights = [g.T @ x for x, g in zip(below, gradients, strict=True)]
        of_inputs = [g @ w for g, w in zip(gradients[1:], weights[1:], strict=True)]
        return forward, of_weights, of_inputs

    serve(
        {"run": lambda: jax.block_until_ready(products(weights, below, gradients))},
        version=f"jax {jax.__version__}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", choices=snn_task.TASKS, required=True)
    parser.add_argument("--setting", choices=["layer", "steps", "products"], required=True)
    options = parser.parse_args()
    snn_task.on_one_core()
    task = snn_task.TASKS[options.task]
    if options.setting == "products":
        serve_products(task)
        return
    feedback = None if task.feedback is None else task.feedback_weight()
    train_and_serve(
        task,
        jax.tree.map(jnp.asarray, (task.parameters(), feedback)),
        {"layer": layer_by_layer, "steps": step_by_step}[options.setting],
        version=f"jax {jax.__version__}",
        setting=options.setting,
    )


if __name__ == "__main__":
    main()
