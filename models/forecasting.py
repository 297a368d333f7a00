"""Forecasters of a series, one value after the other: a spiking network, an LSTM and an echo state
network.

Each takes a value, keeps what it remembers, and gives by how much the next value differs. Values
that are not given are its own forecasts: a forecast goes on from itself for as long as is asked
for. The three share all but what lies between the value and the difference.
"""

from collections.abc import Mapping, Sequence
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Float, Key

import neurojax as nj
from neurojax.core import positive
from neurojax.spiking import Delay, Node, Previous, SpikingNetwork, arctan, run

CENTRE, SPREAD = 0.9, 0.25
"""The mean of the values of Mackey and Glass's series and their standard deviation, about."""
READOUT_TAU_M = (0.1, 1.0, 3.0, 10.0)
"""Of the membranes that read spikes out, in steps, as many of each; the first is of one step."""

Single = Float[Array, "1"]


@final
class Forecaster(eqx.Module):
    """`network` of what was given, and whether it was, gives each next value.

    `noise` is the standard deviation of what training adds to the values that are given.
    """

    network: SpikingNetwork
    noise: float = eqx.field(static=True, default=0.0)

    def __call__(
        self, series: Float[Array, "samples time"], given: Bool[Array | np.ndarray, " time"]
    ) -> Float[Array, "samples time"]:
        """At each step the value of the next: of the series where `given` is 1, of the forecast
        before where it is 0, which it must not be at first."""
        return run(self.network, self.inputs(series, given)).output.T

    def inputs(
        self, series: Float[Array, "samples time"], given: Bool[Array | np.ndarray, " time"]
    ) -> dict[str, Float[Array, "time samples"]]:
        """What the network takes."""
        each = jnp.broadcast_to(jnp.asarray(given, series.dtype)[:, None], series.T.shape)
        return {"series": series.T, "given": each}


def spiking(
    neurons: int,
    readouts: int,
    window: int,
    key: Key[Array, ""],
    *,
    tau_m: tuple[float, float],
    noise: float = 0.0,
) -> Forecaster:
    """Adaptive integrate-and-fire neurons that take the last `window` values, and leaky membranes
    that take their spikes.

    `readouts`, a multiple of four, of the membranes are the network's memory: they drive the
    neurons in the next step, which is a recurrent weight matrix of that rank, and their weighted
    sum is the forecast difference. Membrane time constants of the neurons are from `tau_m[0]` to
    `tau_m[1]` steps, evenly on a logarithmic scale.

    Raises `ValueError` for sizes that do not fit.
    Source: Bellec et al. 2018, NeurIPS 31, for the neurons; Eliasmith & Anderson 2003, Neural
    Engineering, ch. 8, for recurrence through what is decoded.
    """
    positive("forecasting.spiking", neurons=neurons, readouts=readouts, window=window)
    if readouts % len(READOUT_TAU_M):
        raise ValueError(f"forecasting.spiking: readouts must be a multiple of 4, got {readouts}.")
    keys = jr.split(key, 6)
    spread = jnp.geomspace(tau_m[0], tau_m[1], neurons)
    neuron = nj.neurons.AdaptiveLIF(
        shape=(neurons,),
        tau_m=jr.permutation(keys[0], spread),
        tau_theta=30.0,
        delta_theta=0.2,
        soft_reset=True,
        surrogate=arctan(),
    )
    slow = jnp.repeat(jnp.array(READOUT_TAU_M), readouts // len(READOUT_TAU_M))
    membranes = nj.neurons.LeakyIntegrator(shape=(readouts,), tau_m=slow)
    encoder = _drawn(window, neurons, keys[1], 1.5)
    bias = jr.uniform(keys[2], (neurons,), minval=-0.5, maxval=2.0)
    return _closed(
        {
            **_last(window),
            "encoder": Node(eqx.tree_at(lambda layer: layer.bias, encoder, bias), "window"),
            "feedback": Node(
                _drawn(readouts, neurons, keys[3], 1.0, bias=False), Previous("memory")
            ),
            "neurons": Node(neuron, "encoder", "feedback"),
            "decoder": Node(_drawn(neurons, readouts, keys[4], 1.0), "neurons"),
            "memory": Node(membranes, "decoder"),
            "difference": Node(_drawn(readouts, 1, keys[5], 1.0, bias=False), "memory"),
        },
        noise,
    )


@final
class MemoryCell(nj.System):
    """The memory of `hidden` LSTM cells: it takes the input, forget, cell and output gates before
    their sigmoids [4 hidden], and gives the hidden state.

    Source: Hochreiter & Schmidhuber 1997; Gers et al. 2000, with the forget gate.
    """

    hidden: int = eqx.field(static=True)

    def initial_state(self, key: Key[Array, ""] | None = None) -> Float[Array, " hidden"]:
        return jnp.zeros(self.hidden)

    def vector_field(self, t: Any, state: Any, drive: Any) -> None:
        return None

    def jump(
        self, clock: Any, state: Float[Array, " hidden"], incoming: Any, key: Any
    ) -> tuple[Float[Array, " hidden"], Float[Array, " hidden"]]:
        enters, stays, new, leaves = jnp.split(incoming, 4)
        state = jax.nn.sigmoid(stays) * state + jax.nn.sigmoid(enters) * jnp.tanh(new)
        return state, jax.nn.sigmoid(leaves) * jnp.tanh(state)


def lstm(hidden: int, window: int, key: Key[Array, ""], *, noise: float = 0.0) -> Forecaster:
    """One layer of LSTM cells that take the last `window` values, with the initial weights of
    `eqx.nn.LSTMCell`. Raises `ValueError` for sizes that are not positive."""
    positive("forecasting.lstm", hidden=hidden, window=window)
    keys = jr.split(key)
    cell = eqx.nn.LSTMCell(window, hidden, key=keys[0])
    return _closed(
        {
            **_last(window),
            "input": Node(_linear(cell.weight_ih, cell.bias), "window"),
            "recurrent": Node(_linear(cell.weight_hh), Previous("cells")),
            "cells": Node(MemoryCell(hidden), "input", "recurrent"),
            "difference": Node(eqx.nn.Linear(hidden, 1, key=keys[1]), "cells"),
        },
        noise,
    )


def echo_state(
    neurons: int,
    key: Key[Array, ""],
    *,
    spectral_radius: float = 1.2,
    density: float = 0.15,
    leakage: float = 0.5,
    bias: float = 0.9,
) -> Forecaster:
    """A random reservoir of leaky tanh units, `r ← (1 − leakage) r + leakage tanh(W r + w x + b)`,
    of which `ridge_readout` learns the difference.

    A share `density` of W is not zero and normal, W's eigenvalues reach `spectral_radius`, w is
    uniform up to 1 and b up to `bias` in magnitude.

    Raises `ValueError` for a leakage not between 0 and 1, and numbers that are not positive.
    Source: Jaeger 2001, GMD report 148; Lukosevicius 2012, A practical guide to applying echo state
    networks, eqs. 2 and 3.
    """
    positive("forecasting.echo_state", neurons=neurons, radius=spectral_radius, density=density)
    if not 0 < leakage < 1:
        raise ValueError(f"forecasting.echo_state: leakage must be between 0 and 1, got {leakage}.")
    draw = np.random.default_rng(np.asarray(jr.key_data(key)))
    weights = draw.normal(size=(neurons, neurons)) * (draw.random((neurons, neurons)) < density)
    reach = np.abs(np.linalg.eigvals(weights)).max()
    if reach == 0:
        raise ValueError(f"forecasting.echo_state: density {density} leaves no loop, of {neurons}.")
    drawn = (
        draw.uniform(-1, 1, (neurons, 1)),
        draw.uniform(-bias, bias, neurons),
        weights * spectral_radius / reach,
    )
    into, offset, recurrent = (jnp.asarray(x, jnp.float32) for x in drawn)
    leaky = nj.neurons.LeakyIntegrator(shape=(neurons,), tau_m=-1 / np.log1p(-leakage))
    none = _linear(jnp.zeros((1, neurons + 1)), jnp.zeros(1))
    return _closed(
        {
            "input": Node(_linear(into, offset), "centred"),
            "recurrent": Node(_linear(recurrent), Previous("reservoir")),
            "sum": Node(Delay(0), "input", "recurrent"),
            "rate": Node(jnp.tanh, "sum"),
            "reservoir": Node(leaky, "rate"),
            "seen": Node(lambda x, r: jnp.concatenate([x, r]), "centred", "reservoir"),
            "difference": Node(none, "seen"),
        }
    )


def ridge_readout(
    model: Forecaster, series: Float[Array, " time"], *, ridge: float, washout: int
) -> Forecaster:
    """An echo state network whose readout is the best by ridge regression on a series, in double
    precision: the least sum of squared errors of the differences, in units of `SPREAD`, plus
    `ridge` times that of weights and bias. The first `washout` steps are left out.

    Raises `ValueError` for a ridge that is not positive and a washout as long as the series.
    """
    positive("forecasting.ridge_readout", ridge=ridge)
    if not 0 <= washout < len(series) - 1:
        raise ValueError(
            f"forecasting.ridge_readout: washout must be from 0 to less than the {len(series) - 1} "
            f"steps, got {washout}."
        )
    inputs = model.inputs(series[None, :-1], np.ones(len(series) - 1, bool))
    seen = run(model.network, inputs, record=["seen"]).recorded["seen"][washout:, 0]
    states = np.concatenate([np.asarray(seen, np.float64), np.ones((len(seen), 1))], axis=1)
    due = np.diff(np.asarray(series, np.float64))[washout:] / SPREAD
    normal = states.T @ states + ridge * np.eye(states.shape[1])
    weights = jnp.asarray(np.linalg.solve(normal, states.T @ due), jnp.float32)

    def readout(model: Forecaster) -> Any:
        return model.network.nodes["difference"].module

    return eqx.tree_at(readout, model, _linear(weights[None, :-1], weights[-1:]))


def _closed(nodes: Mapping[str, Node], noise: float = 0.0) -> Forecaster:
    """Nodes from "centred" to "difference", in the loop that goes on from its own forecasts."""
    before: dict[str, Node] = {
        "from outside": Node(lambda x, given: given * x, "series", "given"),
        "from itself": Node(lambda x, given: (1 - given) * x, Previous("forecast"), "given"),
        "value": Node(Delay(0), "from outside", "from itself"),
        "centred": Node(centred, "value"),
    }
    last = {"forecast": Node(moved, "value", "difference")}
    network = SpikingNetwork(before | dict(nodes) | last, "forecast", ("series", "given"))
    return Forecaster(network, noise)


def _last(window: int) -> dict[str, Node]:
    """The last so many values, the newest first."""
    return {
        "each": Node(lambda x: jnp.broadcast_to(x, (window,)), "centred"),
        "window": Node(Delay(np.arange(window)), "each"),
    }


def centred(value: Float[Array, ""]) -> Single:
    """In units of `SPREAD` about `CENTRE`."""
    return (value[None] - CENTRE) / SPREAD


def moved(value: Float[Array, ""], difference: Single) -> Float[Array, ""]:
    """The next value."""
    return value + SPREAD * difference[0]


def _drawn(n: int, m: int, key: Key[Array, ""], scale: float, bias: bool = True) -> eqx.nn.Linear:
    """n to m, with weights of a normal distribution whose standard deviation is scale / √n."""
    weights = scale * jr.normal(key, (m, n)) / n**0.5
    return _linear(weights, jnp.zeros(m) if bias else None)


def _linear(weight: Float[Array, "m n"], bias: Float[Array, " m"] | None = None) -> eqx.nn.Linear:
    """A layer of these weights."""
    layer = eqx.nn.Linear(*weight.shape[::-1], use_bias=bias is not None, key=jr.key(0))
    of: Sequence[Any] = [weight] if bias is None else [weight, bias]
    return eqx.tree_at(lambda x: [x.weight, x.bias][: len(of)], layer, of)
