"""Potentials outside a cell: integrals, limits, Kirchhoff's law, the shape of a spike."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

import neurojax as nj
from neurojax.channels import HodgkinHuxley, Leak
from neurojax.dendrites import (
    Branch,
    Cell,
    build_morphology,
    discretise,
    extracellular_matrix,
    extracellular_potential,
    membrane_current,
    random_morphology,
    voltage_clamp,
)


def tree():
    return discretise(random_morphology(np.random.default_rng(2), tips=5), max_length=30.0)


def test_a_line_source_is_the_integral_of_points():
    """Of a cable along y from 10 to 70 µm that narrows from 2 to 1 µm: the current leaves by the
    surface, which is more where the cable is wide, half by half of the compartment."""
    c = discretise(build_morphology(10.0, [Branch(None, 60.0, (2.0, 1.0))]))
    electrodes = np.array(
        [[30.0, 20.0, 0.0], [0.0, 95.0, 5.0], [-3.0, 40.0, 4.0], [8.0, -30.0, 0.0]]
    )
    halves = np.array([(2.0 + 1.5), (1.5 + 1.0)])
    shares = halves / halves.sum()
    for place, found in zip(
        electrodes, extracellular_matrix(c, electrodes, sigma=0.4), strict=True
    ):

        def potential(y, place=place):
            return 1 / (4 * np.pi * 0.4 * np.linalg.norm(place - np.array([0.0, y, 0.0])))

        each = [
            quad(potential, a, a + 30.0, epsabs=0, epsrel=1e-11)[0] / 30.0 for a in (10.0, 40.0)
        ]
        np.testing.assert_allclose(found[1], shares @ each, rtol=1e-10)
        np.testing.assert_allclose(found[0], potential(0.0), rtol=1e-12)


def test_far_away_a_cell_is_a_point():
    """1 nA from 1 m: `1 / (4 π σ r)` mV; a cell of half a mm is one to 1e-3."""
    matrix = extracellular_matrix(tree(), np.array([[6e5, 8e5, 0.0]]), sigma=0.3)
    np.testing.assert_allclose(matrix, 1 / (4 * np.pi * 0.3 * 1e6), rtol=1e-3)


def test_electrodes_inside_are_on_the_surface():
    c = discretise(build_morphology(10.0, [Branch(None, 60.0, 2.0)]))
    inside, surface = (
        np.array([[0.0, 0.0, 1.0], [0.5, 40.0, 0.0]]),
        [[0.0, 0.0, 10.0], [2.0, 40.0, 0]],
    )
    a, b = (extracellular_matrix(c, np.array(places)) for places in (inside, surface))
    np.testing.assert_allclose(np.diag(a), np.diag(b), rtol=1e-12)


@pytest.mark.usefixtures("x64")
def test_currents_obey_kirchhoff():
    """They add up to what electrodes inject, and each is the membrane's own: C dv/dt + I_ion."""
    c = tree()
    cell = Cell(c, {"leak": Leak(g=0.3, E=-65.0)}, C_m=2.0, sites={"tip": len(c) - 1})
    step, clamp = nj.Step(0.2, start=1.0), voltage_clamp(-60.0, resistance=10.0)
    drive = {"soma": step, "tip": clamp}
    run = nj.simulate(cell, drive, t1=5.0, dt=0.025, record=["v", "v[tip]"])
    by_electrodes = {"soma": jax.vmap(step.at)(run.ts), "tip": clamp.at(run["v[tip]"])}
    currents = membrane_current(cell, run["v"], by_electrodes)

    np.testing.assert_allclose(currents.sum(axis=1), sum(by_electrodes.values()), atol=1e-10)
    alone = membrane_current(cell, run["v"])
    np.testing.assert_allclose(alone.sum(axis=1), 0.0, atol=1e-10)
    assert jnp.abs(alone).max() > 0.01

    last = cell.initial_state()._replace(v=run["v"][-1])
    now = {"soma": 0.2, "tip": clamp}
    rate = cell.vector_field(run.ts[-1], last, now).v
    own = 1e-5 * c.area * (2.0 * rate + 0.3 * (last.v + 65.0))
    np.testing.assert_allclose(currents[-1], own, rtol=1e-8, atol=1e-12)


def test_a_spike_is_negative_where_it_begins():
    """Sodium flows into the soma, and out of the passive dendrites (Gold et al. 2006, J.
    Neurophysiol. 95, 3113): a trough near the soma, some 0.1 mV, and less and less far away."""
    branches = [Branch(None, 400.0, 1.5, "apical"), *4 * [Branch(None, 150.0, 0.7)]]
    c = discretise(build_morphology(10.0, branches), max_length=20.0)
    at_soma = jnp.where(c.select("soma"), 1.0, 0.0)
    squid = HodgkinHuxley(g_Na=600.0 * at_soma, g_K=180.0 * at_soma)
    cell = Cell(c, {"hh": squid, "leak": Leak(g=0.1, E=-65.0)})
    run = nj.simulate(cell, 1.0, t1=10.0, dt=0.025, record=["v", "spikes"])
    matrix = extracellular_matrix(c, np.array([[15.0, 0.0, 0.0], [30.0, 0, 0], [60.0, 0, 0]]))
    trace = np.asarray(extracellular_potential(matrix, membrane_current(cell, run["v"], 1.0)))

    assert run.spikes.counts() == 1
    trough, peak = trace.min(axis=0), trace.max(axis=0)
    assert -1 < trough[0] < -0.05
    assert trough[0] < trough[1] < trough[2] < 0
    assert np.all(-trough[:2] > peak[:2])
    spike = int(np.argmin(np.abs(run.ts - run.spikes.times[0])))
    assert abs(int(trace[:, 0].argmin()) - spike) < 20  # within 0.5 ms


@pytest.mark.usefixtures("x64")
def test_populations_and_gradients():
    c = tree()
    matrix = extracellular_matrix(c, np.array([[20.0, 20.0, 0.0], [50.0, 0.0, 0.0]]))

    @eqx.filter_jit
    def trace(R_a, g, shape=()):
        cell = Cell(c, {"leak": Leak(g=g, E=-65.0)}, R_a=R_a, shape=shape)
        current = jnp.full(shape, 0.3)
        run = nj.simulate(cell, current, t1=2.0, dt=0.1, record=["v"])
        return extracellular_potential(matrix, membrane_current(cell, run["v"], current))

    def loss(R_a, g):
        return jnp.sum(trace(R_a, g) ** 2)

    many = trace(100.0, 0.3, (3,))
    assert many.shape == (20, 2, 3)
    np.testing.assert_allclose(many[..., 1], trace(100.0, 0.3), rtol=1e-9)
    slopes = jax.grad(loss, (0, 1))(100.0, 0.3)
    ahead, behind = loss(100.0 + 1e-3, 0.3), loss(100.0 - 1e-3, 0.3)
    np.testing.assert_allclose(slopes[0], (ahead - behind) / 2e-3, rtol=1e-6)
    ahead, behind = loss(100.0, 0.3 + 1e-5), loss(100.0, 0.3 - 1e-5)
    np.testing.assert_allclose(slopes[1], (ahead - behind) / 2e-5, rtol=1e-6)


def test_wrong_input_is_named():
    c = tree()
    place = np.zeros((1, 3))
    with pytest.raises(ValueError, match="sigma must be positive and finite"):
        extracellular_matrix(c, place, sigma=0.0)
    with pytest.raises(ValueError, match="electrodes must be places"):
        extracellular_matrix(c, place * np.nan)
    cell = Cell(c, {"leak": Leak()})
    with pytest.raises(ValueError, match=rf"v must be of all {len(c)} compartments.*\(5, 2\)"):
        membrane_current(cell, jnp.zeros((5, 2)))
    with pytest.raises(ValueError, match="no site 'tuft'"):
        membrane_current(cell, jnp.zeros((5, len(c))), {"tuft": 1.0})
