"""Forecasting the series of Mackey and Glass: a spiking network beside an LSTM and an echo state
network of equal footprint.

The task is NeuroBench's of tau = 17: 75 values per Lyapunov time of 197, ten of these times to
learn from, and a forecast of the ten that follow, in which a network takes its own forecasts. Its
score is sMAPE. What differs: each network makes ten forecasts, half a Lyapunov time apart, the
first of them NeuroBench's; before each, it takes two Lyapunov times of the true values. And the
series is generated here. As nearby solutions part exponentially, it leaves NeuroBench's file
after some twenty Lyapunov times, so that scores compare with NeuroBench's only loosely.

A seed shifts the series by half a Lyapunov time, as NeuroBench's repetitions do. The validation
split is of values after those of the test.

Source: Yik et al. 2025, Nat. Commun. 16, 1545 (NeuroBench); its code, version 2.3.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import jax.random as jr
import numpy as np

from experiments.runner import ExperimentError, Run, figures
from experiments.train_snn.figures import COLORS
from experiments.train_snn.recipes import Data, Recipe
from experiments.train_snn.series import mackey_glass
from models import forecasting as models

if TYPE_CHECKING:
    from jaxtyping import Array, Float, PRNGKeyArray

    from experiments.train_snn import Config
    from neurojax.metrics import EnergyEstimate

LYAPUNOV_TIME, POINTS = 197.0, 75
"""As NeuroBench has it for tau = 17, in units of the equation's time, and values in it."""
SPAN = 10 * POINTS
"""Values to learn from, and values to forecast."""
CONTEXT = 2 * POINTS
"""True values that a network takes before a forecast."""
FORECASTS, APART = 10, POINTS // 2
TEACHING, ROLLOUT, WASHOUT = 60, 40, 30
"""In training: true values that are taken, forecasts that follow, and steps that do not count."""
WINDOW = 10
"""Last values that the spiking network and the LSTM take; NeuroBench's LSTM takes 50."""
RIDGE = 1e-5


def data(config: Config, seed: int) -> Data:
    """Windows of the span to learn from, and forecasts of ten Lyapunov times with what comes
    before: those of the test begin where that span ends, those of the validation split after them.
    """
    held = config.validation or FORECASTS
    windows = SPAN - TEACHING - ROLLOUT + 1
    if config.train is not None and not config.train <= windows:
        raise ExperimentError(f"--train {config.train} are more than the {windows} windows")
    offset = seed * POINTS // 2
    later = 2 * SPAN + FORECASTS * APART + CONTEXT
    last = later + (held - 1) * APART + SPAN
    times = (offset + np.arange(last + 1)) * LYAPUNOV_TIME / POINTS
    x = mackey_glass(times).astype(np.float32)
    learn = np.lib.stride_tricks.sliding_window_view(x[: SPAN + 1], TEACHING + ROLLOUT + 1)
    held_out = forecasts(x, later, held)
    measured = held_out if config.on == "validation" else forecasts(x, SPAN, FORECASTS)
    return Data(learn[: config.train].copy(), held_out, measured)


def forecasts(x: np.ndarray, first: int, count: int) -> np.ndarray:
    """Values of `count` forecasts of which the first begins after the value at `first`."""
    starts = first + APART * np.arange(count)
    return np.stack([x[start - CONTEXT : start + SPAN + 1] for start in starts])


def smape(forecast: Float[Array, ...], true: Float[Array, ...]) -> Float[Array, ""]:
    """The symmetric mean absolute percentage error, 0 to 200, as NeuroBench has it: 200 where it
    is not a number."""
    apart = jnp.abs(forecast - true) / (jnp.abs(forecast) + jnp.abs(true))
    return jnp.nan_to_num(200 * jnp.mean(apart), nan=200.0)


def loss(
    model: models.Forecaster, windows: Float[Array, "samples time"], key: PRNGKeyArray
) -> tuple[Float[Array, ""], dict[str, Array]]:
    """Mean squared error of forecasts of one step, and of those that go on from themselves."""
    true = windows[:, :-1]
    noisy = true + model.noise * jr.normal(key, true.shape)
    forecast = model(noisy, np.arange(TEACHING + ROLLOUT) < TEACHING)
    error = ((forecast - windows[:, 1:]) / models.SPREAD) ** 2
    taught = jnp.sqrt(error[:, WASHOUT:TEACHING].mean())
    return error[:, WASHOUT:].mean(), {"one step": taught}


def forecast(
    model: models.Forecaster, windows: Float[Array, "samples time"]
) -> Float[Array, "samples _"]:
    """What follows the true values of the context."""
    steps = windows.shape[1] - 1
    return model(windows[:, :-1], np.arange(steps) <= CONTEXT)[:, CONTEXT:]


def evaluate(
    model: models.Forecaster, windows: Float[Array, "samples time"]
) -> dict[str, Float[Array, ""]]:
    """sMAPE, as a fraction, of all forecasts, of the first one (NeuroBench's), and of all up to two
    Lyapunov times."""
    found, true = forecast(model, windows), windows[:, CONTEXT + 1 :]
    near = slice(2 * POINTS)
    return {
        "smape": smape(found, true) / 100,
        "smape of the first": smape(found[0], true[0]) / 100,
        "smape of 2 Lyapunov times": smape(found[:, near], true[:, near]) / 100,
    }


def fitted(model: models.Forecaster, windows: Float[Array, "samples time"]) -> models.Forecaster:
    """The echo state network with its readout, of all values that windows are of."""
    series = jnp.concatenate([windows[:, 0], windows[-1, 1:]])
    return models.ridge_readout(model, series, ridge=RIDGE, washout=POINTS * 6 // 10)


def energy(model: models.Forecaster, windows: Float[Array, "samples time"]) -> EnergyEstimate:
    """What a forecast takes, with its context."""
    import neurojax as nj

    given = np.arange(windows.shape[1] - 1) <= CONTEXT
    return nj.energy(model.network, model.inputs(windows[:, :-1], given))


def draw(run: Run, trained: Mapping[str, Any], windows: Float[Array, "samples time"]) -> None:
    """The first forecast of each network, and the error of all by how far ahead they are."""
    true = windows[:, CONTEXT + 1 :]
    ahead = np.arange(1, SPAN + 1) / POINTS
    found = {name: forecast(model, windows) for name, model in trained.items()}
    found["persistence"] = jnp.broadcast_to(windows[:, CONTEXT, None], true.shape)
    figure, (series, errors) = figures.panels(2, "forecasts that go on from themselves", 6.4)
    series.plot(ahead, true[0], color="0.2", linewidth=2.5, label="series")
    for (name, values), color in zip(found.items(), (*COLORS, "0.6"), strict=False):
        if name in trained:
            series.plot(ahead, values[0], color=color, label=name)
        by_time = [
            float(smape(values[:, start : start + POINTS], true[:, start : start + POINTS]))
            for start in range(0, SPAN, POINTS)
        ]
        errors.plot(np.arange(SPAN // POINTS) + 0.5, by_time, color=color, marker=".", label=name)
    series.set(xlabel="time ahead (Lyapunov times)", ylabel="x", ylim=(0.2, 1.5))
    series.legend(frameon=False, ncols=4, loc="upper left")
    errors.set(xlabel="time ahead (Lyapunov times)", ylabel="sMAPE of a Lyapunov time (%)")
    errors.legend(frameon=False)
    run.figure("forecasts", figure)


MACKEY_GLASS = Recipe(
    networks={
        "spiking": lambda key: models.spiking(570, 16, WINDOW, key, tau_m=(1.0, 10.0), noise=0.01),
        "lstm": lambda key: models.lstm(74, WINDOW, key, noise=0.003),
        "echo state": lambda key: models.echo_state(157, key),
    },
    data=data,
    loss=loss,
    evaluate=evaluate,
    epochs=350,
    batch_size=32,
    learning_rate=5e-3,
    score="smape",
    energy=energy,
    draw=draw,
    closed_form={"echo state": fitted},
)
