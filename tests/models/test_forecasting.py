"""Forecasters against Equinox's LSTM, the echo state network's equations and least squares."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from models import forecasting as models
from neurojax import spiking
from neurojax.metrics import footprint

SERIES = jnp.asarray(0.9 + 0.3 * np.sin(0.4 * np.arange(80))[None] ** 3, jnp.float32)
BUILDS = {
    "spiking": lambda key: models.spiking(20, 4, 3, key, tau_m=(1.0, 10.0)),
    "lstm": lambda key: models.lstm(6, 3, key),
    "echo state": lambda key: models.ridge_readout(
        models.echo_state(20, key), SERIES[0], ridge=1e-4, washout=20
    ),
}


@pytest.mark.parametrize("name", BUILDS)
def test_a_forecast_goes_on_from_itself(name):
    """It is what comes out where each forecast is handed back as the next value."""
    model = BUILDS[name](jr.key(1))
    given = np.arange(60) < 40
    alone = model(SERIES[:, :60], given)
    handed_back = jnp.concatenate([SERIES[:, :40], alone[:, 39:-1]], axis=1)
    np.testing.assert_allclose(model(handed_back, np.ones(60, bool)), alone, atol=1e-5)
    assert not np.allclose(
        alone[:, 41:], model(SERIES[:, :60], np.ones(60, bool))[:, 41:], atol=1e-3
    )
    elsewhere = SERIES[:, :60].at[:, 40:].set(0.1)
    np.testing.assert_array_equal(model(elsewhere, given), alone)


def test_neurons_spike_and_see_the_last_values():
    model = models.spiking(20, 4, 3, jr.key(0), tau_m=(1.0, 10.0))
    inputs = model.inputs(SERIES, np.ones(80, bool))
    seen = spiking.run(model.network, inputs, record=["window", "neurons"]).recorded
    scaled = (np.asarray(SERIES[0]) - models.CENTRE) / models.SPREAD
    np.testing.assert_allclose(seen["window"][9, 0], scaled[[9, 8, 7]], rtol=1e-5)
    assert set(np.unique(seen["neurons"])) == {0.0, 1.0}


def test_lstm_is_that_of_equinox():
    model = models.lstm(6, 3, jr.key(0))
    cell = eqx.nn.LSTMCell(3, 6, key=jr.split(jr.key(0))[0])
    names = ["window", "cells"]
    seen = spiking.run(
        model.network, model.inputs(SERIES, np.ones(80, bool)), record=names
    ).recorded
    state = (jnp.zeros(6), jnp.zeros(6))
    for x, hidden in zip(seen["window"][:, 0], seen["cells"][:, 0], strict=True):
        state = cell(x, state)
        np.testing.assert_allclose(hidden, state[0], atol=1e-6)
    # Besides, the readout's 7 weights, and the delays of the window and of the value.
    assert footprint(model) == footprint((cell, np.zeros(7, np.float32), np.zeros(4, np.int32)))


def test_reservoir_is_that_of_the_equations():
    model = models.echo_state(30, jr.key(3), spectral_radius=0.9, density=0.2, leakage=0.4)
    nodes = model.network.nodes
    weights, into = (np.asarray(nodes[n].module.weight) for n in ("recurrent", "input"))
    offset = np.asarray(nodes["input"].module.bias)
    assert np.abs(np.linalg.eigvals(weights)).max() == pytest.approx(0.9, rel=1e-5)
    assert 0.1 < np.mean(weights != 0) < 0.3
    assert np.abs(into).max() <= 1
    assert np.abs(offset).max() <= 0.9
    seen = spiking.run(model.network, model.inputs(SERIES, np.ones(80, bool)), record=["reservoir"])
    r = np.zeros(30)
    for x, found in zip(np.asarray(SERIES[0]), seen.recorded["reservoir"][:, 0], strict=True):
        u = (x - models.CENTRE) / models.SPREAD
        r = 0.6 * r + 0.4 * np.tanh(weights @ r + into[:, 0] * u + offset)
        np.testing.assert_allclose(found, r, atol=1e-5)


def test_ridge_readout_is_least_squares():
    """Of the equations of the states and, with a right side of zero, √ridge times each weight."""
    model = models.echo_state(10, jr.key(3))
    ridge, washout = 0.01, 15
    inputs = model.inputs(SERIES[:, :-1], np.ones(79, bool))
    seen = spiking.run(model.network, inputs, record=["seen"]).recorded["seen"][washout:, 0]
    states = np.concatenate([seen, np.ones((len(seen), 1))], axis=1, dtype=float)
    due = np.diff(np.asarray(SERIES[0], float))[washout:] / models.SPREAD
    lines = np.concatenate([states, ridge**0.5 * np.eye(12)])
    best = np.linalg.lstsq(lines, np.concatenate([due, np.zeros(12)]))[0]
    fitted = models.ridge_readout(model, SERIES[0], ridge=ridge, washout=washout)
    layer = fitted.network.nodes["difference"].module
    np.testing.assert_allclose(np.append(layer.weight[0], layer.bias), best, rtol=1e-4, atol=1e-6)
    forecast = fitted(SERIES[:, :-1], np.ones(79, bool))[0, washout:]
    due = SERIES[0, washout:-1] + models.SPREAD * jnp.asarray(states @ best, jnp.float32)
    np.testing.assert_allclose(forecast, due, atol=1e-5)


@pytest.mark.parametrize("name", ["spiking", "lstm"])
def test_gradients_reach_all_weights(name):
    model = BUILDS[name](jr.key(0))

    def error(model):
        return jnp.mean((model(SERIES[:, :-1], np.arange(79) < 50) - SERIES[:, 1:]) ** 2)

    slope = eqx.filter_grad(error)(model)
    layers = [x.module for x in slope.network.nodes.values() if hasattr(x.module, "weight")]
    assert len(layers) == {"spiking": 4, "lstm": 3}[name]
    assert all(np.any(x != 0) for layer in layers for x in jax.tree.leaves(layer))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda key: models.spiking(20, 6, 3, key, tau_m=(1.0, 9.0)), "multiple of 4, got 6"),
        (lambda key: models.spiking(20, 4, 0, key, tau_m=(1.0, 9.0)), "window must be positive"),
        (lambda key: models.spiking(20, 4, 3, key, tau_m=(-1.0, 9.0)), "tau_m"),
        (lambda key: models.lstm(0, 3, key), "hidden must be positive"),
        (lambda key: models.echo_state(20, key, leakage=1.0), "leakage must be .* got 1.0"),
        (lambda key: models.echo_state(20, key, density=-0.1), "density must be positive"),
        (lambda key: models.echo_state(3, key, density=1e-9), "leaves no loop"),
        (
            lambda key: models.ridge_readout(
                models.echo_state(9, key), SERIES[0], ridge=0.0, washout=9
            ),
            "ridge must be positive",
        ),
        (
            lambda key: models.ridge_readout(
                models.echo_state(9, key), SERIES[0], ridge=1.0, washout=79
            ),
            "less than the 79 steps, got 79",
        ),
    ],
)
def test_wrong_numbers(build, message):
    with pytest.raises(ValueError, match=message):
        build(jr.key(0))
