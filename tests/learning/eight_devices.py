"""Trainings on eight devices and on one, for test_devices.py.

Run with eight CPU devices, `eight_devices.py FOLDER` writes each case's numbers to
`FOLDER/<case>.npz`, as arrays `one/<n>` and `eight/<n>`, and all else to `FOLDER/seen.json`.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
from jaxtyping import install_import_hook

install_import_hook(["neurojax"], "beartype.beartype")
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

import neurojax as nj  # noqa: E402
from neurojax.learning import Fit, by_backprop, fit  # noqa: E402
from neurojax.predictive import finetune, mlp  # noqa: E402

DEVICES = {"one": None, "eight": jax.devices()}
SGD, ADAM = optax.sgd(0.1), optax.adam(0.01)


def classes(samples: int = 104) -> tuple:
    x = jr.normal(jr.key(1), (samples, 4))
    return x, jax.nn.one_hot(jnp.argmax(x[:, :3], axis=1), 3)


def how(**changes) -> dict:
    """104 samples in batches of 16: 8 are left over in each epoch."""
    return {"optimizer": ADAM, "epochs": 3, "batch_size": 16, "key": jr.key(3)} | changes


def squared_error(model, batch, key):
    x, y = batch
    error = jnp.mean((jax.vmap(model)(x) - y) ** 2)
    return error, {"root": jnp.sqrt(error)}


def noisy_error(model, batch, key):
    x, y = batch
    return squared_error(model, (x + 0.1 * jr.normal(key, x.shape, x.dtype), y), key)


def root(model, data):
    return squared_error(model, data, None)[1]


def shifted(batch, key):
    x, y = batch
    return x + 0.1 * jr.normal(key, x.shape[:1])[:, None] * jnp.ones_like(x), y


def perceptron(width: int = 8) -> eqx.nn.MLP:
    return eqx.nn.MLP(4, 3, width, 1, key=jr.key(0))


def backprop(devices: Any, **changes) -> Fit:
    """With noise, augmentation and a validation split that does not divide by eight."""
    watched = {
        "validation": classes(33),
        "evaluate": root,
        "monitor": "root",
        "augment": shifted,
    }
    gradient = by_backprop(noisy_error)
    changes = how(**watched, **changes)
    return fit(perceptron(), classes(), gradient, devices=devices, **changes)


def order(devices: Any) -> Fit:
    """The model becomes the samples in the order in which they came: seven updates an epoch."""

    def remembered(model, batch, key):
        row = jnp.sum(jnp.any(model != 0, axis=1))
        return jnp.zeros_like(model).at[row].set(-batch), {}

    numbers = jnp.arange(1.0, 60.0)
    changes = how(optimizer=optax.sgd(1.0), epochs=2, batch_size=8)
    return fit(jnp.zeros((14, 8)), numbers, remembered, devices=devices, **changes)


def predictive(devices: Any, rule: str, **of_rule) -> Fit:
    """By plain steps: where errors are zero, Adam would take steps of the rounding."""
    network = mlp((4, 8, 8, 3), jr.key(0), activation=jnp.tanh)
    changes = of_rule | how(optimizer=SGD)
    return finetune(network, classes(), rule=rule, devices=devices, **changes)


class Spiking(eqx.Module):
    weights: jax.Array
    readout: jax.Array
    neurons: nj.LIF


def spiking(devices: Any) -> Fit:
    """A population of integrate-and-fire neurons, simulated in the loss; all parameters learn."""

    def loss(model, batch, key):
        x, y = batch

        def answer(x):
            drive = 1.2 + x @ model.weights
            counted = {"count": nj.SpikeCount()}
            run = nj.simulate(model.neurons, drive, t1=20.0, dt=0.5, record=counted)
            return run["count"] @ model.readout

        counts = jax.vmap(answer)(x)
        return jnp.mean((counts - y) ** 2), {"count": jnp.mean(counts)}

    model = Spiking(
        0.3 * jr.normal(jr.key(4), (4, 10)),
        0.3 * jr.normal(jr.key(5), (10, 3)),
        nj.LIF((10,), tau_m=10.0, refractory=1.0),
    )
    slow = how(optimizer=optax.sgd(1e-3))
    return fit(model, classes(), by_backprop(loss), devices=devices, **slow)


def convolution(devices: Any) -> Fit:
    def loss(model, batch, key):
        return jnp.mean((jax.vmap(model)(batch) - 1) ** 2), {}

    model = eqx.nn.Conv2d(2, 4, 3, key=jr.key(6))
    images = jr.normal(jr.key(7), (32, 2, 7, 7))
    return fit(model, images, by_backprop(loss), devices=devices, **how(optimizer=SGD))


def loader(devices: Any) -> Fit:
    """With a validation split that divides by eight."""
    x, y = map(np.asarray, classes())
    batches = [(x[n : n + 16], y[n : n + 16]) for n in range(0, 96, 16)]
    watched = {"validation": classes(40), "evaluate": root}
    changes = how(batch_size=None, **watched)
    return fit(perceptron(), batches, by_backprop(noisy_error), devices=devices, **changes)


def resumed(devices: Any, saved_by: str) -> Fit:
    """Two epochs on those devices, one on these."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "fit.safetensors"
        backprop(DEVICES[saved_by], epochs=2, checkpoint=file)
        return backprop(devices, checkpoint=file, resume=True)


CASES: dict[str, Callable[[Any], Fit]] = {
    "backprop": backprop,
    "order": order,
    "pc": lambda devices: predictive(devices, "pc", steps=10, step_size=0.1),
    "pc to a tolerance": lambda devices: predictive(devices, "pc", tolerance=1e-2, steps=100),
    "ipc": lambda devices: predictive(devices, "ipc", steps=5, step_size=0.1),
    "spiking": spiking,
    "convolution": convolution,
    "loader": loader,
    "bfloat16": lambda devices: backprop(devices, compute_dtype="bfloat16"),
    "saved on eight": lambda devices: resumed(devices, saved_by="eight"),
    "saved on one": lambda devices: resumed(devices, saved_by="one"),
}


def numbers(found: Fit) -> list:
    records = [list(record.values()) for record in found.history]
    return [np.array(records), *jax.tree.leaves(eqx.filter(found.model, eqx.is_array))]


def seen() -> dict[str, Any]:
    """How arrays lie, and what is refused."""
    shardings = {}

    def watching(model, batch, key):
        for name, x in (("batch", batch[0]), ("model", model.layers[0].weight)):
            told = lambda s, name=name, x=x: shardings.update({name: s.shard_shape(x.shape)})  # noqa: E731
            jax.debug.inspect_array_sharding(x, callback=told)
        return by_backprop(squared_error)(model, batch, key)

    devices = DEVICES["eight"]
    trained = fit(perceptron(), classes(), watching, devices=devices, **how()).model
    leaves = jax.tree.leaves(eqx.filter(trained, eqx.is_array))
    x, y = map(np.asarray, classes(24))
    gradient = by_backprop(squared_error)
    refusals = {
        "batch_size": lambda: fit(
            perceptron(), classes(), gradient, devices=devices, **how(batch_size=12)
        ),
        "loader": lambda: fit(
            perceptron(), [(x[:16], y[:16]), (x[:12], y[:12])], gradient, devices=devices,
            **how(batch_size=None),
        ),
    }  # fmt: skip
    return {
        "parts": shardings,
        "devices of the model": [len(x.sharding.device_set) for x in leaves],
        "whole": [x.sharding.is_fully_replicated for x in leaves],
        "refused": {name: refusal(call) for name, call in refusals.items()},
    }


def refusal(call: Callable[[], Any]) -> str:
    try:
        call()
    except ValueError as error:
        return str(error)
    return "nothing"


def main(folder: Path) -> None:
    for case, train in CASES.items():
        found = {name: numbers(train(devices)) for name, devices in DEVICES.items()}
        arrays = {f"{name}/{n}": x for name, xs in found.items() for n, x in enumerate(xs)}
        np.savez(folder / f"{case}.npz", **arrays)
    (folder / "seen.json").write_text(json.dumps(seen()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
