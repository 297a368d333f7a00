"""Eight firing patterns of the adaptive exponential integrate-and-fire neuron.

Naud, Marcille, Clopath & Gerstner 2008, Biol. Cybern. 99, 335-347: fig. 4, with the parameters of
table 1. A neuron at rest is given a step of current.
"""

from typing import NamedTuple

import jax.numpy as jnp

import neurojax as nj


class Pattern(NamedTuple):
    """A row of table 1: C (pF), g_L (nS), E_L (mV), a (nS), tau_w (ms), b (pA), V_r (mV), I (pA).
    V_T is −50 mV and Δ_T 2 mV in all."""

    C: float
    g_L: float
    E_L: float
    a: float
    tau_w: float
    b: float
    V_r: float
    I: float


PATTERNS = {
    "tonic spiking": Pattern(200, 10, -70, 2, 30, 0, -58, 500),
    "adaptation": Pattern(200, 12, -70, 2, 300, 60, -58, 500),
    "initial burst": Pattern(130, 18, -58, 4, 150, 120, -50, 400),
    "regular bursting": Pattern(200, 10, -58, 2, 120, 100, -46, 210),
    "delayed accelerating": Pattern(200, 12, -70, -10, 300, 0, -58, 300),
    "delayed regular bursting": Pattern(100, 10, -65, -10, 90, 30, -47, 110),
    "transient spiking": Pattern(100, 10, -65, 10, 90, 100, -47, 180),
    "irregular spiking": Pattern(100, 12, -60, -11, 130, 30, -48, 160),
}


def neurons() -> nj.AdEx:
    """One neuron for each pattern, in the order of `PATTERNS`."""
    rows = Pattern(*jnp.array(list(PATTERNS.values()), float).T)
    return nj.AdEx(
        C_m=rows.C / 1000,
        g_leak=rows.g_L / 1000,
        E_leak=rows.E_L,
        v_T=-50.0,
        delta_T=2.0,
        a=rows.a / 1000,
        tau_w=rows.tau_w,
        b=rows.b / 1000,
        v_reset=rows.V_r,
        v_peak=0.0,
    )


def firing_patterns(t1: float = 600.0, dt: float = 0.01) -> nj.Solution:
    """All patterns for t1 ms from the onset of the current: `sol["v"]` (mV), `sol["w"]` (nA)."""
    current = jnp.array([pattern.I for pattern in PATTERNS.values()]) / 1000
    return nj.simulate(neurons(), current, t1=t1, dt=dt, record=["v", "w", "spikes"], every=10)
