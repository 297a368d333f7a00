"""Synapses: the course of a conductance, and the receptors."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj
from neurojax.channels import Leak
from neurojax.dendrites import Cell, Synapses, build_morphology, discretise
from neurojax.synapses import AMPA, GABA_A, GABA_B, NMDA, Alpha, Biexponential, Exponential

DT = 0.025


def course(synapse, t1=20.0, dt=DT) -> np.ndarray:
    """The conductance after one spike in the first step, of weight 0.001 µS."""
    cell = Cell(
        discretise(build_morphology(10.0, [])),
        {"leak": Leak()},
        synapses={"one": Synapses(synapse, [0], 0.001)},
    )
    incoming = {"one": nj.Arrivals([0.0], [[1.0]])}
    run = nj.simulate(cell, 0.0, incoming=incoming, t1=t1, dt=dt, record=["synapses.one[soma]"])
    return run["synapses.one[soma]"][1:]  # open from the end of the spike's step


def after(trace: np.ndarray, dt=DT) -> np.ndarray:
    return np.arange(len(trace)) * dt


def test_an_exponential(x64):
    trace = course(Exponential(tau=3.0))
    np.testing.assert_allclose(trace, 0.001 * np.exp(-after(trace) / 3.0), rtol=1e-10)


@pytest.mark.parametrize("kind", [Biexponential, AMPA, NMDA, GABA_A, GABA_B])
def test_two_exponentials_peak_at_the_weight(kind, x64):
    synapse = kind()
    rise, decay = float(synapse.tau_rise), float(synapse.tau_decay)
    trace = course(synapse, t1=5 * decay)
    t = after(trace)
    shape = np.exp(-t / decay) - np.exp(-t / rise)
    at_peak = math.log(decay / rise) * rise * decay / (decay - rise)
    peak = np.exp(-at_peak / decay) - np.exp(-at_peak / rise)
    np.testing.assert_allclose(trace, 0.001 * shape / peak, rtol=1e-9, atol=1e-14)


def test_an_alpha_function():
    """Off by 1e-4 of its peak at the most, in single precision too."""
    trace = course(Alpha(tau=2.0))
    t = after(trace)
    np.testing.assert_allclose(trace, 0.001 * (t / 2) * np.exp(1 - t / 2), atol=1e-7)


def test_magnesium_blocks_as_measured():
    """Jahr & Stevens 1990, fig. 4 and eq. 4a: half open at −20.5 mV in 1 mM."""
    half = math.log(1 / 3.57) / 0.062
    v = jnp.array([half, -80.0, 40.0])
    share = np.array(NMDA().unblocked(v))
    assert share[0] == pytest.approx(0.5, abs=1e-6)
    assert share[1] < 0.03
    assert share[2] > 0.97
    np.testing.assert_allclose(NMDA(magnesium=0.0).unblocked(v), 1.0)
    current = NMDA().current(jnp.array([[0.0] * 3, [1.0] * 3]), v).at(v)
    assert current[0] == pytest.approx(-0.5 * half, rel=1e-5)


def test_wrong_parameters_are_named():
    with pytest.raises(ValueError, match=r"Exponential: tau must be positive, got 0.0"):
        Exponential(tau=0.0)
    with pytest.raises(ValueError, match="AMPA: tau_decay - tau_rise must be positive"):
        AMPA(tau_rise=2.0)
    with pytest.raises(ValueError, match="NMDA: magnesium must not be negative"):
        NMDA(magnesium=-1.0)
    with pytest.raises(ValueError, match="Synapses: weight must be a scalar or have a value for"):
        Synapses(AMPA(), [0, 1], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="Synapses: weight must not be negative"):
        Synapses(AMPA(), [0, 1], -1.0)
