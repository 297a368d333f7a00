"""The burst neuron: its equations by SciPy, and that soma and dendrite each say their own thing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import neurojax as nj
from neurojax.dendrites import BurstNeuron


def published(t, y, soma, dendrite, bap):
    """Naud & Sprekeler 2018, with the numbers of auryn's NaudGroup: V, s, A and F throughout."""
    v, v_d, w, w_d, theta = y
    f = 1 / (1 + np.exp(-(v_d + 38e-3) / 6e-3))
    return [
        -(v + 70e-3) / 16e-3 + (1300e-12 * f + soma - w) / 370e-12,
        -(v_d + 70e-3) / 7e-3 + (1200e-12 * f + bap * 2600e-12 + dendrite - w_d) / 170e-12,
        -w / 100e-3,
        (-w_d + 13e-9 * (v_d + 70e-3)) / 30e-3,
        -theta / 27e-3,
    ]


def spikes_by_scipy(soma, dendrite, t1):
    """Spike times (s), from stretch to stretch between spikes and ends of the box kernel."""

    def crosses(t, y, *_):
        return y[0] + 50e-3 - y[4]

    crosses.terminal, crosses.direction = True, 1
    t, y, box_end, times = 0.0, np.array([-70e-3, -70e-3, 0, 0, 0]), 0.0, []
    while t < t1:
        bap = float(t < box_end)
        end = box_end if bap else t1
        arguments = (soma, dendrite, bap)
        run = solve_ivp(
            published, (t, end), y, args=arguments, events=crosses, rtol=1e-10, atol=1e-14
        )
        t, y = run.t[-1], run.y[:, -1]
        if run.status == 1:
            times.append(t)
            y = np.array([-70e-3, y[1], y[2] + 200e-12, y[3], y[4] + 2e-3])
            box_end = t + 2e-3
    return np.array(times)


@pytest.fixture(scope="module")
def bursting():
    """Spikes (ms) under 0.8 nA into the soma and 0.3 nA into the dendrite."""
    times = 1000 * spikes_by_scipy(0.8e-9, 0.3e-9, 0.2)
    assert times.size > 8 and np.diff(times).min() < 12 and np.diff(times).max() > 40
    return times


CURRENTS = {"soma": 0.8, "dendrite": 0.3}


@pytest.mark.usefixtures("x64")
def test_by_events_it_is_the_published_one(bursting):
    sol = nj.simulate(BurstNeuron(), CURRENTS, t1=200.0, record=["spikes"], max_spikes=20)
    times = np.asarray(sol.spikes.times)
    assert np.isinf(times[bursting.size :]).all()
    # The kernel's edges are 1e-4 ms early, on purpose.
    np.testing.assert_allclose(times[: bursting.size], bursting, atol=2e-3)


@pytest.mark.usefixtures("x64")
def test_clocked_it_converges_to_the_published_one(bursting):
    """In the first order: spikes are on the grid, and so is the kernel that each one starts."""

    def error(dt):
        sol = nj.simulate(BurstNeuron(), CURRENTS, t1=200.0, dt=dt, record=["spikes"])
        times = np.asarray(sol.spikes.times)
        assert times.size == bursting.size
        return np.abs(times - bursting).max()

    coarse, fine = error(0.02), error(0.005)
    assert fine < 0.4 * coarse and fine < 0.25


def events(sol, neuron, pause=16.0):
    """Spikes in each event: spikes less than 16 ms apart are one burst (Naud & Sprekeler)."""
    times = sol.spikes.of(neuron)
    return [len(x) for x in np.split(times, np.flatnonzero(np.diff(times) > pause) + 1) if len(x)]


def measured(soma, dendrite, count=40, t1=1500.0):
    """Event rate (Hz) and burst probability of neurons with noise in both compartments, [current]
    each."""

    def noisy(seed, mean, sigma):
        shape = (len(mean) * count,)
        noise = nj.ornstein_uhlenbeck(
            jax.random.key(seed), t1=t1, dt=0.2, sigma=sigma, tau=2.0, shape=shape
        )
        return noise + jnp.repeat(jnp.array(mean), count)

    drive = {"soma": noisy(0, soma, 0.7), "dendrite": noisy(1, dendrite, 0.2)}
    neurons = BurstNeuron((len(soma) * count,))
    sol = nj.simulate(neurons, drive, t1=t1, dt=0.2, record=["spikes"])
    sizes = [
        [size for n in range(i * count, (i + 1) * count) for size in events(sol, n)]
        for i in range(len(soma))
    ]
    rate = np.array([len(s) / count / t1 * 1000 for s in sizes])
    return rate, np.array([np.mean(np.array(s) > 1) for s in sizes])


def test_dendrite_sets_burst_probability_and_soma_event_rate():
    """Naud & Sprekeler's fig. 1: a sigmoid of the dendritic current, at an event rate that hardly
    knows of it."""
    rate, probability = measured([0.2] * 4, [-0.4, 0.0, 0.15, 0.3])
    assert np.all(np.diff(probability) > 0.04)
    assert probability[0] < 0.08 and probability[-1] > 0.5
    assert np.ptp(rate) < 0.15 * rate.mean()

    rate, probability = measured([0.0, 0.15, 0.3, 0.45], [-0.2] * 4)
    assert np.all(np.diff(rate) > 1.0) and rate[-1] > 3 * rate[0]
    assert np.ptp(probability) < 0.15


@pytest.mark.usefixtures("x64")
def test_below_threshold_it_has_a_closed_form():
    """Without the regenerative current the two do not know of each other."""
    cell = BurstNeuron(g_s=0.0, g_d=0.0)
    sol = nj.simulate(cell, {"soma": 0.3, "dendrite": -0.1}, t1=500.0, dt=0.1, record=["v"])
    v = -70 + 0.3 * 16 / 0.37 * (1 - np.exp(-np.asarray(sol.ts) / 16))
    np.testing.assert_allclose(sol["v"], v, atol=1e-9)
    v_d = -70 - 0.1 / (0.17 / 7 + 0.013)
    np.testing.assert_allclose(sol.final.state.v_dendrite, v_d, atol=1e-5)


def test_kernel_is_as_long_as_it_should_be():
    """20 steps of 0.1 ms, in single precision too, after a delay of 5 of them."""
    cell = BurstNeuron(bap_delay=0.5)
    since = jnp.cumsum(jnp.full(40, 0.1)) - 0.1
    np.testing.assert_array_equal(cell.kernel(since), [0] * 5 + [1] * 20 + [0] * 15)
    assert cell.kernel(cell.initial_state().since) == 0


def test_faults_are_named():
    with pytest.raises(ValueError, match=r"BurstNeuron: D_d must be positive, got 0.0"):
        BurstNeuron(D_d=0.0)
    with pytest.raises(ValueError, match=r"BurstNeuron: bap_delay must not be negative, got -1.0"):
        BurstNeuron(bap_delay=-1.0)
    with pytest.raises(ValueError, match=r"BurstNeuron: drive has no site 'axon', only soma and"):
        nj.simulate(BurstNeuron(), {"axon": 1.0}, t1=1.0, dt=0.1)
