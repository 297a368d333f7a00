"""Two ways to the parameters with the least loss: along its gradient, and without one."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

import cma
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import optimistix as optx

from experiments.fit_neuron import forcing
from experiments.fit_neuron.cells import Cell
from experiments.fit_neuron.traces import Trace, targets
from experiments.runner import Run, generator, key, seeds_of
from neurojax import learning

if TYPE_CHECKING:
    from experiments.fit_neuron import Config

# How much looser than in the loss errors in time are judged at first: while most spikes are far
# from where they should be, a robust loss hardly tells which way they must go.
LOOSE = 5.0
FIRST_STEP = 0.2  # CMA-ES's first standard deviation, of a parameter's range


def starts(config: Config, cell: Cell) -> np.ndarray:
    """Where each seed starts, [parameter, seed]: in the middle half of every range."""
    seeds = seeds_of(config)
    draws = [generator(seed, "start").uniform(0.25, 0.75, len(cell.ranges)) for seed in seeds]
    return np.stack(draws, axis=1).astype(np.float32)


def by_gradients(
    config: Config, run: Run, trace: Trace, cell: Cell
) -> tuple[np.ndarray, dict[str, Any]]:
    """Adam, all seeds side by side, on the voltage between spikes and then on spikes as well; then
    Levenberg and Marquardt's method, each seed by itself, down the narrow valley Adam has found.

    Returns [parameter, seed], places in the ranges.
    """
    data = targets(trace)
    place = starts(config, cell)
    logit = jnp.asarray(np.log(place / (1 - place)))
    seconds = 0.0
    for stage, steps in {"voltage": config.voltage_steps, "spikes": config.spike_steps}.items():
        schedule = optax.cosine_decay_schedule(config.learning_rate, steps, alpha=0.1)
        trainer = partial(
            learning.fit,
            logit,
            jax.tree.map(lambda x: jnp.asarray(x)[None], data),
            partial(gradient, cell, config.dt, LOOSE if stage == "spikes" else None),
            optimizer=optax.adam(schedule, b2=0.95),
            epochs=steps,
            batch_size=1,
            key=key(config.seed, "unused"),
        )
        logit = run.fit(f"{cell.name}/{stage}", trainer).model
        seconds += float(np.median(run.seconds(f"{cell.name}/{stage}"))) * steps / config.seeds
    finish = finisher(cell, config.dt, config.final_steps)
    ends = [
        run.stage(f"{cell.name}/final/seed-{config.seed + n}", partial(finish, start, data))
        for n, start in enumerate(np.asarray(logit).T)
    ]
    return np.array([end["unit"] for end in ends]).T, {
        "loss": [end["loss"] for end in ends],
        "seconds": seconds + float(np.median([end["seconds"] for end in ends])),
    }


def finisher(cell: Cell, dt: float, steps: int) -> Any:
    """Levenberg and Marquardt's method from one point, [parameter] logits, first with loose errors
    in time. The Jacobian is taken forward, one tangent a parameter."""

    @eqx.filter_jit
    def solve(logit: Any, data: Any) -> Any:
        def errors(logit: Any, data: Any, slack: float) -> Any:
            unit = jax.nn.sigmoid(logit)[:, None]
            return forcing.residuals(cell, unit, data, dt, slack)[:, 0]

        solver = optx.LevenbergMarquardt(rtol=1e-4, atol=1e-4)
        for slack in (LOOSE, LOOSE**0.5, 1.0):
            found = optx.least_squares(
                partial(errors, slack=slack),
                solver,
                logit,
                args=data,
                max_steps=steps // 3,
                throw=False,
            )
            logit = found.value
        return jax.nn.sigmoid(logit), (errors(logit, data, 1.0) ** 2).sum()

    def finish(logit: np.ndarray, data: Any) -> dict[str, Any]:
        data = jax.tree.map(jnp.asarray, data)
        begin = time.perf_counter()
        unit, loss = jax.block_until_ready(solve(jnp.asarray(logit), data))
        return {
            "unit": np.asarray(unit, np.float64),
            "loss": float(loss),
            "seconds": time.perf_counter() - begin,
        }

    return finish


def gradient(cell: Cell, dt: float, slack: float | None, logit: Any, batch: Any, key: Any) -> Any:
    """Of each seed's loss by its own parameters, at most 1 long."""

    def total(logit: Any) -> Any:
        unit = jax.nn.sigmoid(logit)
        each = forcing.loss(cell, unit, jax.tree.map(lambda x: x[0], batch), dt, slack)
        return each.sum(), each

    slope, each = jax.grad(total, has_aux=True)(logit)
    length = jnp.sqrt((slope**2).sum(axis=0))
    slope = slope / jnp.maximum(length, 1)[None]
    return slope, {"loss": each.mean()} | {f"loss of seed {n}": x for n, x in enumerate(each)}


def lanes_loss(cell: Cell, dt: float) -> Any:
    """The loss at each of many points, [parameter, point], as NumPy's."""

    @eqx.filter_jit
    def of(unit: Any, data: Any) -> Any:
        return forcing.loss(cell, unit, data, dt, slack=1.0)

    def numbers(unit: np.ndarray, data: Any) -> np.ndarray:
        data = jax.tree.map(jnp.asarray, data)
        return np.asarray(of(jnp.asarray(unit, jnp.float32), data), np.float64)

    return numbers


def by_cma(config: Config, run: Run, trace: Trace, cell: Cell) -> tuple[np.ndarray, dict[str, Any]]:
    """CMA-ES on the same loss, from the same starts, for as many evaluations. Source: Hansen 2016,
    The CMA evolution strategy: a tutorial, arXiv:1604.00772, with its defaults."""
    evaluate, data = lanes_loss(cell, config.dt), targets(trace)
    found = [
        run.stage(
            f"{cell.name}/cma/seed-{config.seed + n}",
            partial(one_cma, evaluate, data, start, config.seed + n, config.evaluations(cell)),
        )
        for n, start in enumerate(starts(config, cell).T)
    ]
    return np.array([each["unit"] for each in found]).T, {
        "loss": [each["loss"] for each in found],
        "curve": [each["curve"] for each in found],
        "seconds": float(np.median([each["seconds"] for each in found])),
    }


def one_cma(
    evaluate: Any, data: Any, start: np.ndarray, seed: int, evaluations: int
) -> dict[str, Any]:
    options = {"bounds": [0, 1], "seed": seed + 1, "verbose": -9}  # its seed 0 is the clock's
    search = cma.CMAEvolutionStrategy(start.astype(float), FIRST_STEP, options)
    size = search.popsize
    laps, curve = [], []
    for _ in range(max(1, evaluations // size)):
        points = search.ask()
        before = time.perf_counter()
        losses = evaluate(np.array(points).T, data)
        laps.append(time.perf_counter() - before)
        search.tell(points, losses.tolist())
        curve.append(float(search.result.fbest))
    return {
        "unit": np.asarray(search.result.xbest),
        "loss": float(search.result.fbest),
        "curve": curve,
        "population": size,
        "seconds": float(np.median(laps)) * len(laps),
    }
