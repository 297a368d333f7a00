"""The Yin-Yang points of Kriener, Göltz & Petrovici 2022 (NICE 2022), as spike times."""

from typing import Any, NamedTuple

import numpy as np

from experiments.runner import generator

CLASSES = ("Yin", "Yang", "dot")
INPUTS = 5
LATEST = 30.0  # ms: the spike time of a coordinate of 1; that of 0 is 0
BIAS = 20.0  # ms: when the fifth input spikes


class Points(NamedTuple):
    """Arrays of NumPy or JAX."""

    times: Any
    """[point, input] spike times (ms), float32."""
    labels: Any
    """[point] integers."""


def label_of(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The class of points in the disc of radius 0.5 about (0.5, 0.5): 0 Yin, 1 Yang, 2 dot.

    The upper half is Yang but for the head of Yin on its right; on the left, Yang's head reaches
    into the lower half; each head has a dot of radius 0.1.
    Source: Kriener, Göltz & Petrovici 2022, The Yin-Yang dataset, NICE 2022.
    """
    to_left, to_right = np.hypot(x - 0.25, y - 0.5), np.hypot(x - 0.75, y - 0.5)
    yang = (to_left <= 0.25) | ((y > 0.5) & (to_right > 0.25))
    return np.where(np.minimum(to_left, to_right) < 0.1, 2, yang.astype(int))


def points(count: int, part: str) -> Points:
    """Classes drawn evenly, then uniform points of each: as if others were drawn again."""
    draw = generator(0, f"{part} points")
    wanted = draw.integers(0, len(CLASSES), count)
    place = np.zeros((count, 2))
    missing = np.arange(count)
    while missing.size:
        tried = draw.random((missing.size, 2))
        inside = np.hypot(*(tried - 0.5).T) <= 0.5
        fits = inside & (label_of(*tried.T) == wanted[missing])
        place[missing[fits]] = tried[fits]
        missing = missing[~fits]
    return Points(spikes_of(place), wanted)


def spikes_of(place: np.ndarray) -> np.ndarray:
    """Spike times (ms) of x, y, 1 − x, 1 − y and the bias, [point, input]."""
    bias = np.full((len(place), 1), BIAS)
    return np.concatenate([LATEST * place, LATEST * (1 - place), bias], 1).astype(np.float32)


def places_of(times: np.ndarray) -> np.ndarray:
    """[point, 2], from spike times."""
    return times[:, :2] / LATEST
