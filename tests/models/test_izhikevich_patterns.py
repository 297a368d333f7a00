"""Each pattern is what Izhikevich 2004, sec. II, calls it, spike for spike that of his program."""

import jax
import numpy as np
import pytest

from models.izhikevich_patterns import PATTERNS, Pattern, accommodation, firing_patterns


def program(p: Pattern, u: float | None = None, decay: float = 1.0, offset: float = 0.0):
    """The program's loop, in plain Python: spike times, and v after each step."""
    v, u = p.v, p.b * p.v if u is None else u
    spikes, trace = [], []
    for n in range(round(p.t1 / p.dt)):
        rate = 0.04 * v * v + p.linear * v + p.constant - u + float(p.current(n * p.dt))
        v = v + p.dt * rate
        u = u + p.dt * p.a * (p.b * (v + offset) - decay * u)
        if v > 30:
            spikes.append(n * p.dt)
            v, u = p.c, u + p.d
        trace.append(v)
    return np.array(spikes), np.array(trace)


@pytest.fixture(scope="module")
def runs():
    """{name: (spike times, samples' times, v)} of all patterns, in double precision."""
    runs = {}
    with jax.enable_x64(True):
        for dt in {p.dt for p in PATTERNS.values()}:
            names = [name for name, p in PATTERNS.items() if p.dt == dt]
            sol = firing_patterns(names)
            for i, name in enumerate(names):
                times, inside = sol.spikes.of(i), np.asarray(sol.ts) < PATTERNS[name].t1 - dt / 2
                times = times[times < PATTERNS[name].t1 - dt / 2]
                runs[name] = times, np.asarray(sol.ts)[inside], np.asarray(sol["v"])[inside, i]
    return runs


@pytest.mark.parametrize("name", list(PATTERNS))
@pytest.mark.usefixtures("x64")
def test_spikes_are_those_of_the_program(name, runs):
    times, _, v = runs[name]
    expected, trace = program(PATTERNS[name])
    np.testing.assert_allclose(times, expected, atol=1e-9)
    # Each upstroke multiplies the rounding before it; 2e-3 mV after the fourteen of class 2.
    below = trace[:-1] < -40
    np.testing.assert_allclose(v[1:][below], trace[:-1][below], atol=5e-3)


def intervals(times):
    return np.diff(times)


def bursts(times, pause):
    """The spikes of each burst."""
    return [len(burst) for burst in np.split(times, np.flatnonzero(np.diff(times) > pause) + 1)]


def test_tonic_and_phasic(runs):
    """Tonic: as long as the current lasts. Phasic: at its onset only."""
    tonic = runs["tonic spiking"][0]
    assert tonic[0] > 10 and tonic[-1] > 80
    np.testing.assert_allclose(intervals(tonic)[2:], 27.5, atol=0.5)
    assert runs["phasic spiking"][0].size == 1
    sizes = bursts(runs["tonic bursting"][0], 20)
    assert len(sizes) == 4 and min(sizes) >= 5
    assert bursts(runs["phasic bursting"][0], 20) == [6]
    assert runs["phasic bursting"][0][-1] < 70


def test_mixed_mode_bursts_first_and_is_then_tonic(runs):
    isi = intervals(runs["mixed mode"][0])
    assert np.all(isi[:2] < 5)
    np.testing.assert_allclose(isi[3:], isi[-1], rtol=0.05)


def test_spike_frequency_adapts(runs):
    isi = intervals(runs["spike frequency adaptation"][0])
    assert np.all(np.diff(isi) > 0) and isi[-1] > 10 * isi[0]


def test_class_1_starts_slowly_and_class_2_fast(runs):
    """Under a ramp of current: from arbitrarily low frequencies on, and not below some 45 Hz."""
    class_1, class_2 = (intervals(runs[f"class {n} excitability"][0]) for n in (1, 2))
    assert np.all(np.diff(class_1) < 0) and class_1[0] > 40 and class_1[0] > 2.5 * class_1[-1]
    assert class_2[0] < 22 and class_2[0] < 2.5 * class_2[-1]


def test_latency_outlasts_the_input(runs):
    """The pulse ends at 13 ms."""
    times = runs["spike latency"][0]
    assert times.size == 1 and times[0] > 20


def test_oscillations_below_threshold(runs):
    times, ts, v = runs["subthreshold oscillations"]
    assert times.size == 1
    inside = (v[1:-1] > v[:-2]) & (v[1:-1] > v[2:]) & (ts[1:-1] > times[0] + 10)
    peaks = ts[1:-1][inside]
    assert peaks.size >= 3
    np.testing.assert_allclose(np.diff(peaks), np.diff(peaks).mean(), rtol=0.05)


def test_resonator_and_integrator_prefer_other_doublets(runs):
    """20 or 40 ms apart, the resonator's period being 40 ms or so; and 5 or 10 ms apart."""
    resonant, close = runs["resonator"][0], runs["integrator"][0]
    assert resonant.size == close.size == 1
    assert 320 < resonant[0] < 345
    assert 14 < close[0] < 25


def test_rebound_after_inhibition(runs):
    """It lasts from 20 to 25 ms."""
    spike, burst = runs["rebound spike"][0], runs["rebound burst"][0]
    assert spike.size == 1 and burst.size >= 5
    assert spike[0] > 25 and burst[0] > 25 and np.ptp(burst) < 60


def test_threshold_depends_on_the_past(runs):
    """The same pulse fires it at 80 ms, after an inhibitory one, and not at 10 ms."""
    times = runs["threshold variability"][0]
    assert times.size == 1 and times[0] > 80


def test_a_pulse_switches_on_and_another_off(runs):
    times, _, v = runs["bistability"]
    np.testing.assert_allclose(intervals(times), 40.5, atol=0.5)
    assert times[0] > 37.5 and times[-1] < 216
    assert v[-1] < -55


def test_after_potential_is_depolarised(runs):
    """From the reset v rises once more, and stays above rest."""
    times, ts, v = runs["depolarizing after-potential"]
    after = v[(ts > times[0] + 0.1) & (ts < times[0] + 10)]
    assert times.size == 1 and v[0] == -70
    assert after.max() > after[0] + 5 and after.min() > -70


def test_inhibition_induces_spikes_and_bursts(runs):
    """From 50 to 250 ms; with nothing before or after."""
    spikes, burst = (runs[f"inhibition-induced {n}"][0] for n in ("spiking", "bursting"))
    assert spikes.size == 3 and bursts(burst, 20) == [7, 5]
    for times in (spikes, burst):
        assert np.all((times > 50) & (times < 250))


@pytest.mark.usefixtures("x64")
def test_accommodates_to_a_slow_ramp():
    """Of twice the height of the fast one, to which it fires."""
    sol = accommodation()

    def current(t):
        return t / 25 if t < 200 else (t - 300) / 12.5 * 4 if 300 <= t < 312.5 else 0.0

    pattern = Pattern(0.02, 1.0, -55, 4, -65, 0.5, 400, current)
    times, trace = program(pattern, u=-16.0, decay=0.0, offset=65.0)
    np.testing.assert_allclose(sol.spikes.times, times)
    np.testing.assert_allclose(sol["v"][1:], trace[:-1], atol=1e-9)
    assert times.size == 1 and 300 < times[0] < 320


def test_in_single_precision_and_in_small_steps(runs):
    """In small steps, those two are no longer what they are called."""
    names = [name for name, p in PATTERNS.items() if p.dt == 0.25]
    sol = firing_patterns(names)
    for i, name in enumerate(names):
        times = sol.spikes.of(i)
        assert np.sum(times < PATTERNS[name].t1 - 0.125) == runs[name][0].size

    fine = firing_patterns(["bistability", "depolarizing after-potential"], dt=0.01)
    assert np.any(fine.spikes.of(0) > 221)
    assert np.sum(fine.spikes.of(1) < 50) > 1  # rounding decides whether there are four or five


def test_steps_that_differ_are_refused():
    with pytest.raises(ValueError, match=r"names: these patterns differ in their steps, \[0.2, 0"):
        firing_patterns(["tonic spiking", "phasic bursting"])
