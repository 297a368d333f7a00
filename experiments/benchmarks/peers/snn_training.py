"""The training step around a network's output, timed: alike for every side that is written in JAX.

It runs in each of their venvs, and is imported after `serve`.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
import snn_task
from serve import serve

Parameters = Any


def train_and_serve(
    task: snn_task.Task,
    parameters: Parameters,
    logits: Callable[[Parameters, jax.Array], jax.Array],
    inputs: Callable[[jax.Array], jax.Array] = lambda x: x,
    late: int = 0,
    **about: object,
) -> None:
    """Take the first steps, then time whole steps, their compilation, or both with the tracing.

    `logits` of the parameters and of spikes [time, batch, ...] are [batch, classes]; `inputs` lays
    the task's spikes out as `logits` expects them. A network that answers `late` is given so many
    time steps more until the timing, lest its losses differ by that.
    """
    optimizer = optax.adam(snn_task.LEARNING_RATE)
    spikes, labels = map(jnp.asarray, task.batch())
    spikes = inputs(spikes)

    def loss(parameters, spikes, labels):
        found = logits(parameters, spikes)
        return optax.softmax_cross_entropy_with_integer_labels(found, labels).mean()

    @jax.jit
    def step(parameters, state, spikes, labels):
        value, gradient = jax.value_and_grad(loss)(parameters, spikes, labels)
        updates, state = optimizer.update(gradient, state, parameters)
        return optax.apply_updates(parameters, updates), state, value

    trained = [parameters, optimizer.init(parameters)]

    def run(spikes: jax.Array = spikes) -> float:
        *trained[:], value = jax.block_until_ready(step(*trained, spikes, labels))
        return float(value)

    def compile_afresh() -> None:
        jax.clear_caches()
        step.lower(*trained, spikes, labels).compile()

    def first() -> None:
        jax.clear_caches()
        run()

    longer = jnp.concatenate([spikes, jnp.zeros_like(spikes[:late])])
    slope = optax.global_norm(jax.jit(jax.grad(loss))(parameters, longer, labels))
    losses = [run(longer) for _ in range(snn_task.WARM_UP)]
    run()  # to compile what is timed, where that is shorter
    serve(
        {"run": run, "compile": compile_afresh, "first": first},
        {"loss": losses, "slope": [float(slope)]},
        loss=losses[-1],
        **about,
    )
