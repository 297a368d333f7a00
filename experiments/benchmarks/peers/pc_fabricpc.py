"""FabricPC: its own training step, nodes differentiated by JAX or by its explicit gradients."""

# pyright: reportMissingImports=false
from serve import serve  # isort: skip  (first: it takes stdout over)

import argparse
from itertools import pairwise

import fabricpc
import jax
import jax.numpy as jnp
import optax
import pc_task
from fabricpc.core.activations import IdentityActivation, ReLUActivation
from fabricpc.core.inference import InferenceSGD
from fabricpc.core.topology import Edge
from fabricpc.core.types import GraphParams, NodeParams
from fabricpc.graph_assembly import TaskMap, graph
from fabricpc.graph_initialization import initialize_graph_state, initialize_params
from fabricpc.nodes import IdentityNode, Linear
from fabricpc.nodes.linear_explicit_grad import LinearExplicitGrad
from fabricpc.training import make_train_step

NODES = {"autodiff": Linear, "explicit": LinearExplicitGrad}


def structure_of(task, node):
    """Dense layers, relu behind all but the last, squared error at every node."""
    nodes = [IdentityNode(shape=task.in_shape, name="input")]
    for number, (width, _) in enumerate(task.weights, start=1):
        last = number == len(task.weights)
        activation = IdentityActivation() if last else ReLUActivation()
        nodes.append(node(shape=(width,), name=f"h{number}", activation=activation))
    return graph(
        nodes=nodes,
        edges=[Edge(source=below, target=above.slot("in")) for below, above in pairwise(nodes)],
        task_map=TaskMap(x=nodes[0], y=nodes[-1]),
        inference=InferenceSGD(eta_infer=task.step_size, infer_steps=task.steps),
    )


def initial_params(task, structure, key):
    """FabricPC's parameters of the graph with the task's values."""
    nodes = dict(initialize_params(structure, key).nodes)
    for number, (weight, bias) in enumerate(task.parameters(), start=1):
        (edge,) = nodes[f"h{number}"].weights
        nodes[f"h{number}"] = NodeParams(
            weights={edge: jnp.asarray(weight.T)}, biases={"b": jnp.asarray(bias[None])}
        )
    return GraphParams(nodes=nodes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", choices=["mlp", "small"], default="mlp")
    parser.add_argument("--setting", choices=NODES, required=True)
    options = parser.parse_args()
    task = pc_task.TASKS[options.task]
    structure = structure_of(task, NODES[options.setting])
    key = jax.random.PRNGKey(0)
    weights = optax.adam(task.learning_rate)
    step = make_train_step(structure, weights)
    params = initial_params(task, structure, key)
    trained = [params, weights.init(params)]
    x, y = map(jnp.asarray, task.batch())

    def run() -> None:
        params, state, *_ = step(trained[0], trained[1], {"x": x, "y": y}, key)
        trained[:] = jax.block_until_ready((params, state))

    for _ in range(pc_task.WARM_UP):
        run()
    state = initialize_graph_state(
        structure, x.shape[0], key, clamps={"input": x}, params=trained[0]
    )
    error = task.error(state.nodes[f"h{len(task.weights)}"].z_mu)
    serve(
        {"run": run},
        {"error": [error]},
        version=f"fabricpc {fabricpc.__version__}, jax {jax.__version__}",
        setting=options.setting,
        error=error,
    )


if __name__ == "__main__":
    main()
