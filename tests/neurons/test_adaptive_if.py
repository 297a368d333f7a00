"""Neurons with thresholds that move and currents that follow spikes."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq

import neurojax as nj
from neurojax.neurons import GLIF, AdaptiveLIF


def spike_times(t1, tau, steady, threshold, reset, pause, tau_theta, raise_of):
    """Of `steady − (steady − v) exp(−s/tau)` meeting `threshold + theta exp(−s/tau_theta)`, after
    each reset anew; `raise_of(theta)` is theta at the end of the pause."""
    times, t, v, theta = [], 0.0, 0.0, 0.0
    while True:

        def past(s: float, v: float = v, theta: float = theta) -> Any:
            raised = threshold + theta * np.exp(-s / tau_theta)
            return steady - (steady - v) * np.exp(-s / tau) - raised

        s: Any = brentq(past, 0, 1000)
        t += s
        if t > t1:
            return np.array(times)
        times.append(t)
        t, v, theta = t + pause, reset, raise_of(theta * np.exp(-s / tau_theta))


@pytest.mark.usefixtures("x64")
def test_adaptive_threshold_by_events():
    cell = AdaptiveLIF(refractory=3.0, delta_theta=0.3, tau_theta=40.0, v_reset=0.2)
    sol = nj.simulate(cell, 2.5, t1=60.0, max_spikes=8, record=["theta"])

    decay = np.exp(-3 / 40)
    due = spike_times(60, 10.0, 2.5, 1.0, 0.2, 3.0, 40.0, lambda theta: (theta + 0.3) * decay)
    assert due.size >= 4
    np.testing.assert_allclose(sol.spikes.of(0), due, atol=1e-7)


@pytest.mark.usefixtures("x64")
def test_bellecs_adaptive_neuron():
    """His recursion in steps of 1 ms: v decays by α, b by ρ, the threshold is 1 + β b."""
    rng = np.random.default_rng(0)
    drive = rng.uniform(0, 4, (200, 5))
    alpha, rho, beta = np.exp(-1 / 20), np.exp(-1 / 100), 1.8
    cells = AdaptiveLIF((5,), tau_m=20.0, tau_theta=100.0, delta_theta=beta * (1 - rho))
    sol = nj.simulate(cells, drive, t1=200.0, dt=1.0, record=["raster"])

    v, b, raster = np.zeros(5), np.zeros(5), []
    for current in drive:
        v, b = alpha * v + (1 - alpha) * current, rho * b
        z = v > 1 + beta * b
        v, b = np.where(z, 0, v), b + (1 - rho) * z
        raster.append(z)
    assert np.sum(raster) > 50
    np.testing.assert_array_equal(sol["raster"], raster)


@pytest.mark.usefixtures("x64")
def test_glif_of_levels_1_2_and_5():
    """Level 1 fires as a leaky neuron. At level 2 each spike raises the threshold, of which only
    what was left from before decays while refractory. Level 5 by events and on the clock."""
    full, none = np.array([-0.00918, -0.19894]), np.zeros(2)
    cells = GLIF(
        threshold_add=np.array([0.0, 3.0, 0.37, 0.37]),
        threshold_decay=0.02,
        reset_fraction=np.array([0.0, 0.0, 0.2, 0.2]),
        reset_add=np.array([10.0, 10.0, 18.51, 18.51]),
        voltage_index=np.array([0.0, 0.0, 0.005, 0.005]),
        asc_add=np.stack([none, none, full, full], 1),
        refractory=2.0,
    )
    drive = np.array([0.4, 0.4, 0.4, 0.6])
    record = ["asc", "theta_v", "spikes"]
    ts = np.array([0.0, 49.0])
    events = nj.simulate(cells, drive, t1=50.0, max_spikes=60, ts=ts, record=record)
    clock = nj.simulate(cells, drive, t1=50.0, dt=0.01, record=record, every=4900)

    tau, steady, threshold = 0.05872 / 0.00943, 0.4 / 0.00943, 78.85 - 51.68
    kept = np.exp(-2 * 0.02)
    for level, add in ((1, 0.0), (2, 3.0)):
        due = spike_times(
            50, tau, steady, threshold, 10.0, 2.0, 50.0, lambda theta, add=add: add + kept * theta
        )
        assert due.size >= 3
        np.testing.assert_allclose(events.spikes.of(level - 1), due, atol=1e-7)
    for i in range(4):
        times = events.spikes.of(i)
        # Each spike is stamped with the start of its step, and its reset waits for the end.
        late = np.abs(clock.spikes.of(i) - times)
        assert times.size >= 3
        assert np.all(late < 0.01 * np.arange(2, times.size + 2))
    assert events["asc"].shape == (2, 2, 4)
    np.testing.assert_allclose(events["theta_v"][1], clock["theta_v"][1], rtol=0.01, atol=1e-12)


@pytest.mark.usefixtures("x64")
def test_glif_holds_everything_while_refractory():
    cell = GLIF(refractory=5.0)
    state = cell.initial_state()._replace(
        v=jnp.array(-40.0),
        theta_s=jnp.array(2.0),
        theta_v=jnp.array(1.0),
        asc=jnp.array([0.1, 0.2]),
    )
    sol = nj.simulate(cell, 0.3, t1=4.0, dt=0.5, state=state, record=["v", "asc", "theta_s"])

    # The spike is in the first step; what is left of it decays for that half ms and 5 ms more.
    after = sol.final.state
    for name in ("v", "asc", "theta_s"):
        np.testing.assert_array_equal(
            sol[name][1:], np.broadcast_to(sol[name][1], sol[name][1:].shape)
        )
    asc = np.array([-0.00918, -0.19894]) + [0.1, 0.2] * np.exp(-np.array([0.003, 0.1]) * 5.5)
    np.testing.assert_allclose(after.asc, asc, rtol=1e-5)  # of the solver
    np.testing.assert_allclose(after.theta_s, 0.37 + 2 * np.exp(-0.009 * 5.5), rtol=1e-5)
    assert -78.85 + 18.51 + 0.2 * 38 < after.v < -78.85 + 18.51 + 0.2 * 42


def test_after_spike_currents_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"GLIF: asc_add, .* got shapes \(2,\), \(3,\), \(2,\)"):
        GLIF(asc_decay=np.ones(3))
    with pytest.raises(ValueError, match=r"GLIF: asc_add, .* got shapes \(\), \(2,\), \(2,\)"):
        GLIF(asc_add=1.0)
    with pytest.raises(ValueError, match=r"GLIF: asc_add has shape \(4,\), the population \(3,\)"):
        GLIF((3,), asc_add=np.ones((2, 4)))
