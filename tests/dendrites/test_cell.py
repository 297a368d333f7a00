"""Cells: the cable in closed form, one compartment as a point neuron, populations, gradients."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj
from neurojax.channels import SK_E2, HodgkinHuxley, Leak
from neurojax.core._exponential_euler import coarse_phi1
from neurojax.dendrites import (
    Branch,
    Cell,
    TreeSolver,
    build_morphology,
    discretise,
    placed,
    random_morphology,
    voltage_clamp,
)


def small_tree():
    return random_morphology(np.random.default_rng(0), tips=6)


def fired(trace: np.ndarray) -> np.ndarray:
    return np.flatnonzero((trace[1:] > 0) & (trace[:-1] <= 0))


def test_a_sphere_is_a_point_neuron(x64):
    """Of 10 µm: 1 nA is 79.6 µA/cm²."""
    sphere = discretise(build_morphology(10.0, []))
    area = 4 * np.pi * 10.0**2
    cell = Cell(sphere, {"hh": HodgkinHuxley(), "leak": Leak(g=0.3, E=-54.3)})
    point = nj.HodgkinHuxley()
    ours = nj.simulate(cell, 0.1, t1=50.0, dt=0.025)
    theirs = nj.simulate(point, 0.1 / area * 1e5, t1=50.0, dt=0.025)
    np.testing.assert_allclose(ours["v[soma]"], theirs["v"], atol=1e-8)
    np.testing.assert_array_equal(ours.spikes.times, theirs.spikes.times)
    assert len(ours.spikes.times) > 2


def cable(compartments: int) -> Cell:
    """1,000 µm of radius 1 µm on a soma too small to matter."""
    m = build_morphology(0.05, [Branch(None, 1000.0, 1.0)])
    return Cell(
        discretise(m, compartments={"basal": compartments}),
        {"leak": Leak(g=0.1, E=0.0)},
        v_init=0.0,
    )


def test_a_passive_cable_is_rall_s(x64):
    """`V(x) = I R∞ cosh((l − x)/λ) / sinh(l/λ)`, λ = √(r / (2 g R_a)); Rall 1962. The error of
    compartments falls with the square of their length."""
    length, radius, R_a, g = 0.1, 1e-4, 100.0, 1e-4  # cm, cm, Ω·cm, S/cm²
    constant = np.sqrt(radius / (2 * g * R_a))
    infinite = np.sqrt(R_a / (2 * g)) / (np.pi * radius**1.5)  # Ω
    errors = []
    for count in (10, 20):
        cell = cable(count)
        x = (np.arange(count) + 0.5) * length / count
        expected = 1e-8 * infinite * np.cosh((length - x) / constant) / np.sinh(length / constant)
        run = nj.simulate(cell, 0.01, t1=400.0, dt=0.5, record=["v"])
        errors.append(np.abs(run.final.state.v[1:] - expected).max() / expected.max())
    assert errors[1] < 1e-3
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)


def test_a_mode_of_a_passive_cable_decays_as_rall_s(x64):
    """`cos(π x / l)` on a sealed cable decays at the rate `(1 + (π λ / l)²) / τ`: Rall 1969,
    Biophys. J. 9, 1483. On n compartments π/2n is sin(π/2n), and in steps of backward Euler the
    mode is divided by 1 + rate dt in each."""
    n, dt, steps = 40, 0.01, 200
    share = np.sqrt(1e-4 / (2 * 1e-4 * 100.0)) / 0.1  # λ / l: radius, S/cm², Ω·cm, length in cm
    mode = np.cos(np.pi * (np.arange(n) + 0.5) / n)
    cell = eqx.tree_at(lambda c: c.v_init, cable(n), jnp.append(1.0, mode))
    run = nj.simulate(cell, 0.0, t1=steps * dt, dt=dt, record=["v"])
    found = run.final.state.v[1:]

    rate, own_rate = (
        (1 + (2 * n * share * angle) ** 2) / 10.0  # τ is 10 ms
        for angle in (np.pi / (2 * n), np.sin(np.pi / (2 * n)))
    )
    np.testing.assert_allclose(found, mode * np.exp(-rate * steps * dt), atol=2e-3)
    # What is left is the soma's membrane, 5e-6 of the cable's.
    np.testing.assert_allclose(found, mode / (1 + own_rate * dt) ** steps, atol=2e-5)


def test_solvers_agree(x64):
    """Backward Euler, of first order, beside an explicit solver of fifth order at 0.001 ms."""
    cell = Cell(discretise(small_tree()), {"leak": Leak(g=0.3)})
    ours = nj.simulate(cell, 0.5, t1=4.0, dt=0.01, record=["v"]).final.state.v
    theirs = nj.simulate(cell, 0.5, t1=4.0, dt=1e-3, solver=diffrax.Tsit5(), record=["v"])
    half = nj.simulate(cell, 0.5, t1=4.0, dt=0.005, record=["v"]).final.state.v
    coarse, fine = (np.abs(x - theirs.final.state.v).max() for x in (ours, half))
    assert coarse < 0.1
    assert coarse / fine == pytest.approx(2, rel=0.05)


def test_a_population_a_batch_and_cells_one_by_one():
    compartments = discretise(small_tree())
    currents = jnp.array([0.0, 0.5, 1.0])
    channels = {"hh": HodgkinHuxley(), "leak": Leak(g=0.3, E=-54.3)}
    alone = Cell(compartments, channels)

    def trace(current):
        return nj.simulate(alone, current, t1=20.0, dt=0.025)["v[soma]"]

    each = np.stack([trace(current) for current in currents])
    many = nj.simulate(Cell(compartments, channels, shape=(3,)), currents, t1=20.0, dt=0.025)
    # Rounding of single precision, multiplied on the upstrokes.
    np.testing.assert_allclose(many["v[soma]"].T, each, atol=0.05)
    np.testing.assert_allclose(jax.vmap(trace)(currents), each, atol=0.05)
    np.testing.assert_array_equal(many.spikes.counts(), [len(fired(x)) for x in each])
    assert len(fired(each[2])) > 1


def test_a_channel_is_where_it_is_placed():
    """Sodium and potassium in the soma and in one region; elsewhere the membrane is passive."""
    compartments = discretise(small_tree())
    apical = compartments.select("apical")
    everywhere = Leak(g=0.3, E=-65.0)
    some = Cell(compartments, {"leak": everywhere, "hh": placed(HodgkinHuxley(), apical)})
    weights = jnp.where(apical, 1.0, 0.0)
    squid = HodgkinHuxley(g_Na=120.0 * weights, g_K=36.0 * weights)
    all_of_it = Cell(compartments, {"leak": everywhere, "hh": squid})
    a, b = (nj.simulate(cell, 1.0, t1=10.0, dt=0.025, record=["v"]) for cell in (some, all_of_it))
    assert some.initial_state().gates["hh"].shape == (3, apical.sum())
    np.testing.assert_allclose(a["v"], b["v"], atol=1e-3)


def test_a_clamp_holds_the_voltage():
    """Of 1 kΩ in series: to a thousandth of a mV for each nA, of which a few flow once the
    membrane is charged."""
    compartments = discretise(small_tree())
    cell = Cell(compartments, {"leak": Leak()}, sites={"tip": len(compartments) - 1})
    drive = {"soma": voltage_clamp(-20.0), "tip": nj.Step(0.1, start=5.0, stop=10.0)}
    run = nj.simulate(cell, drive, t1=20.0, dt=0.025, record=["v[soma]", "v[tip]"])
    np.testing.assert_allclose(run["v[soma]"][2:], -20.0, atol=5e-3)
    assert run["v[tip]"].max() > run["v[tip]"][-1] + 1


def test_gradients_are_those_of_differences(x64):
    """In every conductance, capacitance and resistivity, each of its own in each compartment."""
    compartments = discretise(small_tree())
    n = len(compartments)
    squid = HodgkinHuxley(g_Na=jnp.full(n, 120.0), g_K=jnp.full(n, 36.0))
    cell = Cell(
        compartments,
        {"hh": squid, "leak": Leak(g=jnp.full(n, 0.3), E=-54.3)},
        R_a=jnp.full(n, 100.0),
        C_m=jnp.full(n, 1.0),
    )

    def pick(cell):
        hh, leak = cell.channels["hh"].mechanism, cell.channels["leak"].mechanism
        return [hh.g_Na, hh.g_K, leak.g, cell.R_a, cell.C_m]

    @eqx.filter_jit
    def loss(parameters):
        there = eqx.tree_at(pick, cell, parameters)
        return jnp.mean(nj.simulate(there, 1.0, t1=3.0, dt=0.025)["v[soma]"] ** 2)

    parameters = pick(cell)
    found = jax.jit(jax.grad(loss))(parameters)
    direction = [jnp.asarray(np.random.default_rng(1).normal(size=n)) * x for x in parameters]
    for k in range(len(parameters)):

        def moved(h, k=k):
            return loss([*parameters[:k], parameters[k] + h * direction[k], *parameters[k + 1 :]])

        expected = (moved(1e-5) - moved(-1e-5)) / 2e-5
        np.testing.assert_allclose(jnp.vdot(found[k], direction[k]), expected, rtol=1e-6)
        assert abs(expected) > 1e-3


def test_wrong_input_is_named():
    compartments = discretise(small_tree())
    with pytest.raises(ValueError, match="R_a must be positive"):
        Cell(compartments, {}, R_a=-1.0)
    with pytest.raises(ValueError, match=r"channels\['leak'\].g must be a scalar or have a value"):
        Cell(compartments, {"leak": Leak(g=jnp.ones(2))})
    with pytest.raises(ValueError, match=r"sites\['tuft'\] is 999"):
        Cell(compartments, {}, sites={"tuft": 999})
    with pytest.raises(ValueError, match=r"channels\['sk'\] reads the concentration of ca"):
        Cell(compartments, {"sk": SK_E2()})
    cell = Cell(compartments, {"leak": Leak()})
    with pytest.raises(ValueError, match="no site 'tuft': the cell has soma"):
        nj.simulate(cell, {"tuft": 1.0}, t1=1.0, dt=0.1)
    with pytest.raises(ValueError, match="no site 'tuft'"):
        nj.simulate(cell, 1.0, t1=1.0, dt=0.1, record=["v[tuft]"])
    with pytest.raises(ValueError, match="resistance must be positive"):
        voltage_clamp(-20.0, resistance=0.0)


@pytest.mark.parametrize(
    ("solver", "order"), [(nj.SemiImplicitEuler, 1), (nj.StaggeredCrankNicolson, 2)]
)
def test_orders_of_the_solvers(solver, order, x64):
    """Of a spike that a smooth current evokes, against steps of 1/16 of the finest's."""
    cell = Cell(discretise(small_tree()), {"hh": HodgkinHuxley(), "leak": Leak(g=0.3, E=-54.3)})
    drive = nj.Sine(0.5, frequency=50.0, phase=-np.pi / 2, offset=0.5)

    def end(dt, solver):
        solver = solver(linear_solver=TreeSolver())
        return nj.simulate(cell, drive, t1=6.0, dt=dt, solver=solver).final.state.v

    exact = end(0.000625, nj.StaggeredCrankNicolson)
    coarse, fine = (np.abs(end(dt, solver) - exact).max() for dt in (0.02, 0.01))
    assert coarse > 1e-4
    assert coarse / fine == pytest.approx(2**order, rel=0.1)


def test_coarse_gates_are_as_good_as_they_say(x64):
    """φ₁ within its stated error, and spikes of 30 ms to 1e-6 ms."""
    z = -np.concatenate([np.linspace(0, 0.5, 1001), np.linspace(0.5, 40, 4001)])
    error = np.abs(1 + z * np.array(coarse_phi1(jnp.asarray(z))) - np.exp(z))
    assert error.max() < 7.4e-6
    assert error[z >= -0.5].max() < 6.5e-9
    cell = Cell(discretise(small_tree()), {"hh": HodgkinHuxley(), "leak": Leak(g=0.3, E=-54.3)})
    runs = [
        np.array(
            nj.simulate(
                cell,
                1.0,
                t1=30.0,
                dt=0.025,
                solver=nj.SemiImplicitEuler(linear_solver=TreeSolver(), coarse_gates=coarse),
            )["v[soma]"]
        )
        for coarse in (False, True)
    ]
    times = [crossings(v, 0.025) for v in runs]
    assert len(times[0]) > 2
    np.testing.assert_allclose(times[1], times[0], atol=1e-6)
    assert not np.array_equal(runs[0], runs[1])


def crossings(trace: np.ndarray, dt: float) -> np.ndarray:
    """Times (ms) at which it rises through zero, between samples."""
    at = fired(trace)
    return (at - trace[at] / (trace[at + 1] - trace[at])) * dt


def test_the_gradient_of_a_large_tree(x64):
    """2,381 compartments over 400 steps, whose states are too many to keep: larger than what one
    thread would be given, and than sums that XLA takes for its own."""
    compartments = discretise(random_morphology(np.random.default_rng(0), 300), compartments=4)

    def loss(g):
        cell = Cell(compartments, {"leak": Leak(g=g)})
        return jnp.mean(nj.simulate(cell, 1.0, t1=10.0, dt=0.025)["v[soma]"])

    loss = jax.jit(loss)
    g = jnp.full(len(compartments), 0.3)
    found = jax.jit(jax.grad(loss))(g)
    expected = (loss(1.0001 * g) - loss(0.9999 * g)) / 2e-4
    np.testing.assert_allclose(jnp.vdot(found, g), expected, rtol=1e-6)
