"""Trees beside NEURON's, of our outlines as its pt3d points: geometry, and a cell with channels."""

import numpy as np
import pytest

import neurojax as nj
from neurojax.channels import HodgkinHuxley, Leak
from neurojax.dendrites import Cell, Morphology, discretise

# NEURON keeps pt3d points in single precision: places up to 60 um away to 4e-6 um, at both ends of
# half compartments of 5 um and more.
RTOL = 2e-6
STEPS = 12


def wriggling_tree(branches: int) -> Morphology:
    """Every branch has bends, tapers and a step of no length; two grow from each but the last."""
    rng = np.random.default_rng(7)
    xyz, radii, parents = [np.zeros(3)], [2.0], [-1]
    ends = [0]
    for k in range(branches):
        at = ends[(k + 1) // 2]
        for step in range(STEPS):
            still = step == STEPS // 2
            xyz.append(xyz[at] + (0 if still else rng.normal(0, 6, 3)))
            radii.append(rng.uniform(0.2, 2))
            parents.append(at)
            at = len(xyz) - 1
        ends.append(at)
    return Morphology(
        ids=np.arange(len(xyz)),
        types=np.full(len(xyz), 3),
        xyz=np.stack(xyz),
        radii=np.array(radii),
        parents=np.array(parents),
    )


@pytest.mark.parametrize("nseg", [1, 5])
def test_areas_resistances_and_distances_are_neurons(nseg, oracle):
    m = wriggling_tree(15)
    s = m.sections
    neuron = oracle("neuron_morphology", offsets=s.offsets, xyz=s.xyz, radii=s.radii,
                    before=s.before, nseg=nseg, d_lambda=0.02)  # fmt: skip

    c = discretise(m, compartments=nseg)

    assert len(s) == 15
    np.testing.assert_allclose(c.area, neuron["area"], rtol=RTOL)
    np.testing.assert_allclose(c.length, neuron["L"], rtol=RTOL)
    np.testing.assert_allclose(c.distance, neuron["distance"], rtol=RTOL)
    # From the middle of the compartment before to the begin of the own, if that is the same
    # section; then to the own middle. 100 Ohm cm over 1 um is 1 MOhm um.
    first = np.arange(len(c)) % nseg == 0
    before = np.where(first, 0.0, np.roll(c.far, 1))
    np.testing.assert_allclose(before + c.near, neuron["ri"], rtol=RTOL)

    counts = np.bincount(discretise(m, d_lambda=0.02).section)
    np.testing.assert_array_equal(counts, neuron["nseg_d_lambda"])


DT, T1 = 0.025, 40.0


@pytest.mark.parametrize("nseg", [1, 4])
def test_every_compartment_follows_neuron_s(nseg, oracle, x64):
    m = wriggling_tree(15)
    s = m.sections
    theirs = oracle("neuron_cell", offsets=s.offsets, xyz=s.xyz, radii=s.radii, before=s.before,
                    nseg=nseg, amplitude=0.3, dt=DT, t1=T1)["v"]  # fmt: skip

    compartments = discretise(m, compartments=nseg)
    channels = {"hh": HodgkinHuxley(), "leak": Leak(g=0.3, E=-54.3)}
    cell = Cell(compartments, channels, sites={"middle": nseg // 2})
    # NEURON's electrode is on from the step whose middle is after 1 ms.
    ours = nj.simulate(cell, {"middle": nj.Step(0.3, start=1.0)}, t1=T1, dt=DT, record=["v"])["v"]

    spikes = (theirs[0][1:] > 0) & (theirs[0][:-1] <= 0)
    assert spikes.sum() >= 3
    # The outline is in single precision in NEURON (2e-6 of resistances and areas); an upstroke of
    # 300 mV/ms makes 0.003 mV of it for each 1e-5 ms that a spike is moved.
    np.testing.assert_allclose(ours.T, theirs[:, : len(ours)], atol=5e-3)
