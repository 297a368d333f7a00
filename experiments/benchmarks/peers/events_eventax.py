"""eventax: its feed-forward network by diffrax, with either of its adjoints."""

# pyright: reportMissingImports=false
from serve import serve  # isort: skip  (first: it takes stdout over)

from importlib.metadata import version

import diffrax
import equinox as eqx
import events_task as task
import jax
import jax.numpy as jnp
import optax
from eventax.adjoint import EventPropAdjoint
from eventax.evnn import FFEvNN
from eventax.neuron_models import LIF

STEP = 0.05
"""In tau_syn: with Heun's method spikes are within 0.001 in the mean. Euler's, its default, takes
as long for many times that error; with longer steps, or solvers of higher order, it stops."""
optimizer = optax.adam(task.LEARNING_RATE)


def network(setting: str, first, second) -> FFEvNN:
    """The task's two layers; a low reset lets a neuron spike once. Rows: hidden, class, input."""
    hidden = first.shape[1]
    weights = jnp.zeros((hidden + task.CLASSES + task.INPUTS, hidden + task.CLASSES))
    weights = weights.at[:hidden, hidden:].set(second).at[-task.INPUTS :, :hidden].set(first)
    return FFEvNN(
        layers=[hidden, task.CLASSES],
        in_size=task.INPUTS,
        neuron_model=LIF,
        key=jax.random.key(0),
        max_solver_time=task.T1,
        solver=diffrax.Heun(),
        solver_stepsize=STEP,
        max_event_steps=1 + task.INPUTS + 2 * (hidden + task.CLASSES),
        output_no_spike_value=task.T1,
        adjoint=EventPropAdjoint() if setting == "eventprop" else None,
        init_weights=weights,
        init_bias=0.0,
        thresh=1.0,
        tsyn=task.TAU_SYN,
        tmem=task.TAU_M,
        vreset=-1000.0,
    )


def main() -> None:
    options = task.size()
    start = network(options.setting, *map(jnp.asarray, task.weights(options.hidden)))
    times, labels = map(jnp.asarray, task.batch(options.batch))

    def with_weights(weights) -> FFEvNN:
        return eqx.tree_at(lambda net: net.neuron_model.weights, start, weights)

    def spikes(weights, times):
        return jax.vmap(with_weights(weights).ttfs)(times[..., None])

    def loss(weights, times, labels):
        logits = -spikes(weights, times) / task.TAU_LOSS
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    @jax.jit
    def step(weights, state, times, labels):
        updates, state = optimizer.update(jax.grad(loss)(weights, times, labels), state, weights)
        return optax.apply_updates(weights, updates), state

    weights = start.neuron_model.weights
    trained = weights, optimizer.init(weights)

    def run() -> None:
        jax.block_until_ready(step(*trained, times, labels))

    def compile_afresh() -> None:
        jax.clear_caches()
        step.lower(*trained, times, labels).compile()

    for _ in range(task.WARM_UP):
        trained = step(*trained, times, labels)
    hidden = options.hidden
    learned = trained[0][-task.INPUTS :, :hidden], trained[0][:hidden, hidden:]
    serve(
        {"run": run, "compile": compile_afresh},
        task.results(jax.jit(spikes)(trained[0], times), *learned),
        version=f"eventax {version('eventax')}, jax {jax.__version__}",
        setting=options.setting,
    )


if __name__ == "__main__":
    main()
