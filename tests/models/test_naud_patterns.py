"""Each pattern is what Naud et al. 2008, sec. 3, call it."""

import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj
from models.naud_patterns import PATTERNS, firing_patterns, neurons


@pytest.fixture(scope="module")
def sol():
    return firing_patterns()


def intervals(sol, name):
    return np.diff(spikes(sol, name))


def spikes(sol, name):
    return sol.spikes.of(list(PATTERNS).index(name))


def test_tonic_spiking_is_regular(sol):
    isi = intervals(sol, "tonic spiking")
    assert isi.size > 50
    np.testing.assert_allclose(isi, isi[-1], rtol=0.1)
    np.testing.assert_allclose(isi[10:], isi[-1], rtol=0.01)


def test_adaptation_lengthens_the_intervals(sol):
    isi = intervals(sol, "adaptation")
    assert np.all(np.diff(isi[:8]) > 0) and isi[-1] > 5 * isi[0]
    np.testing.assert_allclose(isi[8:], isi[-1], rtol=0.01)


def test_initial_burst_before_regular_spikes(sol):
    isi = intervals(sol, "initial burst")
    assert np.all(isi[:2] < 10)
    np.testing.assert_allclose(isi[3:], isi[-1], rtol=0.01)
    assert isi[-1] > 5 * isi[:2].max()


def test_regular_bursting_repeats(sol):
    """Short and long intervals take turns."""
    isi = intervals(sol, "regular bursting")[1:]
    short, long = isi[0::2], isi[1::2]
    np.testing.assert_allclose(short, short[-1], rtol=0.1)
    np.testing.assert_allclose(long, long[-1], rtol=0.02)
    assert long.min() > 10 * short.max()


def test_delayed_accelerating_starts_late_and_speeds_up(sol):
    times, isi = spikes(sol, "delayed accelerating"), intervals(sol, "delayed accelerating")
    assert times[0] > 1.5 * isi[0]
    assert np.all(np.diff(isi[:30]) < 0) and isi[-1] < 0.6 * isi[0]


def test_delayed_regular_bursting_starts_late_and_repeats(sol):
    times, isi = (f(sol, "delayed regular bursting") for f in (spikes, intervals))
    assert times[0] > 50
    pauses = isi[isi > 20]
    assert pauses.size >= 6
    np.testing.assert_allclose(pauses, pauses[0], rtol=0.05)
    np.testing.assert_array_equal(np.diff(np.flatnonzero(isi > 20)), 4)  # four spikes a burst


def test_transient_spiking_ends_at_a_stable_rest(sol):
    times = spikes(sol, "transient spiking")
    v = np.asarray(sol["v"])[:, list(PATTERNS).index("transient spiking")]
    assert times.size >= 1 and times[-1] < 100
    late = v[np.asarray(sol.ts) > 500]
    assert np.ptp(late) < 0.01 and late[-1] > -65 + 1  # the current is still on


def test_irregular_spiking_is_aperiodic_and_sensitive(sol):
    """No stretch of intervals recurs, and a start 1 nV away ends elsewhere."""
    isi = intervals(sol, "irregular spiking")[2:]
    assert np.std(isi) > 0.4 * np.mean(isi)
    for period in range(1, 11):
        assert np.abs(isi[period:] - isi[:-period]).max() > 5

    one = list(PATTERNS).index("irregular spiking")
    cells = neurons()
    rest = cells.initial_state()
    moved = rest._replace(v=rest.v + jnp.where(jnp.arange(8) == one, 1e-3, 0.0))
    other = nj.simulate(
        cells,
        jnp.array([p.I for p in PATTERNS.values()]) / 1000,
        t1=600.0,
        dt=0.01,
        state=moved,
        record=["spikes"],
    )
    times, near = spikes(sol, "irregular spiking"), other.spikes.of(one)
    np.testing.assert_allclose(near[:8], times[:8], atol=1)
    assert np.abs(near[20:30] - times[20:30]).max() > 10
