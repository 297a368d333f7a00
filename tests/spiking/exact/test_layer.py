"""A layer by the clock and by events: what arrives where and when; more of it is in
test_spike_times.py."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj
from neurojax.neurons import CurrentLIF
from neurojax.spiking import Layer, run, sequential, spike_times

DT = 0.1
WEIGHTS = np.random.default_rng(0).normal(1.0, 0.5, (3, 4))
RASTER = (np.random.default_rng(1).random((200, 3)) < 0.02).astype(np.float32)


def cells(**parameters):
    return CurrentLIF((4,), tau_m=10.0, tau_syn=5.0, refractory=2.0, **parameters)


def raster(run: nj.Solution) -> np.ndarray:
    spikes: Any = run.spikes
    return spikes.raster()


def test_spikes_reach_the_neurons_through_the_weights():
    """The layer is its neurons, given their weighted input by hand."""
    settings = {"t1": 20.0, "dt": DT, "record": ["v", "spikes"]}
    layered = nj.simulate(Layer(cells(), WEIGHTS), 0.1, incoming=RASTER, **settings)
    by_hand = nj.simulate(cells(), 0.1, incoming=RASTER @ WEIGHTS.astype(np.float32), **settings)

    assert by_hand.spikes.counts().sum() > 4
    np.testing.assert_array_equal(raster(layered), raster(by_hand))
    np.testing.assert_allclose(layered["v"], by_hand["v"], atol=1e-6)


@pytest.mark.parametrize("convention", ["brian2", "nest"])
def test_own_spikes_are_delivered_at_the_end_of_their_step(convention):
    """Neuron 0 is driven and excites neuron 2, whose current is the weight at the next sample."""
    recurrent = np.zeros((4, 4))
    recurrent[0, 2] = 0.7
    layer = Layer(cells(convention=convention), WEIGHTS, recurrent)
    drive = jnp.array([1.5, 0.0, 0.0, 0.0])
    run = nj.simulate(layer, drive, t1=30.0, dt=DT, record=["i_syn", "spikes"])

    step = int(np.argmax(raster(run)[:, 0]))
    assert raster(run).sum(0)[0] >= 1 and raster(run)[:, 1:].sum() == 0
    current = np.asarray(run["i_syn"])
    np.testing.assert_array_equal(current[: step + 1], 0.0)
    np.testing.assert_allclose(current[step + 1], [0.0, 0.0, 0.7, 0.0], rtol=1e-6)


def test_by_the_clock_spikes_come_to_those_of_the_closed_form():
    """The error of a clocked spike is its step and what it adds to the following ones': here up to
    five in a row, each within a step."""
    rng = np.random.default_rng(3)
    layer = Layer(cells(), 5 * WEIGHTS, rng.normal(0.0, 0.5, (4, 4)))
    arrivals = jnp.array([1.0, 4.0, 9.0])
    exact = np.asarray(spike_times(layer, arrivals, 25.0, max_spikes=20).times)
    incoming = nj.core.Arrivals(arrivals, jnp.eye(3))
    run = nj.simulate(layer, t1=25.0, dt=0.01, incoming=incoming, record=["spikes"])
    assert np.isfinite(exact).sum() > 8
    for neuron in range(4):
        expected = exact[np.isfinite(exact[:, neuron]), neuron]
        np.testing.assert_allclose(run.spikes.of(neuron), expected, atol=0.05)


def test_weights_of_both_kinds_are_trained_by_surrogates_and_layers_can_be_vmapped():
    layer = Layer(cells(), WEIGHTS, np.full((4, 4), 0.2))

    @jax.jit
    def gradients(layer, rasters):
        def spikes(layer, raster):
            run = nj.simulate(layer, t1=20.0, dt=DT, incoming=raster, record={"n": nj.SpikeCount()})
            return run["n"].sum()

        return jax.vmap(jax.grad(spikes), in_axes=(None, 0))(layer, rasters)

    two = jnp.stack([jnp.asarray(RASTER), jnp.asarray(RASTER[::-1].copy())])
    both = gradients(layer, two)
    for slope in (both.weights, both.recurrent):
        assert slope.shape[0] == 2 and np.all(np.isfinite(slope)) and np.abs(slope).max() > 0
    assert not np.allclose(both.weights[0], both.weights[1])


def test_any_spiking_system_that_spikes_can_arrive_at():
    """To LIF neurons weights are jumps of the potential."""
    layer = Layer(nj.LIF((2,), tau_m=10.0), [[0.4, 1.2]])
    incoming = nj.core.Arrivals([5.0], [[1.0]])
    run = nj.simulate(layer, t1=10.0, dt=DT, incoming=incoming, record=["v", "spikes"])
    np.testing.assert_array_equal(run.spikes.counts(), [0, 1])
    np.testing.assert_allclose(run["v"][51], [0.4, 1.2], rtol=1e-6)


@pytest.mark.usefixtures("x64")
def test_by_events_any_neuron_is_delivered_to_at_the_spike_and_differentiable_through_it():
    """LIF neuron 0 spikes at tau ln E, E = I/(I − 1), and lifts neuron 1, at 1.1 (1 − exp(−t/tau)),
    by w: that one spikes at tau ln((1.1 − w E) / 0.1)."""

    @jax.value_and_grad
    def second_spike(inputs):
        current, weight = inputs
        recurrent = jnp.zeros((2, 2)).at[0, 1].set(weight)
        layer = Layer(nj.LIF((2,), tau_m=10.0, refractory=50.0), jnp.zeros((1, 2)), recurrent)
        drive = jnp.stack([current, jnp.full_like(current, 1.1)])
        return nj.simulate(layer, drive, t1=25.0, max_spikes=2, record=["v"]).spikes.times[1]

    time, (to_current, to_weight) = second_spike((jnp.array(1.2), jnp.array(0.05)))
    # The solver's rtol of 1e-10 over slopes of 0.02 per ms, and what the first adds to the second.
    np.testing.assert_allclose(time, 10 * np.log(8), rtol=1e-8)
    np.testing.assert_allclose(to_weight, -10 * 6 / 0.8, rtol=1e-6)
    np.testing.assert_allclose(to_current, 10 * 0.05 * 25 / 0.8, rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (("LIF", WEIGHTS), TypeError, "neuron"),
        (
            (cells(), WEIGHTS.T),
            ValueError,
            r"weights of shape \(4, 3\) need neurons of shape \(3,\)",
        ),
        ((CurrentLIF(), WEIGHTS), ValueError, r"got shape \(\)"),
        ((cells(), WEIGHTS[0]), ValueError, r"weights of shape \(4,\)"),
        ((cells(), WEIGHTS, WEIGHTS), ValueError, r"recurrent must have shape \(4, 4\)"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, error, said):
    with pytest.raises(error, match=said):
        Layer(*arguments)


def test_as_a_node_it_takes_arriving_spikes():
    """One layer for each sample, and the same as `simulate` gives for that sample's spikes."""
    layer = Layer(cells(), 10 * WEIGHTS)
    spikes = jnp.stack([jnp.asarray(RASTER), jnp.flip(jnp.asarray(RASTER), 0)], 1).astype(float)
    output = run(sequential(layer), spikes, dt=DT).output
    assert output.shape == (len(RASTER), 2, 4) and output.sum() > 4
    for sample in range(2):
        alone = nj.simulate(
            layer, 0.0, incoming=spikes[:, sample], t1=len(RASTER) * DT, dt=DT, record=["spikes"]
        )
        np.testing.assert_array_equal(output[:, sample], raster(alone))
