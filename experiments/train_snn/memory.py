"""Delayed match to sample: was the cue of more than half a second ago the one that is shown now?

A cue is a group of input neurons that fire at a high rate for 100 ms; all others fire at random
throughout. Twins with adaptive thresholds and without have the same initial weights, batches,
optimizer and number of epochs.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from experiments.runner import ExperimentError, generator
from experiments.train_snn.memory_figures import draw
from experiments.train_snn.recipes import Data, Recipe
from models import working_memory as models

if TYPE_CHECKING:
    from jaxtyping import Array, Float, PRNGKeyArray

    from experiments.train_snn import Config
    from models.working_memory import RecurrentClassifier

DT = 5.0  # ms
CUES = 4
INPUTS = 20  # a quarter of them for each cue
CUE = 20  # steps
DELAY = (120, 160)  # steps from the end of one cue to the start of the other, both included
STEPS = 2 * CUE + DELAY[1]
RATE, BACKGROUND = 100.0, 5.0  # Hz, of a cue and of all inputs at all times
UNITS = 64
LEARN, VALIDATION, TEST = 8192, 1000, 4000  # trials
FEWEST = 100  # trials to score, in which all pairs of cues are found
BATCH = 64
HIGH, COST = 20.0, 1e-3  # units that fire faster than this cost so much for each Hz² above


class Trials(NamedTuple):
    """The second cue takes the last steps of each trial, and the answer is due meanwhile."""

    spikes: Any
    """[trials, time, inputs], 0 or 1."""
    cues: Any
    """[trials, 2], from 0: of half of the trials both are the same."""

    @property
    def same(self) -> Any:
        """[trials], 1 where both cues are the same, else 0."""
        return (self.cues[:, 0] == self.cues[:, 1]).astype("int32")


def data(config: Config, seed: int) -> Data:
    """Trials to learn from, for validation and for the test, each from a stream of its own."""
    learn = LEARN if config.train is None else config.train
    if learn < BATCH:
        raise ExperimentError(f"--train must be at least the {BATCH} of a batch, got {learn}")
    held = config.validation or VALIDATION
    if held < FEWEST:
        raise ExperimentError(f"--validation must be at least {FEWEST} trials, got {held}")
    held_out = trials(held, generator(seed, "validation trials"))
    measured = (
        held_out if config.on == "validation" else trials(TEST, generator(seed, "test trials"))
    )
    return Data(trials(learn, generator(seed, "trials to learn from")), held_out, measured)


def trials(count: int, draw: np.random.Generator) -> Trials:
    """Any second cue is as likely as another, whether it is the same or not."""
    same = draw.permutation(np.arange(count) % 2) == 1
    first = draw.integers(CUES, size=count)
    other = (first + draw.integers(1, CUES, size=count)) % CUES
    cues = np.stack([first, np.where(same, first, other)], axis=1)
    delay = draw.integers(DELAY[0], DELAY[1] + 1, size=count)
    starts = STEPS - CUE - np.stack([CUE + delay, np.zeros_like(delay)], axis=1)
    since = np.arange(STEPS)[:, None] - starts[:, None]  # [trials, time, 2]
    shown = (since >= 0) & (since < CUE)
    rates = BACKGROUND + RATE * np.einsum("ntc,nck->ntk", shown, np.eye(CUES)[cues])
    chance = -np.expm1(-np.repeat(rates, INPUTS // CUES, axis=-1) * DT / 1e3)
    spikes = draw.random(chance.shape, np.float32) < chance
    return Trials(spikes.astype(np.uint8), cues.astype(np.int32))


def loss(
    model: RecurrentClassifier, batch: Trials, key: PRNGKeyArray
) -> tuple[Float[Array, ""], dict[str, Array]]:
    """Cross-entropy of the answer, and a cost of high rates, as in Bellec et al. 2018."""
    import jax.numpy as jnp
    import optax

    done = model.respond(batch.spikes, ["units"])
    logits = model.answers(done.output)
    wrong = optax.softmax_cross_entropy_with_integer_labels(logits, batch.same).mean()
    rates = done.recorded["units"].mean((0, 1)) * (1e3 / DT)
    excess = jnp.mean(jnp.maximum(rates - HIGH, 0) ** 2)
    accuracy = jnp.mean(jnp.argmax(logits, -1) == batch.same)
    return wrong + COST * excess, {"accuracy": accuracy, "rate": rates.mean()}


def evaluate(model: RecurrentClassifier, data: Trials) -> dict[str, Array]:
    """Accuracy, and the mean rate of the units in Hz."""
    import jax
    import jax.numpy as jnp

    def given(spikes: Array) -> tuple[Array, Array]:
        done = model.respond(spikes[None], ["units"])
        rate = done.recorded["units"].mean() * (1e3 / DT)
        return jnp.argmax(model.answers(done.output)[0]), rate

    answers, rates = jax.lax.map(given, data.spikes, batch_size=200)
    return {"accuracy": jnp.mean(answers == data.same), "rate": rates.mean()}


WIDTHS = (INPUTS, UNITS, 2)

MEMORY = Recipe(
    networks={
        "adaptive": partial(models.adaptive, WIDTHS, DT, CUE),
        "leaky": partial(models.leaky, WIDTHS, DT, CUE),
    },
    data=data,
    loss=loss,
    evaluate=evaluate,
    epochs=24,
    batch_size=BATCH,
    learning_rate=2e-3,
    draw=draw,
)
