"""Derivatives of exact spikes against EventProp's adjoint equations, both passes in plain numpy.

Wunderlich & Pehle 2021, Scientific Reports 11:12829, table 1: neurons with v_rest = v_reset = 0 and
no refractory period, `tau_m dV/dt = −V + I`, `tau_syn dI/dt = −I`, loss `Σ c_k t_k` over spikes.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq

from neurojax.neurons import CurrentLIF
from neurojax.spiking import Layer, spike_times

TAU_M, TAU_SYN, THRESHOLD, T1 = 20.0, 5.0, 1.0, 60.0
INPUTS, NEURONS = 4, 5


def flowed(V, I, s):
    """(V, I) a time s later."""
    slow, fast = np.exp(-s / TAU_M), np.exp(-s / TAU_SYN)
    return V * slow + I * (slow - fast) / (TAU_M / TAU_SYN - 1), I * fast


def crossing(V, I, end):
    """When one neuron's potential passes threshold, before `end`."""
    return float(brentq(lambda s: flowed(V, I, s)[0] - THRESHOLD, 0, end, xtol=1e-14))  # pyright: ignore[reportArgumentType]


def forward(weights, recurrent, arrivals):
    """Spikes in order as (time, neuron, dV/dt before it): steps of 0.01 ms, then Brent's method."""
    V, I, t = np.zeros(NEURONS), np.zeros(NEURONS), 0.0
    waiting = sorted((time, i) for i, time in enumerate(arrivals))
    spikes = []
    while t < T1:
        end = min(t + 0.01, waiting[0][0] if waiting else T1, T1)
        over = np.flatnonzero(flowed(V, I, end - t)[0] > THRESHOLD)
        if over.size:
            s, n = min((crossing(V[n], I[n], end - t), n) for n in over)
            V, I = flowed(V, I, s)
            t = t + s
            spikes.append((t, n, (I[n] - THRESHOLD) / TAU_M))
            V[n] = 0
            I = I + recurrent[n]
            continue
        V, I = flowed(V, I, end - t)
        t = end
        while waiting and waiting[0][0] <= t:
            I = I + weights[waiting.pop(0)[1]]
    return spikes


def adjoint(weights, recurrent, arrivals, spikes, to_times):
    """dL/dw of both kinds and dL/d(arrival), by the adjoint run back from T1."""
    to_weights, to_recurrent = np.zeros_like(weights), np.zeros_like(recurrent)
    to_arrivals = np.zeros_like(arrivals)
    events = [(t, k, None) for k, (t, _, _) in enumerate(spikes)]
    events += [(t, None, i) for i, t in enumerate(arrivals)]
    lam_V, lam_I, t = np.zeros(NEURONS), np.zeros(NEURONS), T1
    for time, k, i in sorted(events, reverse=True):
        # −tau_m dλ_V/dt = −λ_V and −tau_syn dλ_I/dt = −λ_I + λ_V, back over t − time
        slow, fast = np.exp(-(t - time) / TAU_M), np.exp(-(t - time) / TAU_SYN)
        lam_I = lam_I * fast + lam_V * (slow - fast) / (1 - TAU_SYN / TAU_M)
        lam_V, t = lam_V * slow, time
        if i is not None:
            to_weights[i] -= TAU_SYN * lam_I
            to_arrivals[i] += weights[i] @ (lam_V - lam_I)
            continue
        _, n, slope = spikes[k]
        to_recurrent[n] -= TAU_SYN * lam_I
        pull = THRESHOLD * lam_V[n] + recurrent[n] @ (lam_V - lam_I) + to_times[k]
        lam_V[n] += pull / (TAU_M * slope)
    return to_weights, to_recurrent, to_arrivals


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("coupled", [False, True])
def test_derivatives_are_those_of_the_adjoint(coupled):
    rng = np.random.default_rng(1)
    weights = rng.normal(4.0, 2.0, (INPUTS, NEURONS))
    recurrent = rng.normal(0.3, 0.8, (NEURONS, NEURONS)) * coupled
    arrivals = rng.uniform(0, 25, INPUTS)
    spikes = forward(weights, recurrent, arrivals)
    counts = np.bincount([n for _, n, _ in spikes], minlength=NEURONS)
    assert counts.max() >= 3 and (counts > 0).sum() >= 4
    to_times = rng.normal(size=len(spikes))

    # Ours are by neuron: where spike k is in their table, and its weight in the loss.
    rank = [sum(m == n for _, m, _ in spikes[:k]) for k, (_, n, _) in enumerate(spikes)]
    place = (np.array(rank), np.array([n for _, n, _ in spikes]))
    cell = CurrentLIF((NEURONS,), tau_m=TAU_M, tau_syn=TAU_SYN, v_threshold=THRESHOLD)

    @jax.jit
    def gradient(weights, recurrent, arrivals):
        def loss(weights, recurrent, arrivals):
            layer = Layer(cell, weights, recurrent if coupled else None)
            times, complete = spike_times(layer, arrivals, T1, max_spikes=len(spikes))
            return (times[place] * to_times).sum(), (times, complete)

        return jax.grad(loss, argnums=(0, 1, 2), has_aux=True)(weights, recurrent, arrivals)

    found, (times, complete) = gradient(*map(jnp.asarray, (weights, recurrent, arrivals)))
    assert complete and np.isfinite(times).sum() == len(spikes)
    # Brent's 1e-14 ms, through up to ten spikes one after the other.
    np.testing.assert_allclose(times[place], [t for t, _, _ in spikes], rtol=0, atol=1e-11)
    expected = adjoint(weights, recurrent, arrivals, spikes, to_times)
    for ours, theirs, used in zip(found, expected, (True, coupled, True), strict=True):
        if used:
            np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)
            assert np.abs(theirs).max() > 1
