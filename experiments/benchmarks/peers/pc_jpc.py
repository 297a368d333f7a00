"""jpc: the whole training step in one jit, or its own `make_pc_step` with diffrax's Euler."""

# pyright: reportMissingImports=false, reportArgumentType=false
from serve import serve  # isort: skip  (first: it takes stdout over)

import argparse

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import jpc
import optax
import pc_task


def how(task):
    """What jpc's functions are told of the task beside data."""
    return {"param_type": "sp" if task.scales is None else "mupc"}


def feed_forward(task, params, x):
    model, skips = params
    return jpc.init_activities_with_ffwd(model=model, input=x, skip_model=skips, **how(task))


def in_one_jit(task, weights, scanned):
    """The documentation's loop over inference steps, unrolled or in a `lax.scan` of ours (jpc has
    none), in one jit with the update of the weights."""
    activity = optax.sgd(activity_step(task))

    @eqx.filter_jit
    def step(params, state, x, y):
        def infer_once(carry, _):
            after = jpc.update_pc_activities(
                params=params, activities=carry[0], optim=activity, opt_state=carry[1],
                output=y, input=x, **how(task),
            )  # fmt: skip
            return (after["activities"], after["opt_state"]), None

        activities = feed_forward(task, params, x)
        carry = activities, activity.init(activities)
        if scanned:
            carry, _ = jax.lax.scan(infer_once, carry, length=task.steps)
        else:
            for _ in range(task.steps):
                carry, _ = infer_once(carry, None)
        after = jpc.update_pc_params(
            params=params, activities=carry[0], optim=weights, opt_state=state,
            output=y, input=x, **how(task),
        )  # fmt: skip
        return (after["model"], after["skip_model"]), after["opt_state"]

    return step


def by_euler(task, weights):
    """jpc's own entry point with diffrax's fixed-step Euler."""
    size = activity_step(task)

    def step(params, state, x, y):
        after = jpc.make_pc_step(
            params[0], weights, state, output=y, input=x, skip_model=params[1],
            ode_solver=diffrax.Euler(), dt=size, max_t1=task.steps * size,
            stepsize_controller=diffrax.ConstantStepSize(), **how(task),
        )  # fmt: skip
        return (after["model"], after["skip_model"]), after["opt_state"]

    return step


def activity_step(task):
    """jpc divides its energy by the batch size, for the activities too: this undoes it."""
    return task.step_size * task.batch_size


def initial_params(task):
    """jpc's MLP with the task's parameters, and its skips where it is to be scaled for depth."""
    depth, (width, inputs) = len(task.weights), task.weights[0]
    deep = task.scales is not None
    model = jpc.make_mlp(
        jax.random.PRNGKey(0), input_dim=inputs, width=width, depth=depth,
        output_dim=pc_task.CLASSES, act_fn="relu", use_bias=not deep, **how(task),
    )  # fmt: skip
    for place, (weight, bias) in enumerate(task.parameters()):
        linear = model[place][1]
        linear = eqx.tree_at(lambda each: each.weight, linear, jnp.asarray(weight))
        if bias is not None:
            linear = eqx.tree_at(lambda each: each.bias, linear, jnp.asarray(bias))
        model[place] = eqx.nn.Sequential([model[place][0], linear])
    return model, jpc.make_skip_model(depth) if deep else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", choices=["mlp", "small", "deep"], default="mlp")
    parser.add_argument("--setting", choices=["unrolled", "scan", "euler"], required=True)
    options = parser.parse_args()
    task = pc_task.TASKS[options.task]
    weights = optax.adam(task.learning_rate)
    if options.setting == "euler":
        step = by_euler(task, weights)
    else:
        step = in_one_jit(task, weights, scanned=options.setting == "scan")
    params = initial_params(task)
    trained = [params, weights.init((eqx.filter(params[0], eqx.is_array), params[1]))]
    x, y = map(jnp.asarray, task.batch())

    def run() -> None:
        trained[:] = jax.block_until_ready(step(trained[0], trained[1], x, y))

    def first() -> None:
        jax.clear_caches()
        run()

    for _ in range(pc_task.WARM_UP):
        run()
    error = task.error(feed_forward(task, trained[0], x)[-1])
    serve(
        {"run": run, "first": first},
        {"error": [error]},
        version=f"jpc {jpc.__version__}, jax {jax.__version__}",
        setting=options.setting,
        error=error,
    )


if __name__ == "__main__":
    main()
