"""The bare training step: plain arrays, one hand-written `lax.scan`, nothing of neurojax."""

from serve import serve  # isort: skip  (first: it takes stdout over)

import argparse

import jax
import jax.numpy as jnp
import optax
import pc_task

TASK = pc_task.TASKS["mlp"]
optimizer = optax.adam(TASK.learning_rate)


def predict(layer, z):
    weight, bias = layer
    return z @ weight.T + bias


def feed_forward(parameters, x):
    """Activities of the hidden layers at the feed-forward start."""
    activities = [predict(parameters[0], x)]
    for layer in parameters[1:-1]:
        activities.append(predict(layer, jax.nn.relu(activities[-1])))
    return activities


def energy(parameters, activities, x, y):
    """Squared errors of every layer, summed over the batch."""
    inputs = [x, *(jax.nn.relu(z) for z in activities)]
    targets = [*activities, y]
    layers = zip(parameters, inputs, targets, strict=True)
    return sum(0.5 * jnp.sum((target - predict(layer, z)) ** 2) for layer, z, target in layers)


def by_autodiff(parameters, x, y):
    """Settled activities: each step differentiates the whole energy."""

    def infer(activities, _):
        gradient = jax.grad(energy, argnums=1)(parameters, activities, x, y)
        return jax.tree.map(lambda z, g: z - TASK.step_size * g, activities, gradient), None

    start = feed_forward(parameters, x)
    return jax.lax.scan(infer, start, length=TASK.steps)[0]


def by_local_errors(parameters, x, y):
    """The same by hand; the clamped input's prediction is made once, before the loop."""
    first = predict(parameters[0], x)

    def infer(activities, _):
        predictions = [first]
        for layer, z in zip(parameters[1:], activities, strict=True):
            predictions.append(predict(layer, jax.nn.relu(z)))
        errors = [t - p for t, p in zip([*activities, y], predictions, strict=True)]
        settled = []
        for z, error, above, (weight, _) in zip(
            activities, errors[:-1], errors[1:], parameters[1:], strict=True
        ):
            settled.append(z - TASK.step_size * (error - (z > 0) * (above @ weight)))
        return settled, None

    start = feed_forward(parameters, x)
    return jax.lax.scan(infer, start, length=TASK.steps)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--setting", choices=["autodiff", "local"], required=True)
    setting = parser.parse_args().setting
    settle = {"autodiff": by_autodiff, "local": by_local_errors}[setting]

    @jax.jit
    def step(parameters, state, x, y):
        settled = settle(parameters, x, y)
        gradients = jax.grad(lambda p: energy(p, settled, x, y) / x.shape[0])(parameters)
        updates, state = optimizer.update(gradients, state, parameters)
        return optax.apply_updates(parameters, updates), state

    parameters = jax.tree.map(jnp.asarray, TASK.parameters())
    trained = [parameters, optimizer.init(parameters)]
    x, y = map(jnp.asarray, TASK.batch())

    def run() -> None:
        trained[:] = jax.block_until_ready(step(trained[0], trained[1], x, y))

    def compile_afresh() -> None:
        jax.clear_caches()
        step.lower(trained[0], trained[1], x, y).compile()

    for _ in range(pc_task.WARM_UP):
        run()
    last_hidden = feed_forward(trained[0], x)[-1]
    error = TASK.error(predict(trained[0][-1], jax.nn.relu(last_hidden)))
    serve(
        {"run": run, "compile": compile_afresh},
        {"error": [error]},
        version=f"jax {jax.__version__}",
        setting=setting,
        error=error,
    )


if __name__ == "__main__":
    main()
