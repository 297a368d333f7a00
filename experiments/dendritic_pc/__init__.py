"""Digits learned by dendritic microcircuits: errors in apical dendrites, beside backprop.

A network of pyramidal neurons with lateral interneurons (Sacramento et al. 2018) learns by three
local rules, with its feedback weights at the transposed forward ones at the start, or random, and
the same network by backprop; all from the same forward weights. The learning rate and the nudging
were chosen for the local rules on validation images of seeds 100 and 101 (beyond a learning rate of
0.02 they may diverge, where backprop would learn faster); the test images took no part in that.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from experiments import datasets
from experiments.datasets import Images
from experiments.runner import Run, at_least, in_range, key, plus_minus, positive, spread

if TYPE_CHECKING:
    import optax
    from jaxtyping import Array, Float

    from neurojax.learning import Fit
    from neurojax.predictive import Microcircuit

TARGET_ON = 20.0  # ms, in the figure of what a target does
TRACE = 50.0  # ms
NUDGINGS = tuple(float(g) for g in np.geomspace(1e-2, 1, 7))  # µS; below, rounding hides the rest
SHOWN = 100  # images on which updates are compared before learning


@dataclass(frozen=True)
class Config:
    """A circuit of hidden layers of pyramidal neurons and interneurons, and one of ten outputs."""

    seeds: int = 5
    """How often everything is repeated: split, initial weights and order of the batches."""
    seed: int = 0
    """The first seed; the others follow it."""
    width: int = 64
    """Pyramidal neurons in each hidden layer."""
    depth: int = 2
    """Hidden layers."""
    epochs: int = 100
    """Epochs of training."""
    batch_size: int = 20
    """Images in a batch."""
    learning_rate: float = 0.01
    """Of gradient descent, the same for all; local rules have it to first order in the nudging."""
    momentum: float = 0.9
    """Of gradient descent, the same for all."""
    nudging: float = 0.2
    """Conductance (µS) by which targets act on the output neurons, whose own is 1.1 µS."""
    lateral_rate: float = 0.01
    """Learning rate of the synapses from interneurons, relative to the others."""
    validation: int = 250
    """Images held out of training, on which accuracy and alignment are followed."""

    def __post_init__(self):
        at_least(self, 1, "seeds", "width", "depth", "epochs", "batch_size")
        at_least(self, 0, "seed", "lateral_rate")
        positive(self, "learning_rate", "nudging")
        in_range(self, 0, 0.99, "momentum")
        in_range(self, 20, 300, "validation")
        if self.batch_size > 997:
            raise ValueError(f"--batch-size must be at most 997 images, got {self.batch_size}")


class Variant(NamedTuple):
    name: str
    symmetric: bool
    color: str


VARIANTS = {
    "backprop": Variant("backprop", True, "#7F7F7F"),
    "symmetric": Variant("local rules, transposed feedback", True, "#0072B2"),
    "random": Variant("local rules, random feedback", False, "#D55E00"),
}
LOCAL = ("symmetric", "random")


class Samples(NamedTuple):
    """Rates of the input, a constant one last, [image, in], and taught potentials, [image, out]."""

    rates: Any
    targets: Any


def run(config: Config, run: Run) -> dict[str, Any]:
    """Train each variant for each seed and measure it; summarise over seeds."""
    from experiments.dendritic_pc import figures

    learn, test = datasets.digits()
    run.expect(config.seeds * len(VARIANTS) * config.epochs)
    results = run.each_seed(config, partial(one_seed, config, run, learn, test))
    before = run.stage("before-learning", partial(before_learning, config, learn, config.seed))
    summary = summarise(config, results)
    figures.draw_all(config, run, before, results)
    tabulate(config, run, summary)
    return summary


def one_seed(config: Config, run: Run, learn: Images, test: Images, seed: int) -> dict[str, Any]:
    """Each variant's curves on validation images, and its accuracy on the test after the last
    epoch."""
    train_part, validation = map(samples, datasets.split(learn, config.validation, seed))
    held_out = samples(test)
    measured = {}
    for name in VARIANTS:
        fit = train(config, run, train_part, validation, seed, name)
        measured[name] = {
            "accuracy": accuracy(fit.model, held_out),
            "curves": {
                what.removeprefix("validation/"): [record[what] for record in fit.history]
                for what in fit.history[0]
                if what != "epoch"
            },
        }
    return measured


def samples(images: Images) -> Samples:
    """Pixels as rates, and for each class a potential of 1 mV if it is the label's, else −1 mV."""
    import jax
    import jax.numpy as jnp

    pixels, labels = images.flat()
    constant = np.ones((len(labels), 1), np.float32)
    targets = 2 * jax.nn.one_hot(labels, datasets.CLASSES) - 1
    return Samples(jnp.asarray(np.concatenate([pixels, constant], axis=1)), targets)


def initial(config: Config, seed: int, symmetric: bool) -> Microcircuit:
    """In the self-predicting state; rates are tanh of potentials, around a baseline."""
    import jax.numpy as jnp

    from neurojax.predictive import microcircuit

    widths = (65, *[config.width] * config.depth, datasets.CLASSES)
    return microcircuit(
        widths,
        key(seed, "initial weights"),
        gain=jnp.tanh,
        symmetric=symmetric,
        g_target=config.nudging,
    )


def train(
    config: Config, run: Run, data: Samples, validation: Samples, seed: int, name: str
) -> Fit:
    from neurojax import learning

    trainer = partial(
        learning.fit,
        initial(config, seed, VARIANTS[name].symmetric),
        tuple(data),
        rule(config.lateral_rate, name),
        optimizer=sgd(config.learning_rate, config.momentum),
        epochs=config.epochs,
        batch_size=config.batch_size,
        key=key(seed, "batches"),
        validation=validation,
        evaluate=evaluate,
    )
    return run.fit(f"seed-{seed}/{name}", trainer)


@cache
def sgd(learning_rate: float, momentum: float) -> optax.GradientTransformation:
    """One object for all fits, which so share one compiled epoch."""
    import optax

    return optax.sgd(learning_rate, momentum)


@cache
def rule(lateral_rate: float, name: str) -> Any:
    """One object for all seeds, likewise."""
    from neurojax import predictive

    if name == "backprop":
        return predictive.DendriticBackprop()
    return predictive.DendriticLearning(lateral_rate=lateral_rate)


def accuracy(circuit: Microcircuit, data: Samples) -> Float[Array, ""]:
    """Of the answers by the most depolarised output neuron, without feedback or target."""
    answers = circuit.feedforward(data.rates).pyramidal[-1].argmax(axis=1)
    return (answers == data.targets.argmax(axis=1)).mean()


def evaluate(circuit: Microcircuit, data: Samples) -> dict[str, Float[Array, ""]]:
    """Accuracy; the cosine of each layer's update to backprop's; and the apical potentials (root
    mean square, mV) of each hidden layer with and without a target."""
    import jax.numpy as jnp

    from neurojax.predictive import DendriticBackprop, DendriticLearning, alignment

    learning = DendriticLearning()
    backprop, _ = DendriticBackprop()(circuit, tuple(data))
    update, _ = learning(circuit, tuple(data))
    found = {"accuracy": accuracy(circuit, data)}
    found |= {f"cosine {k}": c for k, c in enumerate(alignment(update, backprop), start=1)}
    for name, drive in (
        ("taught", {"input": data.rates, "target": data.targets}),
        ("untaught", {"input": data.rates}),
    ):
        state = learning.settled(circuit, drive)
        apical = circuit.dendrites(state, data.rates).apical
        found |= {f"{name} {k}": jnp.sqrt(jnp.mean(v**2)) for k, v in enumerate(apical, start=1)}
    return found


def before_learning(config: Config, learn: Images, seed: int) -> dict[str, Any]:
    """Of the circuit at the start, its feedback symmetric: apical potentials as a target comes
    on, and the local updates beside backprop's, also under other nudging."""
    import equinox as eqx
    import jax.numpy as jnp

    from neurojax.predictive import DendriticBackprop, DendriticLearning, alignment

    train_part, _ = map(samples, datasets.split(learn, config.validation, seed))
    batch = tuple(part[:SHOWN] for part in train_part)
    circuit = initial(config, seed, symmetric=True)
    backprop, _ = DendriticBackprop()(circuit, batch)
    cosines, updates = [], {}
    for g_target in NUDGINGS:
        nudged = eqx.tree_at(lambda c: c.g_target, circuit, jnp.asarray(g_target))
        update, _ = DendriticLearning(t1=60.0)(nudged, batch)
        cosines.append(alignment(update, backprop))
        updates[g_target] = update
    strongest = updates[NUDGINGS[-1]]
    return {
        "cosines": cosines,
        "backprop": [w.ravel()[:: max(1, w.size // 300)] for w in backprop.forward],
        "local": [w.ravel()[:: max(1, w.size // 300)] for w in strongest.forward],
        "trace": trace(circuit, train_part),
    }


def trace(circuit: Microcircuit, data: Samples) -> dict[str, Any]:
    """The first image, from rest; its target from TARGET_ON on. Apical potentials of eight neurons
    of each hidden layer, and the output's potentials."""
    from neurojax import simulate

    rates, target = data.rates[0], data.targets[0]

    def apical(t: Any, state: Any) -> Any:
        return [v[:8] for v in circuit.dendrites(state, rates).apical]

    how = {"dt": 0.25, "record": {"apical": apical, "output": "output"}}
    first = simulate(circuit, {"input": rates}, t1=TARGET_ON, **how)
    then = {"input": rates, "target": target}
    second = simulate(circuit, then, t1=TRACE, state=first.final, **how)
    return {
        "t": np.concatenate([first.ts, second.ts]),
        "apical": [
            np.concatenate(pair) for pair in zip(first["apical"], second["apical"], strict=True)
        ],
        "output": np.concatenate([first["output"], second["output"]]),
        "label": int(target.argmax()),
    }


def summarise(config: Config, results: list[dict[str, Any]]) -> dict[str, Any]:
    """Spreads over seeds, by variant: test accuracy, and at the start and end the cosines."""

    def last(name: str, what: str) -> dict[str, Any]:
        return spread([result[name]["curves"][what][-1] for result in results])

    layers = range(1, config.depth + 2)
    return {
        name: {"test accuracy": spread([result[name]["accuracy"] for result in results])}
        | ({f"cosine {k}": last(name, f"cosine {k}") for k in layers} if name in LOCAL else {})
        for name in VARIANTS
    }


def tabulate(config: Config, run: Run, summary: dict[str, Any]) -> None:
    layers = range(1, config.depth + 2)
    rows = [
        [
            variant.name,
            plus_minus(summary[name]["test accuracy"], 100, 2),
            *(
                plus_minus(summary[name][f"cosine {k}"], 1, 2) if name in LOCAL else ""
                for k in layers
            ),
        ]
        for name, variant in VARIANTS.items()
    ]
    run.table(
        f"Digits by dendritic errors: mean ± sd of {config.seeds} seeds, epoch {config.epochs}",
        ["learned by", "test accuracy, %", *(f"cosine, layer {k}" for k in layers)],
        rows,
        "cosine: of a layer's update to backprop's of the same weights, on validation images",
    )
