"""Remember images in a predictive-coding network, and recall them from what is left of them.

A generative hierarchy learns a few images by heart. Shown a part of one, it infers the rest; shown
a noisy one, it tells what it predicts of it. Beside it, a modern Hopfield network that holds the
images themselves. How much each trusts what it is shown (the image's precision; the inverse
temperature) is what recalls best at each corruption.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from experiments import datasets
from experiments.runner import Run, at_least, generator, in_range, key, plus_minus, positive, spread

if TYPE_CHECKING:
    from jaxtyping import Array

    from neurojax.learning import Fit
    from neurojax.predictive import Hierarchy

MEMORIES = {"pc": "predictive coding", "hopfield": "modern Hopfield"}
HIDDEN = (0.25, 0.5, 0.75, 0.875)
NOISE = (0.1, 0.2, 0.4, 0.8)
BETAS = (1.0, 3.0, 10.0, 30.0, 100.0)
PRECISIONS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
RECALLED = 0.005
"""Mean squared error of a pixel (of 0 to 1) below which an image counts as recalled: Salvatori et
al. 2021, Associative memories via predictive coding."""


@dataclass(frozen=True)
class Config:
    """Images to remember, and the hierarchy that does."""

    data: Literal["digits", "mnist"] = "digits"
    """scikit-learn's 8x8 digits, or MNIST from $NEUROJAX_DATA/mnist.npz."""
    images: int = 100
    """How many are remembered."""
    seeds: int = 3
    """How often everything is repeated: images, initial weights, corruption."""
    seed: int = 0
    """The first seed; the others follow it."""
    width: int = 256
    """Units of the two layers above the image."""
    epochs: int = 2000
    """Passes over the images in learning."""
    learning_rate: float = 1e-3
    """Adam's."""
    steps: int = 30
    """Inference steps for each update of the weights; recall takes a hundred times as many."""
    step_size: float = 0.04
    """Of inference."""

    def __post_init__(self):
        at_least(self, 1, "seeds", "width", "epochs", "steps")
        at_least(self, 0, "seed")
        in_range(self, 2, 1000, "images")
        positive(self, "learning_rate", "step_size")
        if self.data == "mnist":
            datasets.data_path("mnist")


def run(config: Config, run: Run) -> dict[str, Any]:
    """Learn, corrupt and recall, for each seed; summarise over seeds."""
    from experiments.recall import figures

    learn, _ = datasets.DATA[config.data]()
    run.expect(config.seeds * config.epochs)
    results = run.each_seed(config, partial(one_seed, config, run, learn))
    summary = {
        kind: {
            name: [spread([result[kind][name]["error"][n] for result in results]) for n in range(4)]
            for name in MEMORIES
        }
        for kind in ("hidden", "noise")
    }
    figures.draw_all(config, run, results)
    tabulate(config, run, summary)
    return summary


def one_seed(config: Config, run: Run, learn: datasets.Images, seed: int) -> dict[str, Any]:
    """Errors of both memories at each corruption, and a few images of each."""
    import jax.numpy as jnp

    draws = generator(seed, "images")
    chosen = learn.take(draws.permutation(len(learn.labels))[: config.images]).flat()
    images = jnp.asarray(chosen.pixels)
    memory = train(config, run, images, seed).model
    found: dict[str, Any] = {"images": images[:4]}
    for kind, amounts in (("hidden", HIDDEN), ("noise", NOISE)):
        found[kind] = {name: {"error": [], "recalled": [], "examples": []} for name in MEMORIES}
        found[kind]["shown"] = []
        for amount in amounts:
            shown, known = corrupted(kind, amount, np.asarray(images), draws)
            found[kind]["shown"].append(shown[:4])
            recalls = {
                "pc": recall(config, memory, images, jnp.asarray(shown), known),
                "hopfield": hopfield(images, jnp.asarray(shown), known),
            }
            for name, given in recalls.items():
                errors = np.mean((np.asarray(given) - np.asarray(images)) ** 2, axis=1)
                found[kind][name]["error"].append(errors.mean())
                found[kind][name]["recalled"].append(np.mean(errors < RECALLED))
                found[kind][name]["examples"].append(given[:4])
    return found


def corrupted(kind: str, amount: float, images: np.ndarray, draws: np.random.Generator):
    """The images without the last part of their rows and which pixels are known, or with noise on
    all of them."""
    if kind == "noise":
        noisy = images + amount * draws.normal(size=images.shape)
        return noisy.astype(np.float32), None
    pixels = images.shape[1]
    known = np.arange(pixels) < round((1 - amount) * pixels)
    return np.where(known, images, 0).astype(np.float32), known


def network(config: Config, pixels: int, seed: int) -> Hierarchy:
    """A prior for the causes, whose mean is learned, over two layers, over the image."""
    import jax.numpy as jnp
    import jax.random as jr

    from experiments.recall.modules import Mean
    from neurojax.predictive import Edge, Hierarchy, Node, mlp

    width = config.width
    below = mlp((width, width, pixels), key(seed, "initial weights"), activation=jnp.tanh)
    mean = 0.1 * jr.normal(key(seed, "initial mean"), (width,))
    first, second = below.edges
    return Hierarchy(
        (Node("causes", width), Node("h", width), Node("image", pixels)),
        (
            Edge((), "causes", Mean(mean)),
            Edge("causes", "h", first.module),
            Edge("h", "image", second.module),
        ),
    )


def train(config: Config, run: Run, images: Array, seed: int) -> Fit:
    import optax

    from neurojax import predictive

    trainer = partial(
        predictive.finetune,
        network(config, images.shape[1], seed),
        {"image": images},
        steps=config.steps,
        step_size=config.step_size,
        optimizer=optax.adam(config.learning_rate),
        epochs=config.epochs,
        batch_size=config.images,
        key=key(seed, "batches"),
    )
    return run.fit(f"seed-{seed}/memory", trainer)


def recall(
    config: Config, memory: Hierarchy, images: Array, shown: Array, known: np.ndarray | None
) -> Array:
    """Where what is hidden settles with the known pixels held; of noisy images, the prediction."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    from neurojax.predictive import infer

    how = {"steps": 100 * config.steps, "step_size": config.step_size}
    masks = {} if known is None else {"image": jnp.asarray(known)}
    recalled = []
    for precision in PRECISIONS:
        trusting = eqx.tree_at(
            lambda m: m.nodes[2].energy.precision, memory, jnp.asarray(precision)
        )
        z = infer(trusting, {"image": shown}, known=masks, **how).activities
        predicted = jax.vmap(memory.edges[2].module)(z["h"])
        recalled.append(predicted if known is None else z["image"])
    return nearest(images, recalled)


def hopfield(images: Array, shown: Array, known: np.ndarray | None) -> Array:
    """What ten steps lead to; known pixels are put back after each."""
    import jax.numpy as jnp

    import neurojax as nj
    from neurojax.predictive import ModernHopfield

    mean, recalled = images.mean(0)[None], []
    for beta in BETAS:
        memory, state = ModernHopfield(images - mean, beta), shown - mean
        for _ in range(10):
            state = nj.simulate(memory, t1=1.0, dt=1.0, state=state, record=()).final.state
            if known is not None:
                state = jnp.where(jnp.asarray(known)[None], shown - mean, state)
        recalled.append(state + mean)
    return nearest(images, recalled)


def nearest(images: Array, recalled: list[Array]) -> Array:
    """The recalls that are nearest to the images on the whole."""
    return min(recalled, key=lambda given: float(((given - images) ** 2).mean()))


def tabulate(config: Config, run: Run, summary: dict[str, Any]) -> None:
    rows = []
    for kind, amounts, label in (("hidden", HIDDEN, "hidden"), ("noise", NOISE, "noise")):
        for n, amount in enumerate(amounts):
            each = [plus_minus(summary[kind][name][n], 1000, 2) for name in MEMORIES]
            rows.append([f"{label} {amount:g}", *each])
    run.table(
        f"{config.images} {config.data} recalled: mean ± sd of {config.seeds} seeds",
        ["mean squared error x 1000", *MEMORIES.values()],
        rows,
        "hidden: part of the image that is not shown; noise: its standard deviation",
    )
