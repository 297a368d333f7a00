"""Synapses on a cable, beside NEURON: step by step where the scheme is the same, and NMDA spikes in
the limit of small steps."""

import numpy as np
import pytest

import neurojax as nj
from neurojax.channels import Leak
from neurojax.dendrites import Branch, Cell, Synapses, build_morphology, discretise
from neurojax.synapses import AMPA, GABA_A, NMDA

RADIUS, LENGTH, CABLE_RADIUS, NSEG = 10.0, 400.0, 0.5, 20
G, E, T1, SAMPLING = 0.1, -75.0, 80.0, 0.00625


def ours(synapse, at, times, weight, dt) -> np.ndarray:
    """NEURON's spikes are there when a step begins; ours arrive within the step before."""
    compartments = discretise(
        build_morphology(RADIUS, [Branch(None, LENGTH, CABLE_RADIUS)]), compartments={"basal": NSEG}
    )
    cell = Cell(
        compartments,
        {"leak": Leak(g=G, E=E)},
        synapses={"one": Synapses(synapse, 1 + np.array(at), weight)},
        v_init=E,
    )
    spikes = nj.Arrivals(np.array(times) - dt, np.eye(len(at)))
    run = nj.simulate(cell, 0.0, incoming={"one": spikes}, t1=T1, dt=dt, record=["v"])
    return np.array(run["v"]).T


def theirs(oracle, kind, synapse, at, times, weight, dt) -> np.ndarray:
    return oracle(
        "neuron_synapses",
        radius=RADIUS,
        length=LENGTH,
        cable_radius=CABLE_RADIUS,
        nseg=NSEG,
        g=G * 1e-3,
        E=E,
        kind=kind,
        tau=np.array([synapse.tau_rise, synapse.tau_decay]),
        E_rev=float(synapse.E_rev),
        weight=weight,
        at=np.array(at),
        times=np.array(times),
        dt=dt,
        t1=T1,
    )["v"]


@pytest.mark.parametrize(("kind", "receptor"), [("ampa", AMPA), ("gaba", GABA_A)])
def test_ohmic_synapses_step_by_step(kind, receptor, oracle, x64):
    """Several on one compartment and on others, in every compartment and step: what is left is
    NEURON's scale of its Exp2Syn, and rounding."""
    at, times, weight, dt = [19, 19, 7, 0], [5.0, 6.0, 10.0, 30.0], 2e-3, 0.025
    synapse = receptor()
    expected = theirs(oracle, kind, synapse, at, times, weight, dt)
    found = ours(synapse, at, times, weight, dt)
    steps = found.shape[1]
    assert np.ptp(expected) > 3
    np.testing.assert_allclose(found, expected[:, :steps], atol=1e-7)


@pytest.mark.parametrize("count", [5, 20])
def test_nmda_spikes(count, oracle, x64):
    """Of 5 synapses at the tip the potential is small, of 20 a plateau; both tend to CVODE's with
    the step, of which the scheme is of first order, and are NEURON's at each step but for the
    difference, over 0.001 mV, that it takes for a slope."""
    at, times, weight = [NSEG - 1] * count, list(5.0 + 0.5 * np.arange(count)), 1e-3
    synapse = NMDA()
    exact = theirs(oracle, "nmda", synapse, at, times, weight, 0.0)
    errors = []
    for dt in (0.025, 0.0125, 0.00625):
        found = ours(synapse, at, times, weight, dt)
        sampled = exact[:, :: round(dt / SAMPLING)]
        steps = min(found.shape[1], sampled.shape[1])
        errors.append(np.abs(found[:, :steps] - sampled[:, :steps]).max())
    peak = exact[-1].max()
    assert (peak > -25) if count == 20 else (peak < -45)
    assert errors[2] < 0.06
    same = theirs(oracle, "nmda", synapse, at, times, weight, 0.00625)
    np.testing.assert_allclose(found[:, :steps], same[:, :steps], atol=1e-3)
    np.testing.assert_allclose(np.divide(errors[:-1], errors[1:]), 2, rtol=0.1)
