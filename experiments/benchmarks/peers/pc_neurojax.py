"""Our training step: the gradient at the settled state, and the update as `fit` applies it."""

from serve import serve  # isort: skip  (first: it takes stdout over)

import argparse
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
import pc_task
from jax.nn import relu

from neurojax import predictive
from neurojax.predictive import Dense, Edge, Node


def dense_chain(task: pc_task.Task) -> predictive.Hierarchy:
    """Dense layers, relu before all but the first."""
    (weight, bias), *rest = parameters(task)
    layers = [Dense(weight, bias), *(Dense(weight, bias, relu) for weight, bias in rest)]
    return predictive.chain(layers, task.in_shape)


class Rectified(eqx.Module):
    """A layer with relu behind it."""

    layer: Dense

    def __call__(self, below):
        return relu(self.layer(below))


def rectified_chain(task: pc_task.Task) -> predictive.Hierarchy:
    """Dense layers, relu behind all but the last, as FabricPC has it."""
    *hidden, last = [Dense(weight, bias) for weight, bias in parameters(task)]
    return predictive.chain([*map(Rectified, hidden), last], task.in_shape)


def residual_stack(task: pc_task.Task) -> predictive.Hierarchy:
    """A dense layer in, a stack of equal layers beside skips, a dense layer out."""
    (first, _), *blocks, (last, _) = parameters(task)
    width, inputs = first.shape
    stack = jnp.stack([weight for weight, _ in blocks])
    assert task.scales is not None
    below, inside, *_, above = task.scales
    return predictive.Hierarchy(
        nodes=[
            Node("input", inputs),
            Node("h0", width),
            Node("h", width, length=len(blocks)),
            Node("output", last.shape[0]),
        ],
        edges=[
            Edge("input", "h0", Dense(first, None), scale=below),
            Edge("h0", "h", predictive.identity),
            Edge("h0", "h", Dense(stack, None, relu), scale=inside),
            Edge("h", "output", Dense(last, None, relu), scale=above),
        ],
    )


class Convolution(eqx.Module):
    """3x3, then relu and max-pooling by two; channels first."""

    layer: eqx.nn.Conv2d

    def __call__(self, below):
        found = relu(self.layer(below))
        channels, height, width = found.shape
        return found.reshape(channels, height // 2, 2, width // 2, 2).max((2, 4))


def convolution(weight: jax.Array, bias: jax.Array) -> Convolution:
    out, into, *_ = weight.shape
    fresh = eqx.nn.Conv2d(into, out, 3, padding=1, key=jax.random.key(0))
    where = lambda layer: (layer.weight, layer.bias)  # noqa: E731
    return Convolution(eqx.tree_at(where, fresh, (weight, bias.reshape(-1, 1, 1))))


def convolutional(task: pc_task.Task) -> predictive.Hierarchy:
    """Convolutions and a dense layer of what is left."""
    *convolutions, (weight, bias) = parameters(task)
    blocks = [convolution(*each) for each in convolutions]
    return predictive.chain([*blocks, Dense(weight, bias, jnp.ravel)], task.in_shape)


def parameters(task: pc_task.Task):
    return jax.tree.map(jnp.asarray, task.parameters())


BUILD: dict[str, Callable[[pc_task.Task], predictive.Hierarchy]] = {
    "mlp": dense_chain,
    "small": dense_chain,
    "deep": residual_stack,
    "conv": convolutional,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", choices=pc_task.TASKS, default="mlp")
    parser.add_argument("--relu-behind", action="store_true", help="each layer, not before it")
    options = parser.parse_args()
    task = pc_task.TASKS[options.task]
    start = (rectified_chain if options.relu_behind else BUILD[options.task])(task)
    rule = predictive.PredictiveCoding(steps=task.steps, step_size=task.step_size)
    optimizer = optax.adam(task.learning_rate)
    spec = predictive.weights_of(start)
    arrays, static = eqx.partition(start, eqx.is_array)

    @jax.jit
    def step(arrays, state, x, y):
        hierarchy = eqx.combine(arrays, static)
        gradient, _ = rule(hierarchy, (x, y))
        updates, state = optimizer.update(
            eqx.filter(gradient, spec), state, eqx.filter(hierarchy, spec)
        )
        return eqx.filter(eqx.apply_updates(hierarchy, updates), eqx.is_array), state

    trained = [arrays, optimizer.init(eqx.filter(start, spec))]
    x, y = map(jnp.asarray, task.batch())

    def run() -> None:
        trained[:] = jax.block_until_ready(step(trained[0], trained[1], x, y))

    def compile_afresh() -> None:
        jax.clear_caches()
        step.lower(trained[0], trained[1], x, y).compile()

    def first() -> None:
        jax.clear_caches()
        run()

    for _ in range(pc_task.WARM_UP):
        run()
    error = task.error(predictive.predict(eqx.combine(trained[0], static), x))
    serve(
        {"run": run, "compile": compile_afresh, "first": first},
        {"error": [error]},
        version=f"jax {jax.__version__}",
        error=error,
    )


if __name__ == "__main__":
    main()
