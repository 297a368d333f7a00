"""The gradient of our network over so many time steps, all kept or `--chunk` of them at a time."""

from serve import serve  # isort: skip  (first: it takes stdout over)

import argparse
import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
import snn_task
from snn_neurojax import is_learned, network

import neurojax as nj

BATCH = 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--time-steps", type=int, required=True)
    parser.add_argument("--chunk", type=int, help="default: all")
    options = parser.parse_args()
    snn_task.on_one_core()
    task = dataclasses.replace(
        snn_task.TASKS["small"], time_steps=options.time_steps, batch_size=BATCH
    )
    chunk = options.chunk or task.time_steps
    start = network(task)
    learned, fixed = eqx.partition(start, is_learned(start))
    spikes, labels = map(jnp.asarray, task.batch())

    @jax.jit
    def gradient(learned, spikes, labels):
        def loss(learned):
            run = nj.spiking.run(eqx.combine(learned, fixed), spikes, chunk=chunk)
            return nj.spiking.mean_membrane_cross_entropy(run.output, labels)

        return jax.value_and_grad(loss)(learned)

    memory = gradient.lower(learned, spikes, labels).compile().memory_analysis()
    assert memory is not None
    value, slopes = gradient(learned, spikes, labels)
    serve(
        {"gradient": lambda: jax.block_until_ready(gradient(learned, spikes, labels))},
        {"loss": [float(value)], "slope": [float(optax.global_norm(slopes))]},
        version=f"jax {jax.__version__}",
        size=task.time_steps,
        chunk=chunk,
        temp_bytes=memory.temp_size_in_bytes,
    )


if __name__ == "__main__":
    main()
