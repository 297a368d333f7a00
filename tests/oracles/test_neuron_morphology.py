"""Geometry against NEURON's: sections of our outlines, as its pt3d points."""

import numpy as np
import pytest

from neurojax.dendrites._discretise import discretise
from neurojax.dendrites._morphology import Morphology

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
