"""Trees beside NEURON's, of our outlines as its pt3d points: geometry, and cells with channels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj
from neurojax.channels import HodgkinHuxley, Leak
from neurojax.dendrites import Cell, Compartments, Morphology, TreeSolver, discretise, voltage_clamp

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
def test_areas_resistances_and_distances_are_neurons(nseg, tree_oracle):
    m = wriggling_tree(15)
    c = discretise(m, compartments=nseg)

    neuron = tree_oracle("neuron_morphology", m, c, d_lambda=0.02)

    assert len(m.sections) == 15
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


def squid(m: Morphology, c: Compartments) -> Cell:
    """NEURON's electrode is in the middle of section 0."""
    middle = int((c.section == 0).sum()) // 2
    channels = {"hh": HodgkinHuxley(), "leak": Leak(g=0.3, E=-54.3)}
    return Cell(c, channels, sites={"middle": middle})


@pytest.mark.parametrize("nseg", [1, 4])
def test_every_compartment_follows_neuron_s(nseg, tree_oracle, x64):
    m = wriggling_tree(15)
    c = discretise(m, compartments=nseg)
    theirs = tree_oracle("neuron_cell", m, c, watched=np.arange(len(c)), amplitude=0.3, start=1.0,
                         dt=0.025, secondorder=0, t1=40.0)["v"]  # fmt: skip

    # NEURON's electrode is on from the step whose middle is after 1 ms.
    drive = {"middle": nj.Step(0.3, start=1.0)}
    ours = nj.simulate(squid(m, c), drive, t1=40.0, dt=0.025, record=["v"])["v"]

    assert len(spike_times(theirs[0], 0.025)) >= 3
    # The outline is in single precision in NEURON (2e-6 of resistances and areas); an upstroke of
    # 300 mV/ms makes 0.003 mV of it for each 1e-5 ms that a spike is moved.
    np.testing.assert_allclose(ours.T, theirs[:, : len(ours)], atol=5e-3)


def spike_times(v, dt):
    """Upward crossings of 0 mV (ms), interpolated."""
    at = np.flatnonzero((v[1:] > 0) & (v[:-1] <= 0))
    return dt * (at - v[at] / (v[at + 1] - v[at]))


STEPS_MS = (0.025, 0.0125, 0.00625)


@pytest.mark.parametrize(
    ("name", "nseg", "amplitude"),
    [("morph_ca1_n120", 1, 2.0), ("morph_ca1_n120", 4, 2.0), ("morph_l5pc_with_axon", 1, 4.0)],
)
def test_spikes_over_100_ms_are_neuron_s(name, nseg, amplitude, reconstruction, tree_oracle, x64):
    """Those of equal steps are NEURON's own; those of ever smaller steps tend to its solution of
    variable steps."""
    m = reconstruction(name)
    c = discretise(m, compartments=nseg)
    cell = squid(m, c)

    def ours(dt, solver=None):
        drive = {"middle": nj.Step(amplitude, start=5.0)}
        run = nj.simulate(cell, drive, t1=100.0, dt=dt, solver=solver, record=["v[middle]"])
        return spike_times(np.asarray(run["v[middle]"]), dt)

    def neuron(dt, secondorder=0):
        run = tree_oracle("neuron_cell", m, c, watched=[cell.sites["middle"]], start=5.0, dt=dt,
                          amplitude=amplitude, secondorder=secondorder, t1=100.0)  # fmt: skip
        return spike_times(run["v"][0], dt or 0.00625)

    exact = neuron(0.0)
    coarse, middling, fine = map(ours, STEPS_MS)
    assert len(coarse) >= 5
    # An outline in single precision, 6e-8 of radii and of lengths, over 100 ms.
    np.testing.assert_allclose(coarse, neuron(0.025), rtol=0, atol=1e-5)
    late = np.abs(np.array([coarse, middling, fine]) - exact)
    # First order: half the step, half the delay. What is left of it in the limit is of second.
    np.testing.assert_allclose(late[:-1] / late[1:], 2, atol=0.1)
    np.testing.assert_allclose(2 * fine - middling, exact, rtol=0, atol=0.01)

    solver = nj.StaggeredCrankNicolson(linear_solver=TreeSolver())
    coarse, middling, fine = (ours(dt, solver) for dt in STEPS_MS)
    np.testing.assert_allclose(coarse, neuron(0.025, secondorder=2), rtol=0, atol=1e-5)
    late = np.abs(np.array([coarse, middling, fine]) - exact).max(axis=1)
    assert late[0] < 0.1
    np.testing.assert_allclose(late[:-1] / late[1:], 4, atol=0.2)


HOLDS, RESISTANCE = (-65.0, -10.0, -90.0), 0.1  # mV; MOhm


@pytest.mark.parametrize("nseg", [1, 3])
def test_currents_of_a_voltage_clamp_are_neuron_s(nseg, reconstruction, tree_oracle, x64):
    """Of the soma's middle; the dendrites escape it, and fire on their own."""
    m = reconstruction("morph_ca1_n120")
    c = discretise(m, compartments=nseg)
    cell = squid(m, c)
    middle, far = cell.sites["middle"], int(np.argmax(c.distance))
    neuron = tree_oracle("neuron_cell", m, c, watched=[middle, far], clamp=HOLDS, secondorder=0,
                         resistance=RESISTANCE, dt=0.025, t1=15.0)  # fmt: skip

    first, second, third = HOLDS
    held = first + nj.Step(second - first, 5.0, 10.0) + nj.Step(third - first, 10.0)
    drive = {"middle": voltage_clamp(held, RESISTANCE)}
    v = np.asarray(nj.simulate(cell, drive, t1=15.0, dt=0.025, record=["v"])["v"])

    # NEURON's current is of the step before: its v at the end, its command.
    commands = jax.vmap(held.at)(0.025 * (jnp.arange(1.0, len(v)) - 0.5))
    current = (commands - v[1:, middle]) / RESISTANCE
    assert v[:, far].max() > 20 and np.ptp(current) > 50
    # The outline's single precision: 1e-7 of an escape of 8 mV, over the resistance.
    np.testing.assert_allclose(current, neuron["i"][1:-1], rtol=0, atol=1e-5)
