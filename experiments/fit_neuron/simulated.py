"""A recording of a neuron whose parameters are known."""

from typing import Any

import jax.numpy as jnp
import numpy as np

import neurojax as nj
from experiments.runner import generator
from neurojax.interop import Recording

TRUTH: dict[str, Any] = {
    "C_m": 0.1,
    "g_leak": 0.005,
    "E_leak": -65.0,
    "v_T": -48.0,
    "delta_T": 2.0,
    "a": 0.001,
    "tau_w": 120.0,
    "b": 0.02,
    "v_reset": -58.0,
}
RATE = 20_000.0  # Hz
NOISE = 0.2  # mV, of the amplifier
SWEEPS = 8
EPOCHS = (100, 350, 150, 250, 150)  # ms
LEVELS = ((0, 0), (-0.05, 0.05), (0, 0), (0.12, 0.03), (0, 0))  # nA in sweep 0, and more in each


def simulated(refractory: float = 4.0, v_peak: float = -10.0) -> Recording:
    """Current steps into `nj.AdEx` with the parameters `TRUTH`, one sweep after another; spikes are
    drawn in for a millisecond each."""
    dt = 1000 / RATE
    steps = [round(duration / dt) for duration in EPOCHS]
    current = np.stack(
        [np.repeat([first + more * k for first, more in LEVELS], steps) for k in range(SWEEPS)]
    )
    neuron = nj.AdEx(refractory=refractory, v_peak=v_peak, **TRUTH)
    drive = jnp.asarray(current.ravel(), jnp.float32)
    run = nj.simulate(
        neuron, nj.Series(drive), t1=drive.size * dt, dt=dt, record={"v": "v", "s": "spikes"}
    )
    voltage = np.array(run["v"], np.float64)
    voltage += NOISE * generator(0, "amplifier").standard_normal(voltage.shape)
    for spike in np.round(run.spikes.times / dt).astype(int):
        voltage[spike : spike + round(1 / dt)] = 30.0
    starts = np.arange(SWEEPS) * float(sum(EPOCHS))
    return Recording(voltage.reshape(current.shape), current, RATE, starts)
