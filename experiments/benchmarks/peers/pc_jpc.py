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
from pc_task import BATCH, INFERENCE_STEPS, LEARNING_RATE, SIZES, STEP_SIZE

# jpc divides its energy by the batch size, for the activities too: this undoes it.
ACTIVITY_STEP = STEP_SIZE * BATCH
weights, activity = optax.adam(LEARNING_RATE), optax.sgd(ACTIVITY_STEP)


def infer_once(model, activities, state, x, y):
    """One inference step of jpc."""
    after = jpc.update_pc_activities(
        params=(model, None), activities=activities, optim=activity, opt_state=state,
        output=y, input=x,
    )  # fmt: skip
    return after["activities"], after["opt_state"]


def learn(model, activities, state, x, y):
    """One weight update of jpc at the settled activities."""
    after = jpc.update_pc_params(
        params=(model, None), activities=activities, optim=weights, opt_state=state,
        output=y, input=x,
    )  # fmt: skip
    return after["model"], after["opt_state"]


@eqx.filter_jit
def unrolled(model, state, x, y):
    """As the documentation's loop over inference steps, unrolled in one jit."""
    activities = jpc.init_activities_with_ffwd(model=model, input=x)
    carry = activities, activity.init(activities)
    for _ in range(INFERENCE_STEPS):
        carry = infer_once(model, *carry, x, y)
    return learn(model, carry[0], state, x, y)


@eqx.filter_jit
def scan(model, state, x, y):
    """The same loop in a `lax.scan` of ours, which jpc does not offer."""
    activities = jpc.init_activities_with_ffwd(model=model, input=x)
    (activities, _), _ = jax.lax.scan(
        lambda carry, _: (infer_once(model, *carry, x, y), None),
        (activities, activity.init(activities)),
        length=INFERENCE_STEPS,
    )
    return learn(model, activities, state, x, y)


def euler(model, state, x, y):
    """jpc's own entry point with diffrax's fixed-step Euler."""
    after = jpc.make_pc_step(
        model, weights, state, output=y, input=x, ode_solver=diffrax.Euler(), dt=ACTIVITY_STEP,
        max_t1=INFERENCE_STEPS * ACTIVITY_STEP, stepsize_controller=diffrax.ConstantStepSize(),
    )  # fmt: skip
    return after["model"], after["opt_state"]


def initial_model():
    """jpc's MLP with the task's parameters."""
    model = jpc.make_mlp(
        jax.random.PRNGKey(0), input_dim=SIZES[0], width=SIZES[1], depth=len(SIZES) - 1,
        output_dim=SIZES[-1], act_fn="relu", use_bias=True,
    )  # fmt: skip

    def arrays(model):
        return [array for layer in model for array in (layer[1].weight, layer[1].bias)]

    values = [jnp.asarray(array) for layer in pc_task.parameters() for array in layer]
    return eqx.tree_at(arrays, model, values)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--setting", choices=["unrolled", "scan", "euler"], required=True)
    setting = parser.parse_args().setting
    step = {"unrolled": unrolled, "scan": scan, "euler": euler}[setting]
    model = initial_model()
    trained = [model, weights.init((eqx.filter(model, eqx.is_array), None))]
    x, y = (jnp.asarray(array) for array in pc_task.batch())

    def run() -> None:
        trained[:] = jax.block_until_ready(step(trained[0], trained[1], x, y))

    for _ in range(pc_task.WARM_UP):
        run()
    serve(
        {"run": run},
        version=f"jpc {jpc.__version__}, jax {jax.__version__}",
        setting=setting,
        error=pc_task.error(jpc.init_activities_with_ffwd(model=trained[0], input=x)[-1]),
    )


if __name__ == "__main__":
    main()
