"""The leaky integrate-and-fire neuron on a clock, held against its recursion and known numbers."""

from typing import Any

import diffrax
import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj
from neurojax.neurons import LIFState

CELL: dict[str, Any] = {"tau_m": 10.0, "refractory": 5.0}
EXACT = [17.9, 40.8, 63.7, 86.6]
EULER = [17.8, 40.6, 63.4, 86.2]


def recursion(current, tau, refractory, dt, steps, v=0.0):
    """One neuron, step by step in plain Python: spikes are stamped with the start of their step,
    and a neuron stands still while fewer than `refractory` ms have passed since its last."""
    spikes, last, wait = [], -(10**9), round(refractory / dt)
    decay = np.exp(-dt / tau)
    for n in range(steps):
        if n - last >= wait:
            v = current + (v - current) * decay
        if v > 1 and n - last >= wait:
            spikes.append(n)
            v, last = 0.0, n
    return spikes, v


@pytest.mark.parametrize(
    ("solver", "spikes"), [(None, EXACT), (nj.ExponentialEuler(), EXACT), (diffrax.Euler(), EULER)]
)
@pytest.mark.usefixtures("x64")
def test_spike_times_in_double_precision(solver, spikes):
    sol = nj.simulate(nj.LIF(**CELL), 1.2, t1=100.0, dt=0.1, solver=solver)

    np.testing.assert_allclose(sol.spikes.times, spikes, rtol=1e-14)


@pytest.mark.usefixtures("x64")
def test_the_end_is_exact():
    sol = nj.simulate(nj.LIF(**CELL), 1.2, t1=100.0, dt=0.1)

    # Frozen for steps 867 to 915, then free to the end: 84 steps of the closed form.
    closed = 1.2 * (1 - np.exp(-8.4 / 10))
    assert abs(closed - 0.6819473719) < 1e-10
    assert abs(sol.final.state.v - closed) < 1e-13


@pytest.mark.parametrize(
    ("solver", "spikes"), [(nj.ExponentialEuler(), EXACT), (diffrax.Euler(), EULER)]
)
def test_spike_times_in_single_precision(solver, spikes):
    sol = nj.simulate(nj.LIF(**CELL), 1.2, t1=100.0, dt=0.1, solver=solver)

    assert sol["v"].dtype == sol.final.state.v.dtype == jnp.float32
    np.testing.assert_allclose(sol.spikes.times, spikes, rtol=1e-14)
    if spikes is EXACT:
        assert abs(sol.final.state.v - 0.6819473719) < 1e-5  # 84 steps, each rounding to 6e-8


@pytest.mark.usefixtures("x64")
def test_a_sample_is_the_state_at_the_start_of_its_step():
    sol = nj.simulate(nj.LIF(**CELL), 1.2, t1=30.0, dt=0.1)
    v, ts = np.asarray(sol["v"]), np.asarray(sol.ts)

    np.testing.assert_allclose(ts, 0.1 * np.arange(300), rtol=1e-14)
    np.testing.assert_allclose(v[:180], 1.2 * (1 - np.exp(-ts[:180] / 10)), atol=1e-13)
    # The spike of step 179 shows as the reset at the start of the next; free again in step 229.
    assert v[179] < 1 and v[180] == 0 and np.all(v[180:230] == 0) and v[230] > 0


@pytest.mark.usefixtures("x64")
def test_a_population_is_its_neurons_one_by_one():
    rng = np.random.default_rng(0)
    current = rng.uniform(0.8, 3, (3, 4))
    tau = rng.uniform(5, 20, (3, 4))
    refractory = np.round(rng.uniform(0, 5, (3, 4)), 1)
    population = nj.LIF(tau_m=tau, refractory=refractory)
    sol = nj.simulate(population, current, t1=60.0, dt=0.1)

    assert population.shape == (3, 4)
    assert sol["v"].shape == (600, 3, 4)
    for i, place in enumerate(np.ndindex(3, 4)):
        steps, end = recursion(current[place], tau[place], refractory[place], 0.1, 600)
        np.testing.assert_allclose(sol.spikes.of(i), 0.1 * np.array(steps), rtol=1e-12)
        assert abs(sol.final.state.v[place] - end) < 1e-12


@pytest.mark.parametrize(
    ("refractory", "wait"), [(0.0, 0), (0.1, 1), (0.3, 3), (0.35, 3), (0.7, 7)]
)
def test_refractory_time_is_counted_in_whole_steps(refractory, wait):
    """A drive so strong that each free step spikes: 0.3 and 0.7 are no multiples of 0.1 in binary.

    A neuron without refractory time and one of a single step both spike in every step.
    """
    sol = nj.simulate(nj.LIF(refractory=refractory), 1e4, t1=5.0, dt=0.1, record=["spikes"])

    steps = np.rint(sol.spikes.times / 0.1).astype(int)
    assert steps[0] == 0
    assert np.all(np.diff(steps) == max(wait, 1))


def test_threshold_is_strict():
    """v = 1 exactly is not above the threshold 1."""
    at = LIFState(jnp.array(1.0), None)
    sol = nj.simulate(nj.LIF(v_rest=1.0), 0.0, t1=1.0, dt=0.1, state=at)

    assert sol.spikes.times.size == 0
    assert np.all(sol["v"] == 1.0)


@pytest.mark.usefixtures("x64")
def test_started_above_threshold_it_spikes_in_the_first_step():
    above = LIFState(jnp.array(3.0), jnp.array(0, jnp.int32))
    sol = nj.simulate(nj.LIF(**CELL), 0.0, t1=1.0, dt=0.1, state=above)

    assert sol.spikes.times.tolist() == [0.0]
    assert sol["v"][0] == 3 and np.all(sol["v"][1:] == 0)


@pytest.mark.usefixtures("x64")
def test_rest_reset_threshold_and_resistance_in_mV():
    """The same neuron in two units: v = −70 + 20 u, I = 20 / R times as large."""
    plain = nj.simulate(nj.LIF(**CELL), 1.2, t1=60.0, dt=0.1)
    cell = nj.LIF(v_rest=-70.0, v_threshold=-50.0, v_reset=-70.0, resistance=50.0, **CELL)
    sol = nj.simulate(cell, 1.2 * 20 / 50, t1=60.0, dt=0.1)

    np.testing.assert_array_equal(sol.spikes.times, plain.spikes.times)
    np.testing.assert_allclose(sol["v"], -70 + 20 * plain["v"], atol=1e-11)
