"""Train a network to tell Yin, Yang and dots apart by its first spikes, with exact gradients.

Every spike time has a closed form, and so has the highest potential of a neuron that stays silent;
the loss asks that potential up to threshold. The job shows what this cure is worth: each seed is
trained with it and without, from the usual weights and from weights so small that hardly a neuron
spikes. The defaults were chosen on validation points, with seeds 100 to 102; the test points took
no part in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from experiments.runner import Run, at_least, generator, key, plus_minus, positive, seeds_of, spread
from experiments.yin_yang.points import CLASSES, INPUTS, Points, points, spikes_of

if TYPE_CHECKING:
    import optax
    from jaxtyping import Array, Float, Int, PRNGKeyArray

    from neurojax.learning import Fit
    from neurojax.spiking import FirstSpikes, Layer

TAU_M, TAU_SYN = 20.0, 5.0
T1 = 60.0  # ms
LEAD = 0.3  # ms of lead make a class e times as likely
GRID = 120  # points along a side, for the figure of the regions


@dataclass(frozen=True)
class Config:
    """A layer of hidden neurons and one neuron for each class; the first to spike is the answer."""

    seeds: int = 5
    """How often everything is repeated: initial weights and order of the batches."""
    seed: int = 0
    """The first seed; the others follow it."""
    hidden: int = 120
    """Neurons in the hidden layer."""
    train: int = 5000
    """Points to learn from; the same for all seeds, as are those of validation and test."""
    validation: int = 1000
    """Points on which the learning curves are drawn."""
    test: int = 5000
    """Points that accuracies are reported on, after the last epoch."""
    epochs: int = 80
    """Epochs of training."""
    batch_size: int = 100
    """Points in a batch."""
    learning_rate: float = 2e-2
    """Adam's at the start; it falls to zero by a cosine."""
    cure: float = 30.0
    """Weight in the loss of how far silent neurons stay below threshold."""
    quiet: float = 0.3
    """Factor on all weights at the start of the quiet networks."""

    def __post_init__(self):
        at_least(self, 1, "seeds", "hidden", "train", "validation", "test", "epochs", "batch_size")
        at_least(self, 0, "seed")
        positive(self, "learning_rate", "cure", "quiet")
        if self.batch_size > self.train:
            raise ValueError(
                f"--batch-size must be at most the {self.train} points, got {self.batch_size}"
            )


class Variant(NamedTuple):
    name: str
    quiet: bool
    cured: bool
    color: str


VARIANTS = {
    "cured": Variant("cured", False, True, "#0072B2"),
    "plain": Variant("not cured", False, False, "#D55E00"),
    "quiet-cured": Variant("quiet start, cured", True, True, "#009E73"),
    "quiet-plain": Variant("quiet start, not cured", True, False, "#CC79A7"),
}


def run(config: Config, run: Run) -> dict[str, Any]:
    """Train and measure each variant for each seed; summarise over seeds."""
    from experiments.yin_yang import figures

    run.expect(config.seeds * len(VARIANTS) * config.epochs)
    data = {part: points(getattr(config, part), part) for part in ("train", "validation", "test")}
    results = run.each_seed(config, partial(one_seed, config, run, data))
    summary = summarise(results)
    figures.draw_all(config, run, data["test"], results)
    tabulate(config, run, summary)
    return summary


def one_seed(config: Config, run: Run, data: dict[str, Points], seed: int) -> dict[str, Any]:
    """Everything measured with one seed: all variants from the same draw of weights."""
    return {name: measure(train(config, run, data, seed, name), data["test"]) for name in VARIANTS}


def initial(config: Config, seed: int, quiet: bool) -> tuple[Layer, ...]:
    """Normally distributed weights, whose mean lets most neurons spike for most points."""
    import jax.numpy as jnp

    from neurojax.neurons import CurrentLIF
    from neurojax.spiking import Layer

    draw = generator(seed, "initial weights")
    scale = config.quiet if quiet else 1.0
    weights = (
        draw.normal(1.5, 0.78, (INPUTS, config.hidden)),
        draw.normal(0.93, 0.1, (config.hidden, len(CLASSES))) * (120 / config.hidden),
    )
    return tuple(
        Layer(
            CurrentLIF(w.shape[1:], tau_m=TAU_M, tau_syn=TAU_SYN),
            jnp.asarray(scale * w, jnp.float32),
        )
        for w in weights
    )


def spikes(layers: tuple[Layer, ...], times: Float[Array, " input"]) -> list[FirstSpikes]:
    """First spikes of each layer, for one point."""
    from neurojax.spiking import first_spikes

    found = []
    for layer in layers:
        found.append(first_spikes(layer, times, T1))
        times = found[-1].times
    return found


def train(config: Config, run: Run, data: dict[str, Points], seed: int, name: str) -> Fit:
    import jax
    import jax.numpy as jnp

    from neurojax import learning

    variant = VARIANTS[name]
    model = initial(config, seed, variant.quiet)
    trainer = partial(
        learning.fit,
        model,
        jax.tree.map(jnp.asarray, data["train"]),
        by_exact_gradient(config.cure if variant.cured else 0.0),
        optimizer=adam(config.learning_rate, config.epochs * (config.train // config.batch_size)),
        epochs=config.epochs,
        batch_size=config.batch_size,
        key=key(seed, "batches"),
        trainable=weights_of(model),
        validation=jax.tree.map(jnp.asarray, data["validation"]),
        evaluate=evaluate,
    )
    return run.fit(f"seed-{seed}/{name}", trainer)


def weights_of(layers: tuple[Layer, ...]) -> Any:
    """True for the weights, False for the rest."""
    import equinox as eqx
    import jax

    nothing = jax.tree.map(lambda _: False, layers)
    return eqx.tree_at(lambda m: [layer.weights for layer in m], nothing, [True] * len(layers))


@cache
def adam(learning_rate: float, steps: int) -> optax.GradientTransformation:
    """One object for all fits, which so share one compiled epoch."""
    import optax

    return optax.adam(optax.cosine_decay_schedule(learning_rate, steps), b2=0.99)


@cache
def by_exact_gradient(cure: float) -> Any:
    """One object for all fits, likewise."""
    from neurojax import learning

    return learning.by_backprop(partial(loss, cure))


def loss(cure: float, layers: tuple[Layer, ...], batch: Points, key: PRNGKeyArray):
    """Cross-entropy of the first spikes, and the cure of silence.

    An output neuron should spike for every point: whether early or late is what it says. A hidden
    one is asked to where it spikes for no point of the batch, and where an output neuron is silent.
    """
    import jax
    import jax.numpy as jnp

    from neurojax.spiking import first_spike_cross_entropy, shortfall

    hidden, output = jax.vmap(partial(spikes, layers))(batch.times)
    surprise = jax.vmap(partial(first_spike_cross_entropy, t1=T1, tau=LEAD))
    wrong = surprise(output.times, batch.labels).mean()
    below_hidden = jax.vmap(partial(shortfall, layers[0]))(batch.times, hidden)
    below_output = jax.vmap(partial(shortfall, layers[1]))(hidden.times, output)
    asked = (below_hidden > 0).all(0)[None] | (below_output > 0).any(1)[:, None]
    silence = (jnp.where(asked, below_hidden, 0).sum(1) + below_output.sum(1)).mean()
    return wrong + cure * silence, {"cross-entropy": wrong, "silence": silence}


def evaluate(layers: tuple[Layer, ...], data: Points) -> dict[str, Float[Array, ""]]:
    """Accuracy (no spike is no answer), and the fractions of hidden neurons that spike for no point
    and of output spikes that are missing."""
    import jax
    import jax.numpy as jnp

    hidden, output = jax.vmap(partial(spikes, layers))(data.times)
    return {
        "accuracy": (answers(output.times) == data.labels).mean(),
        "dead": jnp.isinf(hidden.times).all(0).mean(),
        "missing": jnp.isinf(output.times).mean(),
    }


def answers(times: Any) -> Int[Array, " point"]:
    """The class whose neuron spikes first, -1 where none does; of times [point, class]."""
    import jax.numpy as jnp

    return jnp.where(jnp.isfinite(times.min(1)), times.argmin(1), -1)


@cache
def respond() -> Callable[[tuple[Layer, ...], np.ndarray], list[FirstSpikes]]:
    """`spikes` of many points, compiled once for all networks."""
    import jax

    return jax.jit(jax.vmap(spikes, in_axes=(None, 0)))


def measure(fit: Fit, test: Points) -> dict[str, Any]:
    """On the test points; the curves are on those of validation."""
    hidden, output = (np.asarray(found.times) for found in respond()(fit.model, test.times))
    given = np.asarray(answers(output))
    label = np.arange(len(CLASSES)) == test.labels[:, None]
    side = (np.arange(GRID) + 0.5) / GRID
    grid = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    return {
        "accuracy": float((given == test.labels).mean()),
        "dead": float(np.isinf(hidden).all(0).mean()),
        "missing": float(np.isinf(output).mean()),
        "hidden spikes": float(np.isfinite(hidden).sum(1).mean()),
        "curves": {
            name: [record[f"validation/{name}"] for record in fit.history]
            for name in ("accuracy", "missing", "dead")
        },
        "wrong": np.flatnonzero(given != test.labels),
        "regions": np.asarray(answers(respond()(fit.model, spikes_of(grid))[1].times)).reshape(
            GRID, GRID
        ),
        "times": {
            "input": histogram(test.times),
            "hidden": histogram(hidden),
            "output, label": histogram(output[label]),
            "output, others": histogram(output[~label]),
        },
    }


def histogram(times: np.ndarray) -> np.ndarray:
    """Spikes in each millisecond, as a fraction of those that could be."""
    return np.histogram(times[np.isfinite(times)], np.arange(T1 + 1))[0] / times.size


def summarise(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Spreads over seeds, by variant."""
    measured = ("accuracy", "dead", "missing", "hidden spikes")
    return {
        name: {what: spread([result[name][what] for result in results]) for what in measured}
        for name in VARIANTS
    }


def tabulate(config: Config, run: Run, summary: dict[str, Any]) -> None:
    rows = [
        [
            variant.name,
            plus_minus(summary[name]["accuracy"], 100, 2),
            plus_minus(summary[name]["missing"], 100, 2),
            plus_minus(summary[name]["dead"], 100),
            plus_minus(summary[name]["hidden spikes"]),
        ]
        for name, variant in VARIANTS.items()
    ]
    run.table(
        f"Yin-Yang by first spikes: mean ± sd of {config.seeds} seeds, epoch {config.epochs}",
        ["on test points", "accuracy, %", "silent outputs, %", "dead hidden, %", "hidden spikes"],
        rows,
        f"dead: spikes for none of {config.test} points; ms per epoch: {epoch_time(config, run)}",
    )


def epoch_time(config: Config, run: Run) -> str:
    """Of the first variant, over seeds: the median epoch, which leaves compiling out."""
    fits = [f"seed-{seed}/cured" for seed in seeds_of(config)]
    return plus_minus(spread([1000 * np.median(run.seconds(fit)) for fit in fits]), digits=0)
