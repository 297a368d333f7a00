"""Delayed match to sample: was the cue of more than half a second ago the one that is there now?

Twins with adaptive thresholds and without have the same initial weights, batches, optimizer and
number of epochs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from experiments.runner import generator
from experiments.train_snn.recipes import Data, Recipe

if TYPE_CHECKING:
    from jaxtyping import Array, Float, PRNGKeyArray, UInt8, Integer, Shaped
    from experiments.train_snn import Config

DT = 5.0  # ms
CUES = 4
PER_CUE = 5  # input neurons that a cue excites
CUE = 20  # steps that a cue lasts
DELAYS = (120, 160)  # steps
RATE, BACKGROUND = 100.0, 5.0  # Hz
STEPS = 2 * CUE + DELAYS[1]


class Trials(NamedTuple):
    spikes: Any
    """0 or 1, [trials, time, inputs]."""
    same: Any
    """1 where both cues are the same, else 0."""


def trials(count: int, seed: int, name: str) -> Trials:
    draw = generator(seed, name)
    same = draw.permutation(np.arange(count) % 2)
    first = draw.integers(CUES, size=count)
    other = (first + draw.integers(1, CUES, size=count)) % CUES
    second = np.where(same, first, other)
    onset = STEPS - 2*CUE - draw.integers(DELAYS[0], DELAYS[1] + 1, size=count)
    step = np.arange(STEPS)
    rates = np.full((count, STEPS, CUES), BACKGROUND)
    shown = (step >= onset[:, None]) & (step < onset[:, None] + CUE)
    rates += RATE * shown[..., None] * np.eye(CUES)[first][:, None]
    rates += RATE * (step >= STEPS - CUE)[None, :, None] * np.eye(CUES)[second][:, None]
    p = 1 - np.exp(-np.repeat(rates, PER_CUE, axis=-1) * DT / 1e3)
    spikes = draw.random(p.shape, dtype=np.float32) < p
    return Trials(spikes.astype(np.uint8), same.astype(np.int32))
