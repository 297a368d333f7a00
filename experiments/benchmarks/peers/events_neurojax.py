"""Our training step: first spikes in closed form, layer by layer."""

from serve import serve  # isort: skip  (first: it takes stdout over)

from functools import partial

import equinox as eqx
import events_task as task
import jax
import jax.numpy as jnp
import optax

from neurojax.neurons import CurrentLIF
from neurojax.spiking import Layer, first_spike_cross_entropy, first_spikes

optimizer = optax.adam(task.LEARNING_RATE)
surprise = partial(first_spike_cross_entropy, t1=task.T1, tau=task.TAU_LOSS)


def spikes(weights, times):
    """The classes' first spikes, of one sample."""
    for w in weights:
        cell = CurrentLIF(w.shape[1:], tau_m=task.TAU_M, tau_syn=task.TAU_SYN)
        times = first_spikes(Layer(cell, w), times, task.T1).times
    return times


@jax.jit
def step(weights, state, times, labels):
    def loss(weights):
        return jax.vmap(surprise)(jax.vmap(partial(spikes, weights))(times), labels).mean()

    updates, state = optimizer.update(jax.grad(loss)(weights), state, weights)
    return eqx.apply_updates(weights, updates), state


def main() -> None:
    options = task.size()
    weights = tuple(map(jnp.asarray, task.weights(options.hidden)))
    times, labels = map(jnp.asarray, task.batch(options.batch))
    trained = weights, optimizer.init(weights)

    def run() -> None:
        jax.block_until_ready(step(*trained, times, labels))

    def compile_afresh() -> None:
        jax.clear_caches()
        step.lower(*trained, times, labels).compile()

    for _ in range(task.WARM_UP):
        trained = step(*trained, times, labels)
    found = jax.vmap(partial(spikes, trained[0]))(times)
    serve(
        {"run": run, "compile": compile_afresh},
        task.results(found, *trained[0]),
        version=f"jax {jax.__version__}",
    )


if __name__ == "__main__":
    main()
