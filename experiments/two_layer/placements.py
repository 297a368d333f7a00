"""Placements of synapses over branches, and how the cell answers to them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

import neurojax as nj
from experiments.two_layer.cells import Shape
from neurojax.core import Clock, SpikeCount
from neurojax.dendrites import Cell

DT = 0.05  # ms
EVERY = 20  # steps between samples of the potential


class PoissonCounts(nj.Drive):
    """Spikes of independent Poisson trains, together `rate` (Hz) at each site of each cell.

    The number in a step is drawn by inverting its distribution up to 3, beyond which there is
    nothing: at a mean of 0.1, once in 250,000 steps.
    """

    key: PRNGKeyArray
    rate: Float[Array, "site cell"]

    def at(self, t: Any) -> Array:
        raise ValueError("PoissonCounts draws a number for each clock step: it needs a dt.")

    def on(self, clock: Clock) -> Float[Array, "site cell"]:
        mean = self.rate * (clock.dt / 1000)
        draw = jax.random.uniform(jax.random.fold_in(self.key, clock.step), mean.shape)
        count, share = jnp.zeros_like(mean), jnp.exp(-mean)
        below = share
        for k in (1, 2, 3):
            count += (draw > below).astype(count.dtype)
            share *= mean / k
            below += share
        return count


def placements(
    draw: np.random.Generator, shape: Shape, count: int, synapses: tuple[int, int]
) -> Int[np.ndarray, "placement site"]:
    """Numbers of synapses at each site: a total from the range and a number of branches, both drawn
    evenly, so many branches, and for each synapse one of these and one of its sites."""
    found = np.zeros((count, len(shape.sites)), int)
    for row in found:
        total = draw.integers(synapses[0], synapses[1] + 1)
        spread = draw.integers(1, shape.branches + 1)
        chosen = draw.choice(shape.branches, spread, replace=False)
        for branch in draw.choice(chosen, total):
            row[draw.choice(np.flatnonzero(shape.branch_of == branch))] += 1
    return found


def on_branches(
    shape: Shape, placed: Int[np.ndarray, "placement site"]
) -> Int[np.ndarray, "placement branch"]:
    """Numbers of synapses on each branch."""
    starts = np.searchsorted(shape.branch_of, np.arange(shape.branches))
    return np.add.reduceat(placed, starts, axis=1)


def alone(
    shape: Shape, numbers: Int[np.ndarray, " number"]
) -> Int[np.ndarray, "branch_number site"]:
    """For each branch and each number, so many synapses on that branch only, evenly over it."""
    found = np.zeros((shape.branches, len(numbers), len(shape.sites)), int)
    for branch in range(shape.branches):
        sites = np.flatnonzero(shape.branch_of == branch)
        for k, number in enumerate(numbers):
            np.add.at(found[branch, k], sites[np.arange(number) % len(sites)], 1)
    return found.reshape(-1, len(shape.sites))


def answer(
    cell: Cell,
    placed: Int[np.ndarray, "cell site"],
    current: float,
    *,
    rate: float,
    duration: float,
    key: PRNGKeyArray,
) -> Float[np.ndarray, "cell 2"]:
    """Rate (Hz) and mean potential (mV) of the soma of each cell, which has its own placement, each
    synapse of which gets a Poisson train of `rate` (Hz) for `duration` (ms), and a current (nA)
    into the soma."""
    trains = PoissonCounts(key, jnp.asarray(rate * placed.T, jnp.float32))
    run = nj.simulate(
        cell,
        current,
        t1=duration,
        dt=DT,
        incoming=dict.fromkeys(cell.synapses, trains),
        record={"spikes": SpikeCount(), "v": "v[soma]"},
        every=EVERY,
    )
    fired, potential = np.asarray(run["spikes"]), np.asarray(run["v"])
    return np.stack([1000 * fired / duration, potential.mean(axis=0)], axis=1)
