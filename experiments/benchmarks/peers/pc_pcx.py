"""pcx: the training step of its tutorial, inference scanned (`pxf.scan`) or unrolled."""

# pyright: reportMissingImports=false
from serve import serve  # isort: skip  (first: it takes stdout over)

import argparse
from importlib.metadata import version

import jax
import jax.numpy as jnp
import optax
import pc_task
import pcx.functional as pxf
import pcx.nn as pxnn
import pcx.predictive_coding as pxc
import pcx.utils as pxu
from pcx import RKG

CACHE = pxc.VodeParam.Cache
PER_SAMPLE = pxu.M(pxc.VodeParam | CACHE).to((None, 0))
FREE = pxu.M_hasnot(pxc.VodeParam, frozen=True)
POOL = pxnn.MaxPool2d(kernel_size=2, stride=2)


class Hierarchy(pxc.EnergyModule):
    """The task's layers, each a function of what is below, with squared error at every node."""

    def __init__(self, weights):
        super().__init__()
        self.layers = [layer_of(shape) for shape in weights]
        self.vodes = [pxc.Vode() for _ in weights]
        self.vodes[-1].h.frozen = True

    def __call__(self, x, y):
        for number, (vode, layer) in enumerate(zip(self.vodes, self.layers, strict=True)):
            x = vode(predicted(layer, x, first=number == 0))
        if y is not None:
            self.vodes[-1].set("h", y)
        return self.vodes[-1].get("u")


def layer_of(shape):
    """Of the shape of its weights."""
    if len(shape) == 2:
        return pxnn.Linear(shape[1], shape[0])
    return pxnn.Conv2d(shape[1], shape[0], kernel_size=3, padding=1)


def predicted(layer, x, first):
    """By a dense layer, with relu before it unless what is below is the input or was pooled; by a
    convolution, with relu and max-pooling behind it."""
    if isinstance(layer, pxnn.Conv2d):
        return POOL(jax.nn.relu(layer(x)))
    return layer(x if first else x.ravel() if x.ndim > 1 else jax.nn.relu(x))


@pxf.vmap(PER_SAMPLE, in_axes=(0, 0), out_axes=0)
def forward(x, y, *, model):
    return model(x, y)


@pxf.vmap(PER_SAMPLE, in_axes=(0,), out_axes=(None, 0), axis_name="batch")
def energy(x, *, model):
    output = model(x, None)
    return jax.lax.psum(model.energy(), "batch"), output


def gradient(mask, x, model):
    """The energy's gradient in the parameters that `mask` selects."""
    with pxu.step(model, clear_params=CACHE):
        masked = pxf.value_and_grad(mask.to([False, True]), has_aux=True)(energy)
        _, gradients = masked(x, model=model)
    return gradients["model"]


def infer_once(_, x, *, model, activity):
    activity.step(model, gradient(FREE, x, model))
    return x, None


def training_step(steps, scanned):
    """The whole step under pcx's jit; it updates the model and the optimisers in place."""

    @pxf.jit()
    def train(x, y, *, model, weights, activity):
        model.train()
        with pxu.step(model, (pxc.STATUS.INIT, None), clear_params=CACHE):
            forward(x, y, model=model)
        activity.init(FREE(model))
        if scanned:
            infer = pxf.scan(infer_once, xs=jnp.arange(steps))
            infer(x, model=model, activity=activity)
        else:
            for i in range(steps):
                infer_once(i, x, model=model, activity=activity)
        activity.clear()
        gradients = gradient(pxu.M(pxnn.LayerParam), x, model)
        weights.step(model, gradients, scale_by=1.0 / x.shape[0])

    return train


def initial_model(task) -> Hierarchy:
    """A hierarchy with the task's parameters and nodes for its batch."""
    RKG.seed(0)
    model = Hierarchy(task.weights)
    for layer, (weight, bias) in zip(model.layers, task.parameters(), strict=True):
        layer.nn.weight.set(jnp.asarray(weight))
        layer.nn.bias.set(jnp.asarray(bias).reshape(layer.nn.bias.get().shape))
    with pxu.step(model, pxc.STATUS.INIT, clear_params=CACHE):
        forward(jnp.zeros((task.batch_size, *task.in_shape)), None, model=model)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", choices=["mlp", "small", "conv"], default="mlp")
    parser.add_argument("--setting", choices=["scan", "unrolled"], required=True)
    options = parser.parse_args()
    task = pc_task.TASKS[options.task]
    train = training_step(task.steps, scanned=options.setting == "scan")
    model = initial_model(task)
    weights = pxu.Optim(lambda: optax.adam(task.learning_rate), pxu.M(pxnn.LayerParam)(model))
    activity = pxu.Optim(lambda: optax.sgd(task.step_size))
    x, y = map(jnp.asarray, task.batch())

    def run() -> None:
        train(x, y, model=model, weights=weights, activity=activity)
        jax.block_until_ready([layer.nn.weight.get() for layer in model.layers])

    for _ in range(pc_task.WARM_UP):
        run()
    with pxu.step(model, pxc.STATUS.INIT, clear_params=CACHE):
        error = task.error(forward(x, None, model=model))
    serve(
        {"run": run},
        {"error": [error]},
        version=f"pcx {version('pcx')}, jax {jax.__version__}",
        setting=options.setting,
        error=error,
    )


if __name__ == "__main__":
    main()
