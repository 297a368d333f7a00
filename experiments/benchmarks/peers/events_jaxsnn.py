"""jaxsnn: its layered network of event queues, by its own EventProp or through its solver."""

# pyright: reportMissingImports=false
from serve import serve  # isort: skip  (first: it takes stdout over)

from functools import partial
from importlib.metadata import version

import events_task as task
import jax
import jax.numpy as jnp
import optax
from jaxsnn.event.encode import spatio_temporal_encode
from jaxsnn.event.loss import first_spike
from jaxsnn.event.modules import LIF, LIFParameters, Linear, Source
from jaxsnn.event.topology import Topology

optimizer = optax.adam(task.LEARNING_RATE)


def network(setting: str, first, second):
    """The task's two layers; a low reset lets a neuron spike once, as in jaxsnn's examples."""
    cell = LIFParameters(v_reset=-1000.0, v_th=1.0, tau_syn=task.TAU_SYN, tau_mem=task.TAU_M)
    hidden = first.shape[1]
    builder = Topology(t_max=task.T1, backprop_method=setting)
    builder.add(
        {
            "inp": Source(task.INPUTS),
            "lif1": LIF(hidden, task.INPUTS + hidden, cell),
            "lif2": LIF(task.CLASSES, hidden + task.CLASSES, cell),
            "syn1": Linear(pre_weights=first),
            "syn2": Linear(pre_weights=second),
        }
    )
    builder.connect([("inp", "syn1"), ("syn1", "lif1"), ("lif1", "syn2"), ("syn2", "lif2")])
    return builder.done()


def main() -> None:
    options = task.size()
    init, apply = network(options.setting, *map(jnp.asarray, task.weights(options.hidden)))
    times, labels = map(jnp.asarray, task.batch(options.batch))
    encode = partial(spatio_temporal_encode, t_late=1.0, duplication=None, duplicate_neurons=False)
    events = {"inp": jax.vmap(encode)(times)}

    def spikes(weights, events):
        return jax.vmap(first_spike, in_axes=(0, None))(
            apply(events, weights)["lif2"], task.CLASSES
        )

    def loss(weights, events, labels):
        logits = -jnp.minimum(spikes(weights, events), task.T1) / task.TAU_LOSS
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    @jax.jit
    def step(weights, state, events, labels):
        updates, state = optimizer.update(jax.grad(loss)(weights, events, labels), state, weights)
        return optax.apply_updates(weights, updates), state

    weights = init(jax.random.PRNGKey(0))
    trained = weights, optimizer.init(weights)

    def run() -> None:
        jax.block_until_ready(step(*trained, events, labels))

    def compile_afresh() -> None:
        jax.clear_caches()
        step.lower(*trained, events, labels).compile()

    for _ in range(task.WARM_UP):
        trained = step(*trained, events, labels)
    serve(
        {"run": run, "compile": compile_afresh},
        task.results(jax.jit(spikes)(trained[0], events), trained[0]["syn1"], trained[0]["syn2"]),
        version=f"jaxsnn {version('jaxsnn')}, jax {jax.__version__}",
        setting=options.setting,
    )


if __name__ == "__main__":
    main()
