"""jaxpike: its graph or chain of layers, run by `unroll`, one step in each pass of the loop.

Eight, its default for a GPU, take three times as long here. Settings: the gradient keeps what each
step computed, or computes it again (`remat_step`).
"""

# pyright: reportMissingImports=false
from serve import serve  # isort: skip  (first: it takes stdout over)

import argparse
from importlib.metadata import version

import equinox as eqx
import jax
import jax.numpy as jnp
import jaxpike as jp
import numpy as np
import snn_task
from snn_task import BETA, SLOPE
from snn_training import train_and_serve

del serve
TAU = -1 / np.log(BETA)
SCALE = 1 - BETA
"""jaxpike multiplies what comes in by this, so all its potentials, and the threshold, are by this
less than the task's."""


class Surrogate(jp.Surrogate):
    """The task's, of potentials in jaxpike's scale."""

    def relaxation(self, v):
        u = v / SCALE
        return u / (1 + SLOPE * jnp.abs(u))


def dense(weight, bias=None):
    layer = jp.Dense(*weight.shape[::-1], use_bias=bias is not None, key=jax.random.key(0))
    where = lambda layer: (layer.weight, layer.bias)  # noqa: E731
    return eqx.tree_at(where, layer, (weight, bias), is_leaf=lambda leaf: leaf is None)


def network(task: snn_task.Task) -> jp.Graph:
    """The recurrent task's layers with its parameters."""
    inputs, readout = [dense(*map(jnp.asarray, each)) for each in task.parameters()]
    return jp.Graph(
        nodes={
            "inputs": inputs,
            "neurons": jp.LIF(TAU, threshold=SCALE, surrogate=Surrogate()),
            "feedback": dense(jnp.asarray(task.feedback_weight())),
            "readout": readout,
            "output": jp.LeakyIntegrator(TAU),
        },
        edges=[
            ("input", "inputs"),
            ("inputs", "neurons"),
            ("neurons", "feedback"),
            ("feedback", "neurons"),
            ("neurons", "readout"),
            ("readout", "output"),
        ],
        output="output",
    )


def is_learned(network: jp.Graph):
    """Its weights and biases, not its time constants, as a tree of truth values."""
    nodes = {
        name: jax.tree.map(lambda _: isinstance(node, jp.Dense), node)  # noqa: B023
        for name, node in network.nodes.items()
    }
    return eqx.tree_at(lambda graph: graph.nodes, network, nodes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", choices=["recurrent"], required=True)
    parser.add_argument("--setting", choices=["keep", "remat"], required=True)
    options = parser.parse_args()
    task, remat = snn_task.TASKS[options.task], options.setting == "remat"
    snn_task.on_one_core()
    start = network(task)
    learned, fixed = eqx.partition(start, is_learned(start))

    def logits(learned, x):
        model = eqx.combine(learned, fixed)
        outputs, _ = jp.unroll(model, x, scan_unroll=1, remat_step=remat)
        return outputs.mean(0) / SCALE

    train_and_serve(
        task,
        learned,
        logits,
        version=f"jaxpike {version('jaxpike')}, jax {jax.__version__}",
        setting=options.setting,
    )


if __name__ == "__main__":
    main()
