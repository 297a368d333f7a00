"""Our training step: the gradient at the settled state, and the update as `fit` applies it."""

from serve import serve  # isort: skip  (first: it takes stdout over)

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
import pc_task
from pc_task import INFERENCE_STEPS, LEARNING_RATE, STEP_SIZE

from neurojax import predictive

optimizer = optax.adam(LEARNING_RATE)


def initial_hierarchy() -> predictive.Hierarchy:
    """Dense layers with the task's parameters, relu before all but the first, squared errors."""
    first, *rest = jax.tree.map(jnp.asarray, pc_task.parameters())
    layers = [predictive.Dense(first[0], first[1])]
    layers += [predictive.Dense(weight, bias, jax.nn.relu) for weight, bias in rest]
    return predictive.chain(layers, first[0].shape[1])


def main() -> None:
    rule = predictive.PredictiveCoding(steps=INFERENCE_STEPS, step_size=STEP_SIZE)
    start = initial_hierarchy()
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
    x, y = (jnp.asarray(array) for array in pc_task.batch())

    def run() -> None:
        trained[:] = jax.block_until_ready(step(trained[0], trained[1], x, y))

    def compile_afresh() -> None:
        jax.clear_caches()
        step.lower(trained[0], trained[1], x, y).compile()

    for _ in range(pc_task.WARM_UP):
        run()
    serve(
        {"run": run, "compile": compile_afresh},
        version=f"jax {jax.__version__}",
        error=pc_task.error(predictive.predict(eqx.combine(trained[0], static), x)),
    )


if __name__ == "__main__":
    main()
