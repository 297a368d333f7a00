"""pcx: the training step of its tutorial, inference scanned (`pxf.scan`) or unrolled."""

# pyright: reportMissingImports=false
from serve import serve  # isort: skip  (first: it takes stdout over)

import argparse
from importlib.metadata import version
from itertools import pairwise

import jax
import jax.numpy as jnp
import optax
import pc_task
import pcx.functional as pxf
import pcx.nn as pxnn
import pcx.predictive_coding as pxc
import pcx.utils as pxu
from pc_task import BATCH, INFERENCE_STEPS, LEARNING_RATE, SIZES, STEP_SIZE
from pcx import RKG

CACHE = pxc.VodeParam.Cache
PER_SAMPLE = pxu.M(pxc.VodeParam | CACHE).to((None, 0))
FREE = pxu.M_hasnot(pxc.VodeParam, frozen=True)


class Hierarchy(pxc.EnergyModule):
    """Dense layers, relu before every layer but the first, squared error at every node."""

    def __init__(self):
        super().__init__()
        self.layers = [pxnn.Linear(a, b) for a, b in pairwise(SIZES)]
        self.vodes = [pxc.Vode() for _ in SIZES[1:]]
        self.vodes[-1].h.frozen = True

    def __call__(self, x, y):
        for i, (vode, layer) in enumerate(zip(self.vodes, self.layers, strict=True)):
            x = vode(layer(jax.nn.relu(x) if i else x))
        if y is not None:
            self.vodes[-1].set("h", y)
        return self.vodes[-1].get("u")


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


def training_step(scanned: bool):
    """The whole step under pcx's jit; it updates the model and the optimisers in place."""

    @pxf.jit()
    def train(x, y, *, model, weights, activity):
        model.train()
        with pxu.step(model, (pxc.STATUS.INIT, None), clear_params=CACHE):
            forward(x, y, model=model)
        activity.init(FREE(model))
        if scanned:
            infer = pxf.scan(infer_once, xs=jnp.arange(INFERENCE_STEPS))
            infer(x, model=model, activity=activity)
        else:
            for i in range(INFERENCE_STEPS):
                infer_once(i, x, model=model, activity=activity)
        activity.clear()
        gradients = gradient(pxu.M(pxnn.LayerParam), x, model)
        weights.step(model, gradients, scale_by=1.0 / x.shape[0])

    return train


def initial_model() -> Hierarchy:
    """A hierarchy with the task's parameters and nodes for its batch."""
    RKG.seed(0)
    model = Hierarchy()
    for layer, (weight, bias) in zip(model.layers, pc_task.parameters(), strict=True):
        layer.nn.weight.set(jnp.asarray(weight))
        layer.nn.bias.set(jnp.asarray(bias))
    with pxu.step(model, pxc.STATUS.INIT, clear_params=CACHE):
        forward(jnp.zeros((BATCH, SIZES[0])), None, model=model)
    return model


def predict(model: Hierarchy, x):
    """Feed-forward outputs [batch, out]."""
    for i, layer in enumerate(model.layers):
        x = (jax.nn.relu(x) if i else x) @ layer.nn.weight.get().T + layer.nn.bias.get()
    return x


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--setting", choices=["scan", "unrolled"], required=True)
    setting = parser.parse_args().setting
    train = training_step(scanned=setting == "scan")
    model = initial_model()
    weights = pxu.Optim(lambda: optax.adam(LEARNING_RATE), pxu.M(pxnn.LayerParam)(model))
    activity = pxu.Optim(lambda: optax.sgd(STEP_SIZE))
    x, y = map(jnp.asarray, pc_task.batch())

    def run() -> None:
        train(x, y, model=model, weights=weights, activity=activity)
        jax.block_until_ready([layer.nn.weight.get() for layer in model.layers])

    for _ in range(pc_task.WARM_UP):
        run()
    serve(
        {"run": run},
        version=f"pcx {version('pcx')}, jax {jax.__version__}",
        setting=setting,
        error=pc_task.error(predict(model, x)),
    )


if __name__ == "__main__":
    main()
