"""Γ against its formula by hand, its limits, and a search over all ways to pair spikes."""

import itertools

import numpy as np
import pytest

from neurojax.metrics import coincidence_factor, spike_count_error, subthreshold_rmse


def test_gamma_by_hand():
    """3 of 4 and 5 spikes coincide; ν = 5 / 1000 per ms, so ⟨N⟩ = 2 · 0.005 · 4 · 4 = 0.16."""
    recorded, simulated = [100.0, 200.0, 300.0, 400.0], [103.0, 204.0, 296.0, 405.0, 600.0]
    gamma = coincidence_factor(recorded, simulated, duration=1000.0)
    assert gamma == pytest.approx((3 - 0.16) / 4.5 / (1 - 0.04), rel=1e-12)
    wider = coincidence_factor(recorded, simulated, duration=1000.0, window=5.0)
    assert wider == pytest.approx((4 - 0.2) / 4.5 / (1 - 0.05), rel=1e-12)


def test_gamma_is_one_for_the_same_train_and_zero_for_chance():
    draw = np.random.default_rng(0)
    train = np.sort(draw.uniform(0, 10_000, 100))
    assert coincidence_factor(train, train[::-1], duration=10_000) == pytest.approx(1, rel=1e-12)
    # Unrelated Poisson trains: in a pair 100 ± 10 spikes, 8 ± 3 coincidences, so Γ varies by 0.03.
    # Pairing each spike once loses a few of them: those whose partner is taken, 4 % of 8 %.
    trains = draw.uniform(0, 10_000, (400, 2, 100))
    gammas = [coincidence_factor(a, b, duration=10_000) for a, b in trains]
    assert abs(np.mean(gammas)) < 0.01


def test_no_spike_is_counted_twice():
    draw = np.random.default_rng(1)
    for _ in range(200):
        a, b = (np.sort(draw.uniform(0, 30, n)) for n in draw.integers(1, 5, 2))
        few, many = sorted((a, b), key=len)
        best = max(
            sum(abs(x - y) <= 4 for x, y in zip(few, chosen, strict=True))
            for chosen in itertools.permutations(many, len(few))
        )
        chance = 8 * len(b) / 1e6
        expected = (best - chance * len(a)) / ((len(a) + len(b)) / 2) / (1 - chance)
        assert coincidence_factor(a, b, duration=1e6) == pytest.approx(expected, rel=1e-9)


def test_gamma_without_spikes():
    assert coincidence_factor([10.0], [], duration=100.0) == 0
    assert coincidence_factor([], [10.0], duration=100.0) == 0
    assert np.isnan(coincidence_factor([], [], duration=100.0))


def test_gamma_refuses():
    with pytest.raises(ValueError, match="duration must be positive"):
        coincidence_factor([1.0], [1.0], duration=0.0)
    with pytest.raises(ValueError, match="window must be positive"):
        coincidence_factor([1.0], [1.0], duration=10.0, window=-1.0)
    with pytest.raises(ValueError, match=r"window is too long: ±5\.0 ms at 2 spikes in 10\.0 ms"):
        coincidence_factor([1.0], [1.0, 9.0], duration=10.0, window=5.0)
    with pytest.raises(ValueError, match="simulated must be a list of finite spike times"):
        coincidence_factor([1.0], [np.nan], duration=10.0)


def test_counts():
    assert spike_count_error([[1.0, 2.0], [3.0]], [[1.0], [3.0, 4.0, 5.0]]) == 1.5


def test_voltage_away_from_spikes():
    """2 mV apart everywhere but around the spike, where it does not count."""
    recorded = np.zeros(200)
    simulated = np.full(200, 2.0)
    simulated[100 - 20 : 100 + 50] = 1e3
    assert subthreshold_rmse(recorded, simulated, [10.0], dt=0.1) == pytest.approx(2)
    assert subthreshold_rmse(recorded, simulated, [10.0, 0.0], dt=0.1) == pytest.approx(2)
    assert subthreshold_rmse(recorded, simulated, [10.1], dt=0.1) > 50
    assert np.isnan(subthreshold_rmse(recorded[:10], simulated[:10], [0.0], dt=0.1))
    with pytest.raises(ValueError, match="simulated has 199 samples, recorded 200"):
        subthreshold_rmse(recorded, simulated[1:], [], dt=0.1)
