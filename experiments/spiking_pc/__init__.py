"""Digits learned by predictive coding with spikes, beside its twin without spikes.

Value and error neurons are leaky integrate-and-fire neurons, between layers go only their spikes,
and each synapse learns by its own error and the spikes it hears; in the twin each neuron is its
frequency-current curve. Both start from the same weights. Learning rate and phases were chosen on
validation images of seed 100; the test images took no part in that.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from experiments import datasets
from experiments.datasets import Images
from experiments.runner import (
    Run,
    at_least,
    in_range,
    interval,
    key,
    plus_minus,
    positive,
    spread,
)

if TYPE_CHECKING:
    import optax
    from jaxtyping import Array, Float

    from neurojax.learning import Fit
    from neurojax.predictive import LIFHierarchy

DT = 1.0  # ms
LISTEN = 200.0  # ms for which a test image is shown
RASTER_NEURONS = 20  # of each population in the figure
SHOWN = 100  # images on which error neurons are watched


@dataclass(frozen=True)
class Config:
    """Hidden layers of spiking neurons between 65 that carry an image and 10 that answer."""

    seeds: int = 3
    """How often everything is repeated: split, initial weights and order of the batches."""
    seed: int = 0
    """The first seed; the others follow it."""
    width: int = 64
    """Value neurons in each hidden layer."""
    depth: int = 1
    """Hidden layers. Two learn worse, with and without spikes."""
    epochs: int = 25
    """Epochs of training."""
    batch_size: int = 20
    """Images in a batch."""
    learning_rate: float = 3e-3
    """Adam's at the start; it falls to zero by a cosine."""
    untaught: float = 100.0
    """Time (ms) for which an image is shown before its target comes."""
    settle: float = 50.0
    """Time (ms) with the target before synapses begin to average."""
    window: float = 100.0
    """Time (ms) for which they do."""
    validation: int = 250
    """Images held out of training, on which the learning curves are drawn."""

    def __post_init__(self):
        at_least(self, 1, "seeds", "width", "depth", "epochs", "batch_size")
        at_least(self, 0, "seed")
        positive(self, "learning_rate")
        for phase in ("untaught", "settle", "window"):
            in_range(self, 1, 1000, phase)
            if getattr(self, phase) % DT:
                value = getattr(self, phase)
                raise ValueError(f"--{phase} must be whole steps of {DT:g} ms, got {value}")
        in_range(self, 20, 300, "validation")
        if self.batch_size > 997:
            raise ValueError(f"--batch-size must be at most 997 images, got {self.batch_size}")


class Kind(NamedTuple):
    name: str
    color: str


KINDS = {"spikes": Kind("spikes", "#0072B2"), "rates": Kind("firing rates", "#E69F00")}


class Samples(NamedTuple):
    """Currents into the input, a constant one last, [image, in], and the output's, [image, out]."""

    currents: Any
    targets: Any


def run(config: Config, run: Run) -> dict[str, Any]:
    """Train both kinds for each seed and measure them; summarise over seeds."""
    from experiments.spiking_pc import figures

    learn, test = datasets.digits()
    run.expect(config.seeds * len(KINDS) * config.epochs)
    results = run.each_seed(config, partial(one_seed, config, run, learn, test))
    summary = summarise(results)
    figures.draw_all(config, run, results)
    tabulate(config, run, summary)
    return summary


def one_seed(config: Config, run: Run, learn: Images, test: Images, seed: int) -> dict[str, Any]:
    """What both kinds learned, measured on the test after the last epoch."""
    data, validation = map(samples, datasets.split(learn, config.validation, seed))
    held_out = samples(test)
    measured: dict[str, Any] = {}
    for name in KINDS:
        fit = train(config, run, data, validation, seed, name)
        measured[name] = listen(fit.model, held_out) | {
            "wrong": [1 - record["validation/accuracy"] for record in fit.history],
            "error": [record["train/error"] for record in fit.history],
        }
        if name == "spikes":
            some = Samples(*(part[:SHOWN] for part in held_out))
            stages = initial(config, seed, name), fit.model
            measured["presented"] = [presented(config, model, some) for model in stages]
    return measured


def samples(images: Images) -> Samples:
    """Pixels as currents, and a current of 1 for the label's output neuron, 0 for the others."""
    import jax
    import jax.numpy as jnp

    pixels, labels = images.flat()
    constant = np.ones((len(labels), 1), np.float32)
    targets = jax.nn.one_hot(labels, datasets.CLASSES)
    return Samples(jnp.asarray(np.concatenate([pixels, constant], axis=1)), targets)


def initial(config: Config, seed: int, name: str) -> LIFHierarchy:
    from neurojax import predictive

    widths = (65, *[config.width] * config.depth, datasets.CLASSES)
    weights = predictive.uniform_weights(widths, key(seed, "initial weights"))
    kind = {"spikes": predictive.SpikingHierarchy, "rates": predictive.FiringRateHierarchy}[name]
    return kind(weights)


def train(
    config: Config, run: Run, data: Samples, validation: Samples, seed: int, name: str
) -> Fit:
    from neurojax import learning

    model = initial(config, seed, name)
    trainer = partial(
        learning.fit,
        model,
        tuple(data),
        rule(config.untaught, config.settle, config.window),
        optimizer=adam(config.learning_rate, config.epochs * (len(data[0]) // config.batch_size)),
        epochs=config.epochs,
        batch_size=config.batch_size,
        key=key(seed, "batches"),
        trainable=weights_of(model),
        validation=validation,
        evaluate=evaluate,
    )
    return run.fit(f"seed-{seed}/{name}", trainer)


def weights_of(model: LIFHierarchy) -> Any:
    """True for the weights, False for the rest."""
    import equinox as eqx
    import jax

    nothing = jax.tree.map(lambda _: False, model)
    return eqx.tree_at(lambda m: m.weights, nothing, tuple(True for _ in model.weights))


@cache
def adam(learning_rate: float, steps: int) -> optax.GradientTransformation:
    """One object for all fits, which so share one compiled epoch."""
    import optax

    return optax.adam(optax.cosine_decay_schedule(learning_rate, steps))


@cache
def rule(untaught: float, settle: float, window: float) -> Any:
    """One object for all fits, likewise."""
    from neurojax.predictive import ErrorTimesActivity

    return ErrorTimesActivity(untaught=untaught, settle=settle, window=window, dt=DT)


def evaluate(model: LIFHierarchy, data: Samples) -> dict[str, Float[Array, ""]]:
    from neurojax.predictive import responses

    answers = responses(model, data.currents, dt=DT).argmax(axis=1)
    return {"accuracy": (answers == data.targets.argmax(axis=1)).mean()}


def listen(model: LIFHierarchy, data: Samples) -> dict[str, Any]:
    """Images shown for LISTEN ms from rest: accuracy of the answer by all that the output has said
    so far, at each ms; and how often value neurons fire (Hz), by layer."""
    from neurojax import simulate
    from neurojax.core import SpikeCount
    from neurojax.predictive import SpikingHierarchy, at_rest

    currents = data.currents
    said = lambda t, state: model.activities(state, currents)[-1]  # noqa: E731
    record: dict[str, Any] = {"said": said}
    spiking = isinstance(model, SpikingHierarchy)
    if spiking:
        record["spikes"] = SpikeCount()
    rest = at_rest(model, len(currents))
    sol = simulate(model, {"input": currents}, t1=LISTEN, dt=DT, state=rest, record=record)
    answers = np.cumsum(np.asarray(sol["said"]), axis=0).argmax(axis=-1)
    right = (answers == np.asarray(data.targets).argmax(axis=1)).mean(axis=1)
    found = {"accuracy": right[-1], "accuracy in time": right}
    if spiking:
        layers = np.split(np.asarray(sol["spikes"]), np.cumsum(model.widths), axis=1)
        found["rates"] = [1000 / LISTEN * each.mean() for each in layers[: len(model.widths)]]
        found["spikes"] = np.asarray(sol["spikes"])[:, : sum(model.widths)].sum(axis=1).mean()
    return found


def presented(config: Config, model: LIFHierarchy, data: Samples) -> dict[str, Any]:
    """Images shown alone, and then for as long with their targets. Of the first, the times (ms) and
    neurons of all spikes of the input, the last hidden layer, the output and its error neurons; of
    all, how often (Hz) these error neurons fire, at each ms."""
    from neurojax import simulate
    from neurojax.predictive import at_rest

    state, rows = at_rest(model, len(data.currents)), []
    taught = {"input": data.currents, "target": data.targets}
    for drive in ({"input": data.currents}, taught):
        how = {"t1": config.untaught, "dt": DT, "record": ["raster"]}
        sol = simulate(model, drive, state=state, **how)
        state = sol.final.state
        rows.append(np.asarray(sol["raster"]))
    *value, errors = np.split(np.concatenate(rows), np.cumsum(model.widths), axis=-1)
    errors = errors[..., -2 * model.widths[-1] :]
    raster = []
    for spikes in (value[0], value[-2], value[-1], errors):
        step = max(1, spikes.shape[-1] // RASTER_NEURONS)
        raster.append(list(np.nonzero(spikes[:, 0, ::step])))
    return {"raster": raster, "error rate": 1000 / DT * errors.mean(axis=(1, 2))}


def summarise(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Spreads over seeds."""
    accuracy = {name: [result[name]["accuracy"] for result in results] for name in KINDS}
    pairs = zip(accuracy["spikes"], accuracy["rates"], strict=True)
    rates = np.array([result["spikes"]["rates"] for result in results])
    return {
        "test accuracy": {name: spread(values) for name, values in accuracy.items()},
        "spikes - rates": spread([a - b for a, b in pairs]),
        "rate of value neurons by layer, Hz": [spread(layer) for layer in rates.T],
        "spikes per image": spread([result["spikes"]["spikes"] for result in results]),
    }


def tabulate(config: Config, run: Run, summary: dict[str, Any]) -> None:
    rows = [
        [f"test accuracy, {kind.name}, %", plus_minus(summary["test accuracy"][name], 100, 2)]
        for name, kind in KINDS.items()
    ]
    rows.append(["their difference [95 %], %", interval(summary["spikes - rates"], 100, 2)])
    by_layer = summary["rate of value neurons by layer, Hz"]
    names = ["input", *[f"hidden {k}" for k in range(1, config.depth + 1)], "output"]
    for name, rate in zip(names, by_layer, strict=True):
        rows.append([f"rate of value neurons, {name}, Hz", plus_minus(rate)])
    rows.append(
        ["spikes of value neurons per image", plus_minus(summary["spikes per image"], 1, 0)]
    )
    run.table(
        f"Digits by spiking predictive coding: mean ± sd of {config.seeds} seeds, "
        f"epoch {config.epochs}",
        ["", f"{LISTEN:g} ms per test image"],
        rows,
        "the same weights at the start, batches and optimizer",
    )
