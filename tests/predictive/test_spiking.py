"""Predictive coding with spikes: its limit of rates, a closed form, and what it learns."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

import neurojax as nj
from neurojax import learning
from neurojax.core import Integral, SpikeCount
from neurojax.neurons import LIF, EscapeNoise
from neurojax.predictive import (
    ErrorTimesActivity,
    FiringRateHierarchy,
    SpikingHierarchy,
    at_rest,
    firing_rate,
    responses,
    uniform_weights,
)

WIDTHS = (4, 6, 3)
KINDS = pytest.mark.parametrize("kind", [SpikingHierarchy, FiringRateHierarchy])


@pytest.mark.usefixtures("x64")
def test_firing_rate_is_that_of_the_simulated_neuron():
    current = jnp.array([0.0, 0.4, 0.7, 1.5, 4.0])
    neuron = LIF((5,), tau_m=15.0, v_rest=0.5, v_reset=-0.2, refractory=2.0)
    sol = nj.simulate(neuron, current, t1=2000.0, dt=0.01, record={"n": SpikeCount()})
    np.testing.assert_allclose(sol["n"] / 2000, firing_rate(neuron, current), atol=1 / 2000)
    assert sol["n"][1] == 0 < sol["n"][2]


def steep(**how):
    """Neurons that fire so often that φ is nearly a rectifier."""
    neuron = LIF(v_rest=1.0, resistance=1e5)
    return {"value": neuron, "error": neuron, "softness": 1e-3} | how


@pytest.mark.usefixtures("x64")
def test_rates_settle_where_linear_predictive_coding_does(getkey):
    """With all currents above zero: `a = (1 + WᵀW)⁻¹ (V x + Wᵀ y)`, solved by NumPy."""
    V, W = (np.asarray(jr.uniform(getkey(), shape)) for shape in ((6, 4), (3, 6)))
    x, y = np.asarray(jr.uniform(getkey(), (4,))) + 0.5, np.array([4.0, 5.0, 6.0])
    drive = {"input": jnp.asarray(x), "target": jnp.asarray(y)}
    model = FiringRateHierarchy((V, W), **steep())
    sol = nj.simulate(model, drive, t1=400.0, dt=0.5, record=())
    a = np.linalg.solve(np.eye(6) + W.T @ W, V @ x + W.T @ y)
    assert a.min() > 0
    np.testing.assert_allclose(sol.final.state.a[0], a, rtol=1e-3)
    hidden, output = model.errors(sol.final.state, drive)
    np.testing.assert_allclose(output, y - W @ a, atol=2e-3)
    np.testing.assert_allclose(hidden, W.T @ (y - W @ a), atol=2e-3)


@pytest.mark.usefixtures("x64")
def test_untaught_rates_are_a_feedforward_network(getkey):
    weights = uniform_weights(WIDTHS, getkey())
    x = jr.uniform(getkey(), (5, WIDTHS[0]))
    end = responses(FiringRateHierarchy(weights, **steep()), x, settle=300.0)
    due = np.maximum(np.maximum(x @ weights[0].T, 0) @ weights[1].T, 0)
    np.testing.assert_allclose(end, due, atol=1e-3)


def test_spikes_on_average_are_rates(getkey):
    """Currents, activities and errors, with a target. They differ by the ripple of filtered spikes
    and the clock's step, most where a current is near threshold and its curve steep."""
    weights = uniform_weights(WIDTHS, getkey())
    x, y = jr.uniform(getkey(), (5, 4)), jr.uniform(getkey(), (5, 3))
    drive = {"input": x, "target": y}

    def mean(model):
        parts = lambda t, s: (model.currents(s), model.activities(s, x), model.errors(s, drive))  # noqa: E731
        state = at_rest(model, 5)
        for record in ((), {"mean": Integral(parts)}):
            sol = nj.simulate(model, drive, t1=600.0, dt=0.2, state=state, record=record)
            state = sol.final.state
        return jax.tree.leaves(jax.tree.map(lambda total: total / 600.0, sol["mean"]))

    for a, b in zip(
        mean(SpikingHierarchy(weights)), mean(FiringRateHierarchy(weights)), strict=True
    ):
        assert float(jnp.abs(a - b).max()) < 0.1
        assert float(jnp.vdot(a, b) / jnp.linalg.norm(a) / jnp.linalg.norm(b)) > 0.99


@KINDS
def test_the_update_is_error_times_activity(getkey, kind):
    """Of averages over the window, taken here from a recording of the same phases."""
    model = kind(uniform_weights(WIDTHS, getkey()))
    x, y = jr.uniform(getkey(), (5, 4)), jr.uniform(getkey(), (5, 3))
    rule = ErrorTimesActivity(untaught=30.0, settle=20.0, window=40.0)
    gradient, metrics = rule(model, (x, y))

    state, both = at_rest(model, 5), {"input": x, "target": y}
    for drive, t1 in (({"input": x}, 30.0), (both, 20.0)):
        state = nj.simulate(model, drive, t1=t1, dt=1.0, state=state, record=()).final.state
    parts = lambda t, s: (model.errors(s, both), model.activities(s, x))  # noqa: E731
    sol = nj.simulate(model, both, t1=40.0, dt=1.0, state=state, record={"parts": parts})
    last = parts(0.0, sol.final.state)
    errors, heard = jax.tree.map(
        lambda each, end: np.concatenate([each[1:], end[None]]).mean(axis=0), sol["parts"], last
    )
    for change, e, r in zip(gradient.weights, errors, heard, strict=False):
        np.testing.assert_allclose(change, -np.einsum("sp,sq->pq", e, r) / 5, atol=1e-5)
    np.testing.assert_allclose(metrics["error"], np.mean(errors[-1] ** 2), rtol=1e-4)
    rest = eqx.tree_at(lambda m: m.weights, gradient, ())
    assert not any(jnp.any(each) for each in jax.tree.leaves(rest))


def test_one_sample_spikes_as_in_a_batch(getkey):
    model = SpikingHierarchy(uniform_weights(WIDTHS, getkey()))
    x = jr.uniform(getkey(), (3, 4))
    how = {"t1": 100.0, "dt": 1.0, "record": {"n": SpikeCount()}}
    batch = nj.simulate(model, {"input": x}, state=at_rest(model, 3), **how)["n"]
    one = nj.simulate(model, {"input": x[1]}, **how)["n"]
    assert batch.shape == (3, 4 + 6 + 3 + 2 * 3)
    np.testing.assert_array_equal(batch[1], one)
    assert one[:4].min() > 0


@KINDS
def test_exclusive_or_is_learned(getkey, kind):
    x = jnp.array([[0.0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
    y = jnp.array([[1.0, 0], [0, 1], [0, 1], [1, 0]])
    model = kind(uniform_weights((3, 20, 2), getkey()))
    rule = ErrorTimesActivity()
    weights = eqx.tree_at(lambda m: m.weights, jax.tree.map(lambda _: False, model), (True, True))
    how = {"optimizer": optax.adam(0.01), "epochs": 100, "batch_size": 4, "key": getkey()}
    fit = learning.fit(model, (x, y), rule, trainable=weights, **how)
    assert fit.history[-1]["train/error"] < 0.2 * fit.history[0]["train/error"]
    np.testing.assert_array_equal(responses(fit.model, x).argmax(1), y.argmax(1))


@KINDS
def test_what_is_refused(kind):
    weights = (np.zeros((6, 4)), np.zeros((3, 6)))
    with pytest.raises(ValueError, match=r"weights of shapes \(6, 4\) and \(3, 5\)"):
        kind((weights[0], np.zeros((3, 5))))
    with pytest.raises(ValueError, match="weights needs a matrix"):
        kind(())
    with pytest.raises(ValueError, match="tau must be positive, got 0"):
        kind(weights, tau=0.0)
    with pytest.raises(ValueError, match=r"value must be of shape \(\)"):
        kind(weights, value=LIF((2,)))
    with pytest.raises(ValueError, match="error must be of shape"):
        kind(weights, error=LIF(escape=EscapeNoise()))
    with pytest.raises(ValueError, match="v_threshold − v_reset must be positive, got -1"):
        kind(weights, error=LIF(v_reset=2.0))
    with pytest.raises(ValueError, match="widths must be"):
        uniform_weights((3, 0), jr.key(0))
    with pytest.raises(ValueError, match="window must be positive, got 0"):
        ErrorTimesActivity(window=0.0)
    model = kind(weights)
    for drive, message in (
        ({"target": np.zeros(3)}, "'input'"),
        ({"input": np.zeros(4), "output": np.zeros(3)}, "'input' and perhaps 'target'"),
        ({"input": np.zeros(5)}, r"drive\['input'\] has shape \(5,\), for 4"),
        (1.0, "must be a dict"),
    ):
        with pytest.raises(ValueError, match=message):
            nj.simulate(model, drive, t1=1.0, dt=0.5)
