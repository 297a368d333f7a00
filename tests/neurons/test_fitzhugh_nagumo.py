"""FitzHugh & Nagumo's caricature: its closed forms, and what the 1961 paper shows of it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import neurojax as nj
from neurojax.neurons import FitzHughNagumo


def field(t, y, current):
    v, w = y
    return [v - v**3 / 3 - w + current, (v + 0.7 - 0.8 * w) / 12.5]


def rise(t, y, current):
    return y[0]


rise.direction = 1


@pytest.mark.usefixtures("x64")
def test_both_modes_follow_scipys_solution():
    cell, ts = FitzHughNagumo(), np.linspace(0, 100, 101)
    start = cell.initial_state()
    theirs = solve_ivp(
        field,
        (0, 100),
        [float(start.v), float(start.w)],
        args=(0.5,),
        t_eval=ts,
        rtol=1e-11,
        atol=1e-12,
        method="DOP853",
        events=rise,
    )
    sol = nj.simulate(cell, 0.5, t1=100.0, ts=ts, record=["v", "w"], max_spikes=4)
    np.testing.assert_allclose([sol["v"], sol["w"]], theirs.y, atol=1e-8)
    np.testing.assert_allclose(sol.spikes.of(0), theirs.t_events[0], atol=1e-8)
    with jax.enable_x64(False):
        record = ["v", "w", "spikes"]
        clocked = nj.simulate(FitzHughNagumo(), 0.5, t1=100.0, dt=0.05, every=20, record=record)
    # Of second order, off most on the flanks of a spike, which is stamped with its step's start.
    np.testing.assert_allclose([clocked["v"], clocked["w"]], theirs.y[:, :-1], atol=5e-3)
    np.testing.assert_allclose(clocked.spikes.of(0), theirs.t_events[0], atol=0.06)


@pytest.mark.usefixtures("x64")
def test_rest_is_where_it_starts_and_is_unstable_between_two_hopf_bifurcations():
    """The trace of the flow, 1 − v² − b/tau, is zero at v = ±√(1 − b/tau); rest is there at
    I = (v + a)/b − v + v³/3, 0.3313 and 1.4187."""
    cells = FitzHughNagumo((4,))
    state = cells.initial_state()
    np.testing.assert_allclose(cells.vector_field(0.0, state, 0.0)[:2], 0, atol=1e-4)

    v = np.array([-1.0, 1.0]) * np.sqrt(1 - 0.8 / 12.5)
    hopf = (v + 0.7) / 0.8 - v + v**3 / 3
    np.testing.assert_allclose(hopf, [0.3313, 1.4187], atol=5e-5)
    rest = np.append(v, v)
    near = state._replace(v=jnp.asarray(rest), w=jnp.asarray((rest + 0.7) / 0.8 + 0.01))
    outside = np.array([-0.02, 0.02])
    currents = np.concatenate([hopf + outside, hopf - outside])
    sol = nj.simulate(cells, currents, t1=1500.0, dt=0.05, state=near, record=["v"], every=20)
    late = np.ptp(np.asarray(sol["v"])[-200:], axis=0)
    assert np.all(late[:2] < 0.05) and np.all(late[2:] > 1)


@pytest.mark.usefixtures("x64")
def test_there_is_no_all_or_none_threshold():
    """Peaks over shocks from rest: at tau = 5 they are plainly graded; at 12.5 they leap, and the
    leap opens up, ever finer, into a slope."""

    @jax.jit
    def peaks(shocked, tau):
        cells = FitzHughNagumo(shocked.shape, tau=tau)
        state = cells.initial_state()._replace(v=shocked)
        return nj.simulate(cells, 0.0, t1=25.0, dt=0.05, state=state, record=["v"])["v"].max(0)

    shocked = jnp.linspace(-0.75, -0.4, 500)
    graded = np.asarray(peaks(shocked, 5.0))
    assert graded[0] < -0.7 and graded[-1] > 1.3
    assert np.sum((graded > 0) & (graded < 1.3)) > 80 and np.diff(graded).max() < 0.08

    leaps = []
    for _ in range(4):
        leap = np.diff(peaks(shocked, 12.5))
        leaps.append(leap.max())
        shocked = jnp.linspace(shocked[leap.argmax()], shocked[leap.argmax() + 1], 500)
    assert leaps[0] > 1.5 and leaps[-1] < 0.2


def test_a_spike_follows_the_end_of_inhibition():
    """Anodal break excitation."""
    sol = nj.simulate(FitzHughNagumo(), nj.Step(-1.0, 0.0, 50.0), t1=100.0, dt=0.05)
    times = sol.spikes.of(0)
    assert len(times) == 1 and 50 < times[0] < 60


def test_a_time_constant_that_is_refused():
    with pytest.raises(ValueError, match="FitzHughNagumo: tau must be positive, got 0"):
        FitzHughNagumo(tau=0.0)
