"""The neuron of Gidon et al. 2020 makes an exclusive or, and needs dCaAPs for it."""

import jax.numpy as jnp
import numpy as np
import pytest

from models.dcaap_xor import (
    GATES,
    INPUTS,
    DCaAPNeuron,
    neuron,
    peaks,
    respond,
    trained,
    truth_table,
)


@pytest.mark.parametrize("gate", list(GATES))
def test_set_by_hand_it_is_the_gate(gate):
    np.testing.assert_array_equal(truth_table(neuron(gate)), np.array(GATES[gate], bool))


def test_dcaaps_are_highest_just_above_threshold():
    """Nothing below it, and from it on an exponential of the input (their fig. 2)."""
    g = np.linspace(0.6, 6.0, 40)
    cell = DCaAPNeuron((40,), g_X=g)
    heights = np.asarray(respond(cell, jnp.tile(INPUTS[1], (40, 1)))["dcaap"]).max(axis=0)
    steady = 75 * g / (1 + g)
    fires = steady > 39
    assert 5 < fires.sum() < 40
    np.testing.assert_array_equal(heights > 0, fires)
    assert np.all(np.diff(heights[fires]) < 0)
    # Weak inputs are still settling when the dCaAP peaks.
    expected = np.exp(-(steady[fires] / 39 - 1) / 0.3)
    np.testing.assert_allclose(heights[fires] / heights.max() * expected[0], expected, rtol=0.05)


def test_one_dcaap_in_a_recovery_period():
    cell = DCaAPNeuron((4,), recovery=50.0, v_threshold=jnp.inf)
    dcaap = np.asarray(respond(cell)["dcaap"])[:, 1]
    above = dcaap > 0.5 * dcaap.max()
    assert np.sum(np.diff(above.astype(int)) == 1) == 2  # in 120 ms


def random_cells(count, **settings):
    """`count` neurons with random synapses, onsets and somatic thresholds, each for all inputs."""
    draw = np.random.default_rng(0)

    def each(low, high):
        return np.repeat(draw.uniform(low, high, (count, 1)), 4, axis=1)

    drawn = {"g_X": each(0.8, 2), "g_Y": each(0.8, 2), "onset": each(30, 45)}
    drawn |= {"v_threshold": each(-60, -45), "coupling": each(0.25, 0.45)}
    return DCaAPNeuron(**drawn, **settings)


def is_xor(cells, count):
    table = truth_table(cells, jnp.broadcast_to(INPUTS, (count, 4, 2))).reshape(count, 4)
    return np.all(table == np.array(GATES["xor"], bool), axis=1)


def test_a_dendrite_whose_spikes_do_not_shrink_is_no_xor():
    """Whatever its synapses and thresholds: more input, more response. With dCaAPs some are."""
    count = 500
    assert not is_xor(random_cells(count, damping=0.0), count).any()
    assert is_xor(random_cells(count), count).sum() > 5


def test_training_finds_the_dcaap(getkey):
    """From a dendrite whose spikes do not shrink, an or: three parameters, four examples."""
    before = DCaAPNeuron((4,), g_X=1.5, g_Y=1.8, damping=0.0)
    np.testing.assert_array_equal(truth_table(before), np.array(GATES["or"], bool))
    fitted = trained(before, "xor", key=getkey())
    np.testing.assert_array_equal(truth_table(fitted.model), np.array(GATES["xor"], bool))
    assert np.abs(np.asarray(peaks(fitted.model))).min() > 0.5  # mV from threshold
