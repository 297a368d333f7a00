"""Networks against the same in numpy, step by step."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy import sparse

import neurojax as nj
from neurojax.networks import (
    AllToAll,
    FixedInDegree,
    FixedProbability,
    Network,
    OneToOne,
    Population,
    Projection,
)
from neurojax.synapses import CurrentBased, Exponential

DT = 0.1
N = 60
RNG = np.random.default_rng(0)
MATRIX = np.where(RNG.random((N, N)) < 0.3, RNG.normal(1.0, 2.0, (N, N)), 0.0).astype(np.float32)


def cells(n=N, **more):
    return nj.LIF(shape=(n,), tau_m=20.0, v_threshold=20.0, v_reset=10.0, **more)


def weights_of(network, name):
    """[n_pre, n_post], of populations as a whole."""
    each = network.projections[name]
    eye = jnp.eye(network.populations[each.pre.population].shape[0])
    return np.asarray(jax.vmap(each.sent)(eye))


@pytest.mark.parametrize("delay", [1, 4, 15])
def test_delayed_jumps(delay):
    """A spike of step n arrives between the threshold and the reset of step n + delay."""
    network = Network(
        {"E": cells(refractory=2.0)},
        [Projection("E", "E", sparse.csr_array(MATRIX), delay=delay)],
    )
    outside = np.random.default_rng(1).poisson(2.0, (800, N)).astype(np.float32) * 0.15
    incoming = {"E": nj.Series(outside)}
    sol = nj.simulate(network, t1=80.0, dt=DT, incoming=incoming, record=["E.v", "spikes"])

    v, frozen, spikes = np.zeros(N), np.zeros(N, int), np.zeros((800, N), bool)
    for n in range(800):
        v = np.where(frozen > 0, v, v * np.exp(-DT / 20))
        spikes[n] = v > 20
        arriving = outside[n] + (spikes[n - delay] @ MATRIX if n >= delay else 0.0)
        frozen = np.where(spikes[n], 20, frozen)
        v = np.where(frozen > 0, v, v + arriving)
        v = np.where(spikes[n], 10.0, v)
        frozen = np.maximum(frozen - 1, 0)
    assert spikes.sum() > 500
    np.testing.assert_array_equal(sol.spikes["E"].raster(), spikes)
    np.testing.assert_allclose(sol.final.state["E"].v, v, atol=2e-4)
    assert sol["E.v"].shape == (800, N)


def test_without_delay_spikes_are_received_after_the_resets_of_their_step():
    network = Network(
        {"A": cells(1), "B": cells(1)}, [Projection("A", "B", OneToOne(), 3.0, delay=0)]
    )
    drive = {"A": 100.0}
    sol = nj.simulate(network, drive, t1=20.0, dt=DT, record=["B.v", "A.spikes"])
    (first, *_) = np.nonzero(sol.spikes["A"].raster()[:, 0])[0]
    assert set(sol.spikes) == {"A"}
    np.testing.assert_allclose(sol["B.v"][first + 1, 0], 3.0, rtol=1e-6)
    assert sol["B.v"][first, 0] == 0.0


def test_currents_are_exact():
    """Of a network of LIF neurons and currents that decay, which is linear between spikes: off by
    nothing at any step, as the matrix exponential says."""
    neurons = nj.LIF(shape=(2,), tau_m=20.0, v_threshold=1e9)
    population = Population(neurons, {"exc": CurrentBased(Exponential(tau=5.0))})
    network = Network({"cells": population})
    arriving = {"cells": {"exc": nj.Series(np.eye(50, dtype=np.float32)[0][:, None] * np.ones(2))}}
    for dt in (0.1, 1.0):
        sol = nj.simulate(network, t1=50 * dt, dt=dt, incoming=arriving, record=["cells.v"])
        t = np.maximum(sol.ts - dt, 0.0)  # from the end of the first step on
        due = (np.exp(-t / 20) - np.exp(-t / 5)) * 5 / (20 - 5)
        np.testing.assert_allclose(sol["cells.v"][:, 0], due, atol=2e-6)


def test_parts_of_populations():
    network = Network(
        {"E": cells(10), "I": cells(4)},
        {
            "some": Projection("E[2:5]", "I[1:3]", AllToAll(), 0.5, 1),
            "rest": Projection("I", "E[8:]", AllToAll(), -2.0, 2),
        },
    )
    due = np.zeros((10, 4))
    due[2:5, 1:3] = 0.5
    np.testing.assert_array_equal(weights_of(network, "some"), due)
    due = np.zeros((4, 10))
    due[:, 8:] = -2.0
    np.testing.assert_array_equal(weights_of(network, "rest"), due)


def test_self_connections_are_known():
    rule = FixedProbability(1.0, self_connections=False)
    network = Network({"E": cells(5)}, [Projection("E", "E", rule, 1.0, 1)])
    np.testing.assert_array_equal(weights_of(network, "E->E"), 1 - np.eye(5))


def test_drawn_weights_and_seeds():
    def network(seed):
        draw = lambda rng, n: rng.lognormal(0.0, 0.5, n).astype(np.float32)  # noqa: E731
        return Network(
            {"E": cells(200)}, [Projection("E", "E", FixedInDegree(20), draw, 1)], seed=seed
        )

    one, same, other = (weights_of(network(seed), "E->E") for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert np.any(one != other)
    assert one.sum(0).mean() == pytest.approx(20 * np.exp(0.125), rel=0.05)


def test_a_run_goes_on_bitwise():
    network = Network(
        {"E": cells(refractory=2.0)}, [Projection("E", "E", FixedProbability(0.2), 1.0, 7)]
    )
    drive = {"E": 30.0 + jnp.arange(N) / 10}
    whole = nj.simulate(network, drive, t1=40.0, dt=DT)
    half = nj.simulate(network, drive, t1=17.3, dt=DT)
    rest = nj.simulate(network, drive, t1=40.0, dt=DT, state=half.final)
    assert whole.spikes["E"].counts().sum() > 100
    joined = np.concatenate([x.spikes["E"].raster() for x in (half, rest)])
    np.testing.assert_array_equal(joined, whole.spikes["E"].raster())
    for a, b in zip(
        jax.tree.leaves(rest.final.state), jax.tree.leaves(whole.final.state), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_gradients_reach_weights_through_delays():
    """That of a smooth function of the spikes that follow, by the surrogate, is that of the same
    network in plain arrays."""
    matrix = jnp.asarray(np.abs(MATRIX[:20, :20])) + 0.1
    neurons = nj.LIF(shape=(20,), tau_m=20.0, v_threshold=1.0, soft_reset=True)
    network = Network(
        {"E": neurons}, [Projection("E", "E", AllToAll(), np.full(400, 0.1, np.float32), 3)]
    )
    drive = jnp.linspace(0.9, 2.0, 20)

    def ours(weights):
        laid = network.projections["E->E"].targets.laid_out(weights.reshape(-1))
        changed = eqx.tree_at(lambda n: n.projections["E->E"].weights, network, laid)
        counts = {"n": nj.SpikeCount()}
        return jnp.sum(
            nj.simulate(changed, {"E": drive}, t1=20.0, dt=1.0, record=counts)["n"]["E"] ** 2
        )

    def plain(weights):
        v, past, total = jnp.zeros(20), [jnp.zeros(20)] * 3, jnp.zeros(20)
        for _ in range(20):
            v = v + (drive - v) * (1 - np.exp(-1.0 / 20))
            s = nj.core.spike(v - 1.0, neurons.surrogate)
            v = v + past[0] @ weights - s
            past, total = [*past[1:], s], total + s
        return jnp.sum(total**2)

    value, slope = jax.value_and_grad(ours)(matrix * 0.1)
    due, due_slope = jax.value_and_grad(plain)(matrix * 0.1)
    assert value == due > 0
    np.testing.assert_allclose(slope, due_slope, rtol=1e-4, atol=1e-4)
    assert np.any(slope != 0)


def test_random_populations_need_their_keys():
    network = Network(
        {"P": nj.neurons.PoissonNeuron(shape=(50,)), "E": cells(50)},
        [Projection("P", "E", OneToOne(), 1.0, 1)],
    )
    drive = {"P": 100.0}
    one, two = (nj.simulate(network, drive, t1=50.0, dt=DT, key=jr.key(k)) for k in (0, 1))
    assert np.any(one.spikes["P"].raster() != two.spikes["P"].raster())
    assert one.spikes["P"].counts().mean() == pytest.approx(5, rel=0.2)


@pytest.mark.parametrize(
    ("projection", "message"),
    [
        (dict(pre="X"), "projection 'X->E': pre must be one of E, P, got 'X'"),
        (dict(post="E[5:99]"), r"post is 'E\[5:99\]', and 'E' has 60 neurons"),
        (dict(post="E["), "post must be as"),
        (dict(weight=np.ones(7, np.float32)), r"weight has shape \(7,\); there are 3600 synapses"),
        (dict(weight=np.nan), "weight must be finite"),
        (dict(post="E.ampa"), r"post is 'E\.ampa', and the synapses of 'E' are none by name"),
        (dict(post="P"), "post must name a synapse of exc"),
        (dict(post="P.inh"), r"post is 'P\.inh', and the synapses of 'P' are exc"),
        (dict(pre="P.exc"), r"pre must be neurons, got 'P\.exc'"),
    ],
)
def test_wrong_projections(projection, message):
    given = dict(pre="E", post="E", connectivity=AllToAll(), weight=1.0) | projection
    both = {"E": cells(), "P": Population(cells(), {"exc": Exponential()})}
    with pytest.raises(ValueError, match=message):
        Network(both, [Projection(**given)])


def test_wrong_delays_and_populations():
    with pytest.raises(ValueError, match="delay must be a number of steps, got -1"):
        Projection("E", "E", AllToAll(), 1.0, -1)
    with pytest.raises(ValueError, match=r"cannot be called 'a\.b'"):
        Network({"a.b": cells()})
    with pytest.raises(ValueError, match=r"record has no 'X\.spikes'"):
        nj.simulate(Network({"E": cells()}), t1=1.0, dt=DT, record=["X.spikes"])
    with pytest.raises(ValueError, match="a synapse cannot be called 'v'"):
        Population(cells(), {"v": Exponential()})
    message = "must be of the populations E, got 'X'"
    with pytest.raises(ValueError, match=message):
        nj.simulate(Network({"E": cells()}), {"X": 1.0}, t1=1.0, dt=DT)
    with pytest.raises(ValueError, match=message):
        nj.simulate(Network({"E": cells()}), t1=1.0, dt=DT, incoming={"X": jnp.ones(N)})
