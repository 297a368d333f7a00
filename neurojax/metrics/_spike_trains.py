"""How near a model's spikes and voltage are to those recorded."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

Train = Sequence[float] | Float[np.ndarray, "_"]


def coincidence_factor(
    recorded: Train, simulated: Train, *, duration: float | int, window: float | int = 4.0
) -> float:
    """The coincidence factor Γ of two spike trains: 1 where each spike of one has a spike of the
    other within ±`window`, 0 on average for a Poisson train of the model's rate.

    `Γ = (N_coinc − ⟨N_coinc⟩) / (½ (N_rec + N_sim)) / (1 − 2 ν window)` with
    `⟨N_coinc⟩ = 2 ν window N_rec` and `ν = N_sim / duration`. All times in ms; a spike coincides
    with at most one other. NaN where neither train has a spike.

    Raises `ValueError` for times that are not finite, a window or duration that is not positive, or
    a window so long that the model's rate fills it (2 ν window ≥ 1).
    Source: Kistler, Gerstner & van Hemmen 1997, Neural Comput. 9, 1015; Jolivet et al. 2008,
    J. Neurosci. Methods 169, 417.
    """
    recorded, simulated = _train("recorded", recorded), _train("simulated", simulated)
    for name, value in (("duration", duration), ("window", window)):
        if not 0 < value < np.inf:
            raise ValueError(f"{name} must be positive (ms), got {value}.")
    both = len(recorded) + len(simulated)
    if both == 0:
        return float("nan")
    chance = 2 * window * len(simulated) / duration
    if chance >= 1:
        raise ValueError(
            f"window is too long: ±{window} ms at {len(simulated)} spikes in {duration} ms leave "
            "no place without a spike."
        )
    excess = _coincidences(recorded, simulated, window) - chance * len(recorded)
    return float(excess / (both / 2) / (1 - chance))


def spike_count_error(recorded: Sequence[Train], simulated: Sequence[Train]) -> float:
    """The mean over sweeps of the absolute difference in the number of spikes."""
    pairs = zip(recorded, simulated, strict=True)
    return float(np.mean([abs(len(a) - len(b)) for a, b in pairs]))


def subthreshold_rmse(
    recorded: Float[np.ndarray, "_"],
    simulated: Float[np.ndarray, "_"],
    spikes: Train,
    *,
    dt: float,
    before: float | int = 2.0,
    after: float | int = 5.0,
) -> float:
    """Root mean square difference of two voltages (mV) away from `spikes` (ms, of both trains):
    samples (every `dt` ms, from 0) from `before` a spike to `after` it are left out.

    NaN where nothing is left. Raises `ValueError` for traces that differ in length.
    """
    if recorded.shape != simulated.shape:
        raise ValueError(f"simulated has {len(simulated)} samples, recorded {len(recorded)}.")
    away = np.ones(len(recorded), bool)
    for spike in _train("spikes", spikes):
        first, last = round((spike - before) / dt), round((spike + after) / dt)
        away[max(first, 0) : max(last, 0)] = False
    if not away.any():
        return float("nan")
    return float(np.sqrt(np.mean((simulated[away] - recorded[away]) ** 2)))


def _coincidences(first: np.ndarray, second: np.ndarray, window: float) -> int:
    """Most pairs within `window`, each spike in one at most: taking the earliest that still fits
    is best, since the trains are in order."""
    found = i = j = 0
    while i < len(first) and j < len(second):
        if abs(first[i] - second[j]) <= window:
            found, i, j = found + 1, i + 1, j + 1
        elif first[i] < second[j]:
            i += 1
        else:
            j += 1
    return found


def _train(name: str, times: Train) -> np.ndarray:
    times = np.sort(np.asarray(times, np.float64))
    if times.ndim != 1 or not np.isfinite(times).all():
        raise ValueError(f"{name} must be a list of finite spike times (ms), got {times}.")
    return times
