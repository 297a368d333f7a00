"""Cells with synapses and with calcium: what arrives is summed, what enters is counted."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj
from neurojax.channels import SK_E2, Ca_HVA, CaL, CalciumPool, HodgkinHuxley, Leak
from neurojax.dendrites import (
    Cell,
    Synapses,
    build_morphology,
    discretise,
    placed,
    random_morphology,
    voltage_clamp,
)
from neurojax.synapses import AMPA, NMDA, Exponential

FARADAY = 96485.33212


def small_tree():
    return discretise(random_morphology(np.random.default_rng(0), tips=6), max_length=40.0)


def sphere(channels, **kwargs) -> Cell:
    return Cell(discretise(build_morphology(10.0, [])), channels, **kwargs)


def test_synapses_on_a_compartment_are_summed():
    """Three on two compartments, of two weights, are two conductances, which add up."""
    compartments = small_tree()
    synapses = {"ampa": Synapses(AMPA(), [5, 3, 5], jnp.array([1e-3, 2e-3, 4e-3]))}
    cell = Cell(compartments, {"leak": Leak()}, synapses=synapses, sites={"three": 3, "five": 5})
    state = cell.initial_state()
    assert state.synapses["ampa"].shape == (2, 2)
    arrived = cell.receive(state, {"ampa": jnp.array([1.0, 1.0, 2.0])})
    one = Cell(compartments, {}, synapses={"ampa": Synapses(AMPA(), [3, 5], 1.0)})
    alone = one.receive(one.initial_state(), {"ampa": jnp.array([2e-3, 9e-3])})
    np.testing.assert_allclose(arrived.synapses["ampa"], alone.synapses["ampa"], rtol=1e-6)


def test_a_synaptic_potential_in_closed_form(x64):
    """A constant conductance on a passive sphere tends to `(g_l E_l + g E) / (g_l + g)` with the
    time constant of both; the decay of 1e9 ms is none."""
    cell = sphere(
        {"leak": Leak(g=0.1, E=-70.0)},
        v_init=-70.0,
        synapses={"on": Synapses(Exponential(tau=1e9), [0], 2e-3)},
    )
    run = nj.simulate(cell, 0.0, incoming={"on": nj.Arrivals([0.0], [[1.0]])}, t1=200.0, dt=0.01)
    area = 4 * np.pi * 10.0**2 * 1e-5
    leak, total = 0.1 * area, 0.1 * area + 2e-3
    end, tau = -70.0 * leak / total, area / total
    t = np.arange(len(run.ts)) * 0.01
    # Backward Euler: first order, dt/tau of the way.
    exact = end + (-70.0 - end) * np.exp(-t / tau)
    assert np.abs(run["v[soma]"][1:] - exact[:-1]).max() < 70 * 0.01 / tau
    assert run["v[soma]"][-1] == pytest.approx(end, abs=1e-5)


def test_spikes_of_a_population_and_of_a_batch_are_those_of_each_cell():
    compartments = small_tree()
    n, shape = 4, (3,)
    synapses = {
        "ampa": Synapses(AMPA(), [2, 7, 7, 9], 1e-3),
        "nmda": Synapses(NMDA(), [2, 7, 7, 9], 1e-3),
    }
    rng = np.random.default_rng(0)
    spikes = (rng.random((400, n, *shape)) < 0.02).astype(np.float32)
    channels = {"hh": HodgkinHuxley(), "leak": Leak(g=0.3, E=-54.3)}

    def trace(cell, spikes):
        incoming = {"ampa": nj.Series(spikes), "nmda": nj.Series(spikes)}
        return nj.simulate(cell, 0.0, incoming=incoming, t1=10.0, dt=0.025)["v[soma]"]

    alone = Cell(compartments, channels, synapses=synapses)
    each = np.stack([trace(alone, spikes[..., k]) for k in range(3)], -1)
    many = trace(Cell(compartments, channels, synapses=synapses, shape=shape), spikes)
    np.testing.assert_allclose(many, each, atol=0.05)  # rounding, grown by upstrokes
    batched = jax.vmap(lambda s: trace(alone, s), in_axes=2, out_axes=1)(jnp.asarray(spikes))
    np.testing.assert_allclose(batched, each, atol=0.05)
    assert np.ptp(each) > 5


def test_gradients_in_weights_and_time_constants(x64):
    compartments = small_tree()
    cell = Cell(
        compartments,
        {"hh": HodgkinHuxley(), "leak": Leak(g=0.3, E=-54.3)},
        synapses={"nmda": Synapses(NMDA(), [2, 7, 7], jnp.array([1e-3, 2e-3, 3e-3]))},
    )
    spikes = np.zeros((200, 3))
    spikes[[10, 40, 90], [0, 1, 2]] = 1.0

    def pick(cell):
        nmda = cell.synapses["nmda"]
        return [nmda.weight, nmda.synapse.tau_decay, nmda.synapse.magnesium]

    @eqx.filter_jit
    def loss(parameters):
        there = eqx.tree_at(pick, cell, parameters)
        run = nj.simulate(there, 0.0, incoming={"nmda": nj.Series(spikes)}, t1=5.0, dt=0.025)
        return jnp.mean(run["v[soma]"] ** 2)

    parameters = pick(cell)
    found = jax.grad(loss)(parameters)
    for k, x in enumerate(parameters):
        for i in np.ndindex(x.shape):
            h = 1e-5 * float(x[i])
            up, down = (
                loss([*parameters[:k], x.at[i].add(d), *parameters[k + 1 :]]) for d in (h, -h)
            )
            np.testing.assert_allclose(found[k][i], (up - down) / (2 * h), rtol=1e-5)


def test_calcium_that_enters_is_counted(x64):
    """Through a clamped membrane whose channel has come to rest, the pool tends to
    `minimum − I gamma decay / (2 F depth)`, and what it reads is what it holds."""
    cell = sphere({"cal": CaL(g=0.1)}, pools={"ca": CalciumPool(gamma=0.01, decay=20.0, depth=0.1)})
    run = nj.simulate(cell, voltage_clamp(-10.0), t1=10_000.0, dt=0.5, record=["ions.ca[soma]"])
    state = run.final.state
    (current,) = CaL(g=0.1).currents(state.v, state.gates["cal"], {})
    density = float(current.at(state.v)[0])  # µA/cm², inward
    entering = -density * 1e-6 / (2 * FARADAY) * 0.01  # mol/(s cm²)
    expected = 1e-4 + entering / 0.1e-4 * 1e3 * 20.0  # per cm³: 1e6 mM/s for each, 1e3 mM/ms
    assert density < -1
    np.testing.assert_allclose(run["ions.ca[soma]"][-1], expected, rtol=1e-6)


def test_channels_read_the_pool_where_they_are():
    """A pool in some compartments, channels in some of these."""
    compartments = small_tree()
    apical = compartments.select("apical")
    half = apical & (np.arange(len(compartments)) % 2 == 0)
    cell = Cell(
        compartments,
        {"leak": Leak(), "hva": placed(Ca_HVA(), half), "sk": placed(SK_E2(), apical)},
        pools={"ca": placed(CalciumPool(), apical)},
        sites={"tip": int(np.flatnonzero(half)[-1])},
    )
    drive = {"tip": voltage_clamp(0.0)}
    run = nj.simulate(cell, drive, t1=20.0, dt=0.025, record=["ions.ca[tip]", "gates.sk[tip]"])
    last = run.final.state
    ca = last.ions["ca"]
    row = int(np.flatnonzero(np.flatnonzero(apical) == cell.sites["tip"])[0])
    assert ca.shape == (apical.sum(),)
    assert cell.at_site(last, "ions.ca", "tip") == ca[row] == ca.max()
    assert cell.at_site(last, "gates.sk", "tip")[0] == last.gates["sk"][0, row] > 0
    assert run["ions.ca[tip]"][-1] == pytest.approx(
        float(ca[row]), rel=0.01
    )  # a step before the end
    assert run["gates.sk[tip]"].shape == (800, 1)
    closed = ca[~half[apical]]
    assert np.all(closed <= 1e-4 * (1 + 1e-6))  # no channel, no calcium; there is no diffusion


def test_wrong_input_is_named():
    compartments = small_tree()
    basal = compartments.select("basal")
    with pytest.raises(ValueError, match=r"channels\['sk'\] reads .* ca.* there are gaps"):
        Cell(compartments, {"sk": SK_E2()}, pools={"ca": placed(CalciumPool(), basal)})
    with pytest.raises(ValueError, match=r"synapses\['ampa'\] is placed in compartment 999"):
        Cell(compartments, {}, synapses={"ampa": Synapses(AMPA(), [999], 1.0)})
    cell = Cell(compartments, {"leak": Leak()}, synapses={"ampa": Synapses(AMPA(), [3], 1.0)})
    with pytest.raises(ValueError, match="a dict by the names of synapses, ampa, got 'gaba'"):
        nj.simulate(cell, 0.0, incoming={"gaba": jnp.ones(1)}, t1=1.0, dt=0.1)
    with pytest.raises(ValueError, match=r"a value for each of 1 synapses, got the shape \(2,\)"):
        nj.simulate(cell, 0.0, incoming={"ampa": jnp.ones(2)}, t1=1.0, dt=0.1)
    with pytest.raises(ValueError, match=r"no synapses.ampa at the site 'soma'"):
        nj.simulate(cell, 0.0, t1=1.0, dt=0.1, record=["synapses.ampa[soma]"])
    with pytest.raises(ValueError, match=r"record has no 'gates.na"):
        nj.simulate(cell, 0.0, t1=1.0, dt=0.1, record=["gates.na[soma]"])
