"""Two ways to the conductances with the least loss: along its gradient, and without one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import cma
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from experiments.fit_dendrite.problem import Problem, soma_voltage, with_conductances
from experiments.runner import Run, key
from neurojax import learning
from neurojax.dendrites import Cell

if TYPE_CHECKING:
    from experiments.fit_dendrite import Config

FIRST_STEP = 0.3  # CMA-ES's first standard deviation, about what the start is off by


class Loss(eqx.Module):
    """Mean square of the voltage's error (mV²) under currents and a pull to the target."""

    cell: Cell
    dt: float = eqx.field(static=True)
    resistance: float = eqx.field(static=True)

    def __call__(self, log_g: Any, data: Any, key: Any) -> tuple[Float[Array, ""], dict[str, Any]]:
        return jnp.mean(self.errors(log_g, data) ** 2), {}

    def errors(self, log_g: Any, data: Any) -> Float[Array, "current step"]:
        current, voltage = data
        found = soma_voltage(
            with_conductances(self.cell, log_g),
            current,
            self.dt,
            pulled_to=voltage,
            resistance=self.resistance,
        )
        return found - voltage


def loss_of(config: Config, problem: Problem) -> tuple[Loss, tuple[Array, Array]]:
    loss = Loss(problem.cell, config.dt, config.coupling)
    return loss, (jnp.asarray(problem.current), jnp.asarray(problem.voltage))


def by_gradients(config: Config, run: Run, problem: Problem) -> dict[str, Any]:
    """Adam. Returns the log conductances and the loss before each step and after the last."""
    loss, data = loss_of(config, problem)
    schedule = optax.cosine_decay_schedule(config.learning_rate, config.steps, alpha=0.05)
    trainer = partial(
        learning.fit,
        jnp.asarray(problem.start, jnp.float32),
        data,
        learning.by_backprop(loss),
        # A short memory of the gradient's size: it falls by orders of magnitude on the way.
        optimizer=optax.adam(schedule, b2=0.95),
        epochs=config.steps,
        batch_size=config.currents,
        key=key(config.seed, "unused"),
    )
    fit = run.fit(f"gradients/seed-{problem.seed}", trainer)
    losses = [record["train/loss"] for record in fit.history]
    last = float(eqx.filter_jit(loss)(fit.model, data, None)[0])
    return {"log_g": np.asarray(fit.model), "curve": [*losses, last]}


def by_cma(config: Config, run: Run, problem: Problem) -> dict[str, Any]:
    """CMA-ES on the same loss, from the same start, for as many simulations. Returns the log
    conductances and the best loss after each generation. Source: Hansen 2016, The CMA evolution
    strategy: a tutorial, arXiv:1604.00772, with its defaults."""
    loss, data = loss_of(config, problem)
    shape = problem.start.shape

    @eqx.filter_jit
    def of(points: Any, data: Any, loss: Loss) -> Any:
        return jax.vmap(lambda log_g: loss(log_g, data, None)[0])(points)

    options = {"seed": problem.seed + 1, "verbose": -9}  # its seed 0 is the clock's
    search = cma.CMAEvolutionStrategy(problem.start.ravel(), FIRST_STEP, options)
    curve = []
    for _ in range(max(1, config.simulations // search.popsize)):
        points = search.ask()
        stacked = jnp.asarray(np.reshape(points, (-1, *shape)), jnp.float32)
        values = np.asarray(of(stacked, data, loss), np.float64)
        search.tell(points, np.nan_to_num(values, nan=np.inf).tolist())
        curve.append(float(search.result.fbest))
    best = np.asarray(search.result.xbest).reshape(shape)
    return {"log_g": best, "curve": curve, "population": search.popsize}
