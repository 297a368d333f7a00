"""Cells whose conductances are known, and what is recorded from their somata."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import neurojax as nj
from experiments.runner import generator
from neurojax.channels import HodgkinHuxley, Leak
from neurojax.core import Affine
from neurojax.dendrites import Cell, Compartments, discretise, random_morphology, read_swc

if TYPE_CHECKING:
    from experiments.fit_dendrite import Config

TYPICAL = (120.0, 36.0, 0.3)  # mS/cm² of sodium, potassium and leak, as in the squid axon
# Log conductances at the farthest tip beside those at the soma: sodium falls to a third, potassium
# to 0.6 of what it is there, and the leak doubles; and how much each compartment's own departs.
SLOPES = (-1.0, -0.5, 0.7)
SCATTER = 0.25
START = np.log(
    2.0
)  # a fit starts from typical densities times up to 2 or 1/2, each channel its own
DENSITY = 6e-5  # nA/µm² of whole area, the mean of the strongest current; makes a cell fire
TAU = 3.0  # ms, over which the currents' noise is correlated


@dataclass(frozen=True, eq=False)
class Problem:
    """log conductances [channel, compartment], currents (nA) and voltages (mV) [current, step]."""

    seed: int
    compartments: Compartments
    cell: Cell
    truth: np.ndarray
    start: np.ndarray
    current: np.ndarray
    voltage: np.ndarray
    new_current: np.ndarray
    new_voltage: np.ndarray


def problem_of(config: Config, seed: int) -> Problem:
    compartments = compartments_for(config.morphology, config.tips)
    cell = cell_of(compartments, config.currents)
    log_typical = np.log(TYPICAL)[:, None]
    distance = compartments.distance / compartments.distance.max()
    scatter = generator(seed, "conductances").normal(size=(3, len(compartments)))
    truth = log_typical + np.outer(SLOPES, distance) + SCATTER * scatter
    offsets = generator(seed, "start").uniform(-START, START, (3, 1))
    current, new_current = (
        noisy_currents(generator(seed, name), config, DENSITY * compartments.area.sum())
        for name in ("training currents", "new currents")
    )
    voltage, new_voltage = (
        np.asarray(soma_voltage(with_conductances(cell, jnp.asarray(truth)), x, config.dt))
        for x in (current, new_current)
    )
    return Problem(
        seed,
        compartments,
        cell,
        truth,
        np.broadcast_to(log_typical + offsets, truth.shape),
        current,
        voltage,
        new_current,
        new_voltage,
    )


@cache
def compartments_for(morphology: str, tips: int) -> Compartments:
    """A compartment for each section."""
    from experiments.fit_dendrite import CA1, ca1_path

    if morphology == CA1:
        return discretise(read_swc(ca1_path()))
    return discretise(random_morphology(np.random.default_rng(0), tips=tips))


def cell_of(compartments: Compartments, lanes: int) -> Cell:
    """With typical conductances, all their own; as many as there are currents."""
    g_Na, g_K, g = (jnp.full(len(compartments), x) for x in TYPICAL)
    channels = {"hh": HodgkinHuxley(g_Na=g_Na, g_K=g_K), "leak": Leak(g=g, E=-54.3)}
    return Cell(compartments, channels, shape=(lanes,))


def with_conductances(cell: Cell, log_g: Float[Array, "3 compartment"]) -> Cell:
    def conductances(cell: Cell) -> list[Any]:
        hh, leak = cell.channels["hh"].mechanism, cell.channels["leak"].mechanism
        return [hh.g_Na, hh.g_K, leak.g]  # pyright: ignore[reportAttributeAccessIssue]

    return eqx.tree_at(conductances, cell, list(jnp.exp(log_g)))


def noisy_currents(draw: np.random.Generator, config: Config, strongest: float) -> np.ndarray:
    """Noise around means from 1/k to 1 of the strongest, [current, step], nA: where the cell is
    silent and where it fires, slow and fast."""
    steps, count = round(config.duration / config.dt), config.currents
    noise = draw.normal(size=(count, steps))
    keep = np.exp(-config.dt / TAU)
    for n in range(1, steps):
        noise[:, n] = keep * noise[:, n - 1] + np.sqrt(1 - keep**2) * noise[:, n]
    means = np.arange(1, count + 1)[:, None] / count
    return np.asarray(strongest * (means + noise), np.float32)


def soma_voltage(
    cell: Cell, current: Any, dt: float, *, pulled_to: Any = None, resistance: float = np.inf
) -> Float[Array, "current step"]:
    """Under currents (nA) alone, or pulled to voltages (mV) through a resistance (MΩ): a spike that
    comes early or late is then put right, and the loss has a slope to the truth from afar.

    Source: nudging, as in Abarbanel et al. 2009, SIAM J. Appl. Dyn. Syst. 8, 1341.
    """
    drive: Any = nj.Series(current.T)
    if pulled_to is not None:
        # A step is implicit: it ends under the pull to where the target then is.
        target = jnp.concatenate([pulled_to[:, 1:], pulled_to[:, -1:]], axis=1)
        drive = Affine(1 / resistance, nj.Series((current + target / resistance).T))
    return nj.simulate(cell, drive, t1=current.shape[1] * dt, dt=dt)["v[soma]"].T
