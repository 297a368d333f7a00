"""The branched cell's parameters with the least loss on a recording, by gradients and CMA-ES."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import cma
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

import neurojax as nj
from experiments.fit_dendrite import SIMULATIONS_A_GRADIENT
from experiments.fit_dendrite.recorded_cell import SLOW, V_PEAK, cell_of
from experiments.fit_neuron.cells import Range, at_places
from experiments.fit_neuron.traces import Trace
from experiments.runner import Run, generator, key, seeds_of
from neurojax import learning
from neurojax.core import Affine
from neurojax.dendrites import Cell, CellState

if TYPE_CHECKING:
    from experiments.fit_dendrite import Config


class Stage(NamedTuple):
    """The resistance (MΩ) through which the recorded voltage pulls at the soma, and Adam's steps
    beside those of the first stage."""

    resistance: float
    pace: float


# At first the pull holds even spikes; at last it is weaker than the cell's own leak.
STAGES = (Stage(30.0, 1.0), Stage(100.0, 1.0), Stage(1000.0, 0.3), Stage(3000.0, 0.3))
FIRST, LAST = STAGES[0].resistance, STAGES[-1].resistance
LEARNING_RATE = 0.1  # Adam's at the start of each stage, of logits
AMISS = 0.002  # nA: by so little can a current be wrong before it matters
MEMBRANE = 0.0005  # µS, about the cell's own conductance
BOX, UP, FEW = 100.0, 5.0, 0.5  # ms, mV, spikes
BOX_WEIGHT = 0.3
HISTORY = 1.0  # ms, over which rates are averaged in what went before a sweep
BATCH = 13  # points side by side: CMA-ES's default population for so many parameters
DRAWS = 2 * BATCH  # of which a seed's start is the best
FIRST_STEP = 0.2  # CMA-ES's first standard deviation, of a parameter's range


class Sweeps(NamedTuple):
    """The training sweeps, for jit."""

    current: Any
    """[sweep, step], nA."""
    voltage: Any
    """[sweep, step], mV."""
    before: Any
    """[part, step], mV, in parts of about `HISTORY` ms from the first sweep on; what is not for
    training is stood in for by the training sweep before it."""
    start: Any
    """[sweep]: the part of `before` that it begins with."""


def sweeps_of(trace: Trace) -> Sweeps:
    training = trace.sweeps("train")
    steps = part_of(trace.dt)
    parts = -(-trace.length // steps)
    known = [max(k for k in training if k <= sweep) for sweep in range(len(trace.starts))]

    def of(signal: np.ndarray, sweeps: list[int]) -> np.ndarray:
        return np.stack([signal[trace.of(k)] for k in sweeps]).astype(np.float32)

    filling = ((0, 0), (0, parts * steps - trace.length))
    return Sweeps(
        current=of(trace.current, training),
        voltage=of(trace.voltage, training),
        before=np.pad(of(trace.voltage, known), filling, "edge").reshape(-1, steps),
        start=np.array(training) * parts,
    )


def part_of(dt: float) -> int:
    """Steps over which rates are averaged."""
    return max(1, round(HISTORY / dt))


class Loss(eqx.Module):
    """What a cell's somatic voltage is off by in training sweeps, under a pull to the recorded one.

    Of each sample the robust `(1 + (e/s)²)^¼ − 1`, with s what a current of `AMISS` makes of the
    voltage under that pull; and of the number of spikes in each `BOX` its difference, for by the
    voltage alone a spike that is missing costs less than one that comes late.
    """

    ranges: dict[str, Range] = eqx.field(static=True)
    dt: float = eqx.field(static=True)

    def __call__(self, unit: Float[Array, " parameter"], data: Sweeps, resistance: Any) -> Array:
        """[sweep]."""
        gates = self.gates(unit, data)
        one = partial(self.of_sweep, at_places(self.ranges, unit), resistance)
        return jax.vmap(one)(data.current, data.voltage, gates)

    def gates(self, unit: Float[Array, " parameter"], data: Sweeps) -> Float[Array, "sweep gate"]:
        """Where the recorded voltage has left the slow gates when each sweep begins."""
        channels = cell_of(at_places(self.ranges, unit), 0.0).channels
        rates = [channels[name].mechanism.rates(data.before, {}) for name in SLOW]
        opening, closing = (
            jnp.concatenate(each).mean(axis=-1).T for each in zip(*rates, strict=True)
        )
        steady = opening / (opening + closing)
        keep = jnp.exp(-part_of(self.dt) * self.dt * (opening + closing))

        def step(gate: Array, now: tuple[Array, Array]) -> tuple[Array, Array]:
            steady, keep = now
            return steady + (gate - steady) * keep, gate

        return jax.lax.scan(step, steady[0], (steady, keep))[1][data.start]

    def of_sweep(
        self, p: dict[str, Array], resistance: Any, current: Array, voltage: Array, gates: Array
    ) -> Float[Array, ""]:
        cell = cell_of(p, voltage[0])
        pull = 1 / resistance
        # A step is implicit: it ends under the pull to where the target then is.
        target = jnp.concatenate([voltage[1:], voltage[-1:]])
        found = nj.simulate(
            cell,
            Affine(pull, nj.Series(current + pull * target)),
            t1=len(current) * self.dt,
            dt=self.dt,
            state=begin(cell, gates),
        )["v[soma]"]
        error = (found - voltage) * (pull + MEMBRANE) / AMISS
        count = (self.spikes(found) - self.spikes(voltage)) / FEW
        robust = jnp.sqrt(jnp.sqrt(1 + error**2)) - 1
        return robust.mean() + BOX_WEIGHT * (jnp.sqrt(1 + count**2) - 1).mean()

    def spikes(self, voltage: Float[Array, " step"]) -> Float[Array, " box"]:
        """Of each box, all rises through `V_PEAK`, where a part of one counts as a part."""
        size = min(round(BOX / self.dt), len(voltage) - 1)
        above = jax.nn.sigmoid((voltage - V_PEAK) / UP)
        rises = jax.nn.relu(jnp.diff(above))
        return rises[: len(rises) // size * size].reshape(-1, size).sum(axis=1)


def begin(cell: Cell, gates: Float[Array, " gate"]) -> CellState:
    """At the cell's v_init, all gates in equilibrium but the slow ones, which are given: those that
    the soma's voltage has left, which dendrites have as well, for theirs was not recorded."""
    state = cell.initial_state()
    slow = {
        name: jnp.broadcast_to(gate, state.gates[name].shape)
        for name, gate in zip(SLOW, gates, strict=True)
    }
    return state._replace(gates=state.gates | slow)


def starts(config: Config, loss: Loss, data: Sweeps) -> Float[np.ndarray, "seed parameter"]:
    """Each seed's best of `DRAWS` places in the middle half of every range, under the first pull;
    both methods start there, and neither is charged for it."""
    found = []
    for seed in seeds_of(config):
        shape = (DRAWS, len(loss.ranges))
        draws = generator(seed, "recorded start").uniform(0.25, 0.75, shape).astype(np.float32)
        found.append(draws[np.argmin(losses(loss, draws, data, FIRST))])
    return np.stack(found)


def losses(loss: Loss, units: Any, data: Sweeps, resistance: float) -> np.ndarray:
    """Of each point of [point, parameter], the mean over sweeps; inf where it is not finite."""
    count = len(units)
    filled = np.resize(np.asarray(units, np.float32), (-(-count // BATCH), BATCH, len(loss.ranges)))
    values = [_losses(loss, jnp.asarray(x), data, jnp.float32(resistance)) for x in filled]
    return np.nan_to_num(np.concatenate(values)[:count].astype(np.float64), nan=np.inf)


@eqx.filter_jit
def _losses(loss: Loss, units: Array, data: Sweeps, resistance: Array) -> Array:
    return jax.vmap(lambda unit: loss(unit, data, resistance).mean())(units)


def by_gradients(
    config: Config, run: Run, loss: Loss, data: Sweeps, start: np.ndarray
) -> list[dict[str, Any]]:
    """Adam from each seed's start, all side by side, stage by stage under weaker pulls.

    Returns of each its place in the ranges, and the last stage's loss at the end of each stage,
    with the simulations until then.
    """
    steps = config.recorded_steps // len(STAGES)
    schedule = optax.cosine_decay_schedule(LEARNING_RATE, steps, alpha=0.1)
    optimizer = optax.adam(schedule, b2=0.95)
    slope = partial(gradient, loss)  # one for all stages, so that it is compiled once
    logit = jnp.asarray(np.log(start / (1 - start)), jnp.float32)
    curve = [losses(loss, start, data, LAST)]
    for stage in STAGES:
        trainer = partial(
            learning.fit,
            logit / stage.pace,
            jax.tree.map(lambda x: jnp.asarray(x, jnp.result_type(x))[None], (data, stage)),
            slope,
            optimizer=optimizer,
            epochs=steps,
            batch_size=1,
            key=key(config.seed, "unused"),
        )
        logit = stage.pace * run.fit(f"recorded/{stage.resistance:g}-MOhm", trainer).model
        curve.append(losses(loss, jax.nn.sigmoid(logit), data, LAST))
    at = [SIMULATIONS_A_GRADIENT * steps * n for n in range(len(curve))]
    return [
        {"unit": unit, "simulations": at, "curve": each.tolist()}
        for unit, each in zip(np.asarray(jax.nn.sigmoid(logit)), np.stack(curve, 1), strict=True)
    ]


def gradient(loss: Loss, place: Any, batch: Any, key: Any) -> Any:
    """Of each seed's loss by its own parameters, [seed, parameter], logits over the stage's pace.
    Each sweep's, by logits, is at most 1 long before the mean is taken: where one spike more or
    less decides, it is long and says little."""
    data, stage = jax.tree.map(lambda x: x[0], batch)
    count = len(data.current)

    def of(logit: Array, sweep: Array) -> Array:
        own = data._replace(
            current=data.current[sweep][None],
            voltage=data.voltage[sweep][None],
            start=data.start[sweep][None],
        )
        return loss(jax.nn.sigmoid(logit), own, stage.resistance)[0]

    by_sweep = jax.vmap(jax.value_and_grad(of), in_axes=(None, 0))
    each, slope = jax.vmap(by_sweep, in_axes=(0, None))(stage.pace * place, jnp.arange(count))
    length = jnp.sqrt((slope**2).sum(axis=-1, keepdims=True))
    usable = jnp.isfinite(length)
    slope = jnp.where(usable, slope, 0) / jnp.maximum(jnp.where(usable, length, 1), 1)
    return stage.pace * slope.mean(axis=1), {"loss": each.mean()}


def by_cma(
    config: Config, run: Run, loss: Loss, data: Sweeps, start: np.ndarray
) -> list[dict[str, Any]]:
    """CMA-ES from each seed's start on the last stage's loss, for as many simulations. Source:
    Hansen 2016, The CMA evolution strategy: a tutorial, arXiv:1604.00772, with its defaults."""
    seeds = seeds_of(config)
    return [
        run.stage(f"recorded/cma/seed-{seed}", partial(one_cma, config, loss, data, place, seed))
        for seed, place in zip(seeds, start, strict=True)
    ]


def one_cma(
    config: Config, loss: Loss, data: Sweeps, start: np.ndarray, seed: int
) -> dict[str, Any]:
    clockless = seed + 1  # its seed 0 is the clock's
    options = {"bounds": [0, 1], "popsize": BATCH, "seed": clockless, "verbose": -9}
    search = cma.CMAEvolutionStrategy(start.astype(float), FIRST_STEP, options)
    at, curve = [], []
    for n in range(max(1, config.recorded_simulations // BATCH)):
        points = search.ask()
        search.tell(points, losses(loss, np.array(points), data, LAST).tolist())
        at.append((n + 1) * BATCH)
        curve.append(float(search.result.fbest))
    return {"unit": np.asarray(search.result.xbest), "simulations": at, "curve": curve}
