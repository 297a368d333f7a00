"""How a clock counts, by Brian2's convention and by NEST's; tests/oracles runs both beside ours."""

import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj
from neurojax.neurons import LIFState

DT = 0.1  # ms
REFRACTORY = np.array([0.0, 0.1, 0.3, 0.35, 0.7, 2.05])


@pytest.mark.parametrize(
    ("convention", "wait"), [("brian2", [1, 1, 3, 3, 7, 20]), ("nest", [1, 2, 4, 5, 8, 22])]
)
def test_steps_between_spikes_of_a_neuron_that_cannot_wait(convention, wait):
    """Frozen to the end of the refractory period, counted from the step's start in whole steps, or
    from its end in steps begun. In binary 0.3 and 0.7 are no multiples of 0.1."""
    cells = nj.LIF(refractory=REFRACTORY, convention=convention)
    sol = nj.simulate(cells, 1e4, t1=10.0, dt=DT, record=["spikes"])

    stamp = {"brian2": 0, "nest": 1}[convention]
    for neuron, steps in enumerate(wait):
        spikes = np.rint(sol.spikes.of(neuron) / DT).astype(int)
        assert spikes[0] == stamp
        assert np.all(np.diff(spikes) == steps)


@pytest.mark.usefixtures("x64")
def test_at_threshold_and_arrivals_while_refractory():
    """By NEST's convention v = threshold is enough and an arriving spike counts at once."""
    weights = np.zeros((10, 2))
    weights[2] = [1.0, 1.5]
    weights[[3, 4, 5, 6], 1] = 0.25

    def run(convention):
        cells = nj.LIF((2,), tau_m=1e9, refractory=0.3, convention=convention)
        sol = nj.simulate(cells, t1=1.0, dt=DT, incoming=weights)
        return [np.rint(sol.spikes.of(i) / DT).tolist() for i in range(2)], sol.final.state.v

    # Spikes in step 3, frozen in 4 and 5: of the arrivals of steps 3 to 6 only the last counts.
    spikes, v = run("brian2")
    assert spikes == [[], [3]]
    np.testing.assert_allclose(v, [1, 0.25], atol=1e-7)
    # Spikes at the end of step 2, frozen in 3, 4 and 5.
    spikes, v = run("nest")
    assert spikes == [[3], [3]]
    np.testing.assert_allclose(v, [0, 0.25], atol=1e-7)


@pytest.mark.usefixtures("x64")
def test_what_arrives_as_a_neuron_spikes_is_reset():
    """Brian2's order is threshold, arrival, reset; without a refractory period, too."""
    above = LIFState(jnp.full(2, 3.0), jnp.zeros(2, jnp.int32))
    cells = nj.LIF(tau_m=1e9, refractory=np.array([0.0, 0.1]))
    weights = np.zeros((5, 2))
    weights[0] = 0.7
    sol = nj.simulate(cells, t1=0.5, dt=DT, incoming=weights, state=above)

    np.testing.assert_array_equal(sol.spikes.counts(), [1, 1])
    np.testing.assert_array_equal(sol.final.state.v, [0, 0])


def test_another_convention_is_refused():
    with pytest.raises(
        ValueError, match=r"LIF: convention must be 'brian2' or 'nest', got 'neuron'"
    ):
        nj.LIF(convention="neuron")
