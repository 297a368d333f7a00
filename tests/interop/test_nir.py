"""Networks as graphs of NIR: back the same, and in a file what NIR's equations say."""

# nir takes shapes where it is said to take dicts of them.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

import equinox as eqx
import jax
import jax.numpy as jnp
import nir
import numpy as np
import pytest

import neurojax as nj
from neurojax.interop import Flatten, Scale, Threshold, from_nir, summed, to_nir, write_nir
from neurojax.neurons import IF, CurrentLIF, LeakyIntegrator
from neurojax.spiking import Delay, Node, Previous, SpikingNetwork, fast_sigmoid, run, sequential


def spikes(getkey, *shape, steps=40, samples=3, p=0.4):
    return jax.random.bernoulli(getkey(), p, (steps, samples, *shape)).astype(jnp.float32)


def linear(getkey, into, out, **how):
    return eqx.nn.Linear(into, out, key=getkey(), **how)


def dense(getkey):
    return sequential(
        linear(getkey, 6, 9),
        nj.LIF(tau_m=jnp.linspace(3.0, 8.0, 9), v_threshold=0.1, soft_reset=True),
        linear(getkey, 9, 8, use_bias=False),
        IF(C_m=2.0, v_start=0.2, v_threshold=0.5, surrogate=fast_sigmoid(7.0)),
        Delay(3),
        linear(getkey, 8, 7),
        Delay(np.arange(7)),
        CurrentLIF(tau_m=6.0, v_threshold=0.2, v_rest=0.05, refractory=2.0),
        linear(getkey, 7, 4),
        LeakyIntegrator(tau_m=9.0, v_rest=-0.1),
    )


def convolutional(getkey):
    return sequential(
        eqx.nn.Conv2d(2, 4, (3, 2), stride=(1, 2), padding=(1, 0), groups=2, key=getkey()),
        nj.LIF(tau_m=5.0, v_threshold=0.1),
        eqx.nn.AvgPool2d(2, 2, padding=1),
        Scale(jnp.arange(36.0).reshape(4, 3, 3)),
        eqx.nn.Dropout(inference=True),
        eqx.nn.Conv2d(4, 3, 3, padding="SAME", dilation=2, use_bias=False, key=getkey()),
        eqx.nn.Pool(0.0, jax.lax.add, 2, 2, 1),
        Threshold(jnp.full((3, 2, 2), 0.4), fast_sigmoid(3.0)),
        Flatten(1),
        eqx.nn.Conv1d(3, 5, 2, stride=2, padding=1, key=getkey()),
        jnp.ravel,
        linear(getkey, 15, 4),
        nj.LIF(v_threshold=0.1),
    )


def recurrent(getkey):
    """Cycles of a neuron and its weights, of two neurons, of a synapse too; skips and delays."""
    return SpikingNetwork(
        {
            "in": Node(linear(getkey, 6, 8), "input"),
            "synapse": Node(LeakyIntegrator(tau_m=3.0, resistance=2.0), "in", "back"),
            "first": Node(nj.LIF(tau_m=5.0, v_threshold=0.1), "synapse"),
            "back": Node(linear(getkey, 8, 8), Previous("first")),
            "both": Node(summed, "first", Previous("in", 2)),
            "on/to": Node(linear(getkey, 8, 7), "both"),
            "second": Node(
                nj.LIF(tau_m=7.0, v_threshold=0.1), "on/to", "round", Previous("second")
            ),
            "round": Node(linear(getkey, 7, 7), Previous("third", 3)),
            "third": Node(nj.LIF(tau_m=4.0, v_threshold=0.1), "across", Previous("on/to")),
            "across": Node(linear(getkey, 7, 7), "second"),
            "output": Node(eqx.nn.Identity(), "third"),
        },
        "output",
    )


CASES = {
    "dense": (dense, (6,)),
    "convolutional": (convolutional, (2, 5, 8)),
    "recurrent": (recurrent, (6,)),
}


@pytest.mark.parametrize("euler_dt", [None, 0.1])
@pytest.mark.parametrize("case", CASES)
def test_what_is_written_is_read_back(getkey, tmp_path, case, euler_dt):
    make, shape = CASES[case]
    network, x = make(getkey), spikes(getkey, *shape)
    write_nir(tmp_path / "a.nir", network, dt=1.0, input_shape=shape, euler_dt=euler_dt)
    again = from_nir(tmp_path / "a.nir")

    before, after = run(network, x, dt=1.0), run(again, x, dt=1.0)
    assert bool(jnp.any(before.output != 0))
    # Time constants are rounded in single precision on their way.
    np.testing.assert_allclose(after.output, before.output, rtol=1e-4, atol=1e-5)
    neurons = {
        name for name, node in network.nodes.items() if isinstance(node.module, nj.core.System)
    }
    assert neurons <= set(again.nodes)


def test_what_nir_does_not_say_is_in_the_notes(getkey):
    network = dense(getkey)
    again = from_nir(to_nir(network, dt=1.0, input_shape=(6,)))

    assert {type(n.module) for n in again.nodes.values()} == {
        type(n.module) for n in network.nodes.values()
    }
    for name, node in network.nodes.items():
        for field, value in vars(node.module).items():
            if field != "shape":
                assert jax.tree.all(
                    jax.tree.map(
                        lambda a, b: np.array_equal(a, b),
                        vars(again.nodes[name].module)[field],
                        value,
                    )
                ), (name, field)


def test_time_constants_are_in_seconds_and_potentials_as_they_are(getkey):
    graph = to_nir(dense(getkey), dt=0.5, input_shape=(6,))
    lif, integrator, cuba = (graph.nodes[n] for n in ("1.LIF", "3.IF", "7.CurrentLIF"))

    np.testing.assert_allclose(lif.tau, np.linspace(3e-3, 8e-3, 9), rtol=1e-6)
    np.testing.assert_array_equal(lif.v_threshold, np.full(9, 0.1, np.float32))
    np.testing.assert_allclose(integrator.r, np.full(8, 500.0))  # per second: 1 / C_m is 0.5 per ms
    np.testing.assert_allclose(cuba.tau_syn, 5e-3, rtol=1e-6)
    # The charge of a spike: i_syn jumps by 1 and has tau_syn; or it is 1 / dt high, for dt.
    np.testing.assert_allclose(cuba.w_in, 5.0 / 0.5, rtol=1e-6)
    np.testing.assert_allclose(graph.nodes["6.Delay"].delay, 0.5e-3 * np.arange(7), rtol=1e-6)


def in_euler_steps(graph, x, dt):
    """NIR's equations of a chain in forward Euler steps of dt seconds: no code of ours."""
    order = list(graph.edges)
    name, values = "input", np.asarray(x, np.float64)
    while name != "output":
        name = next(target for source, target in order if source == name)
        values = euler(graph.nodes[name], values, dt)
    return values


def euler(node, x, dt):
    kind = type(node).__name__
    if kind == "Output":
        return x
    if kind in ("Affine", "Linear"):
        return x @ node.weight.T + (node.bias if kind == "Affine" else 0.0)
    i = np.zeros(x.shape[1:])
    v = np.broadcast_to(getattr(node, "v_leak", np.zeros(())), x.shape[1:]).astype(float)
    given = []
    for taken in x:
        if kind == "CubaLIF":
            i = i + dt / node.tau_syn * (node.w_in * taken - i)
            v = v + dt / node.tau_mem * (node.v_leak - v + node.r * i)
        elif kind == "IF":
            v = v + dt * node.r * taken
        else:
            v = v + dt / node.tau * (node.v_leak - v + node.r * taken)
        if kind == "LI":
            given.append(v)
            continue
        fired = v > node.v_threshold
        v = np.where(fired, node.v_reset, v)
        given.append(fired.astype(float))
    return np.stack(given)


@pytest.mark.parametrize("euler_dt", [0.1, 1.0])
def test_euler_steps_of_the_file_are_the_networks_own(getkey, euler_dt):
    network = sequential(
        linear(getkey, 6, 20),
        LeakyIntegrator(tau_m=3.0, resistance=2.5),
        nj.LIF(tau_m=5.0, v_threshold=0.2, v_rest=0.1, v_reset=-0.1, resistance=2.0),
        linear(getkey, 20, 20),
        IF(C_m=2.0, v_threshold=0.5),
        linear(getkey, 20, 20),
        nj.LIF(tau_m=jnp.linspace(2.0, 9.0, 20), v_threshold=0.2),
        linear(getkey, 20, 4),
        LeakyIntegrator(tau_m=9.0),
    )
    x = spikes(getkey, 6)
    graph = to_nir(network, dt=1.0, input_shape=(6,), euler_dt=euler_dt)
    assert [type(n).__name__ for n in graph.nodes.values()].count("CubaLIF") == 1

    expected = in_euler_steps(graph, x, euler_dt / 1000)
    np.testing.assert_allclose(run(network, x, dt=1.0).output, expected, rtol=1e-4, atol=1e-5)


def test_small_euler_steps_of_the_plain_file_come_close(getkey):
    network = sequential(linear(getkey, 6, 4), LeakyIntegrator(tau_m=5.0))
    x = np.repeat(spikes(getkey, 6), 100, axis=0)
    graph = to_nir(network, dt=1.0, input_shape=(6,))

    expected = in_euler_steps(graph, x, 1e-5)[99::100]
    np.testing.assert_allclose(run(network, x[::100], dt=1.0).output, expected, atol=2e-3)


def test_arriving_spikes_are_felt_a_step_later_than_cubalifs(getkey):
    neurons = CurrentLIF(
        tau_m=jnp.linspace(2.0, 8.0, 6), tau_syn=4.0, v_threshold=0.3, v_reset=-0.2
    )
    x = spikes(getkey, 6)
    graph = to_nir(sequential(neurons), dt=1.0, input_shape=(6,), euler_dt=0.1)
    ours = run(sequential(neurons), x, dt=1.0).output

    np.testing.assert_array_equal(ours[1:], in_euler_steps(graph, x, 1e-4)[:-1])
    assert np.sum(ours) > 20


def full(value, *shape):
    return np.full(shape, value, np.float32)


def lif(n, **parameters):
    given = {"tau": 5e-3, "r": 1.0, "v_leak": 0.0, "v_threshold": 0.1} | parameters
    return nir.LIF(**{name: full(x, n) for name, x in given.items()})


def test_a_cubalif_of_others_is_a_leaky_integrator_and_a_lif(getkey):
    given = {
        "tau_syn": 3e-3,
        "tau_mem": 5e-3,
        "r": 2.0,
        "v_leak": 0.1,
        "v_threshold": 0.5,
        "w_in": 4.0,
    }
    node = nir.CubaLIF(**{name: full(x, 6) for name, x in given.items()})
    graph = nir.NIRGraph.from_list(node)
    network = from_nir(graph, dt=1.0, euler_dt=1.0)

    assert list(network.nodes) == ["cubalif.i_syn", "cubalif"]
    assert network.nodes["cubalif"].module.shape == (6,)
    x = spikes(getkey, 6)
    expected = in_euler_steps(graph, x, 1e-3)
    np.testing.assert_array_equal(run(network, x, dt=1.0).output, expected)
    assert expected.sum() > 20


def test_cycles_of_others_are_broken_where_neurons_give(getkey):
    weights = {name: nir.Linear(full(0.1, 3, 3)) for name in ("on", "back", "own", "deep")}
    inner = nir.NIRGraph(
        {"in": nir.Input([3]), "lif": lif(3), "own": weights.pop("own"), "out": nir.Output([3])},
        [("in", "lif"), ("lif", "own"), ("own", "lif"), ("lif", "out")],
    )
    nodes = {"input": nir.Input([3]), "a": inner, "b": lif(3), "output": nir.Output([3])} | weights
    edges = [("input", "a"), ("a", "on"), ("on", "b"), ("b", "back"), ("back", "deep")]
    edges += [("deep", "a"), ("b", "output")]
    network = from_nir(nir.NIRGraph(nodes, edges, type_check=False))

    sources = {name: node.sources for name, node in network.nodes.items()}
    assert sources == {
        "a.lif": ("a.own", "deep", "input") if sources["a.lif"][1] == "deep" else sources["a.lif"],
        "a.own": (Previous("a.lif"),),
        "b": ("on",),
        "on": ("a.lif",),
        "back": (Previous("b"),),
        "deep": ("back",),
    }
    assert set(sources["a.lif"]) == {"a.own", "deep", "input"}
    assert network.output == "b"


def test_delays_sums_and_parameters_of_one_element():
    given = {"tau": 5e-3, "r": [1.0], "v_leak": [0.0], "v_threshold": [0.1]}
    scalar = nir.LIF(**{name: np.reshape(x, (1,)) for name, x in given.items()})
    nodes = {
        "input": nir.Input([3]),
        "late": nir.Delay(full(2e-3, 3)),
        "later": nir.Delay(full(1e-3, 3)),
        "fc": nir.Linear(np.eye(3, dtype=np.float32)),
        "lif": scalar,
        "output": nir.Output([3]),
    }
    edges = [("input", "late"), ("late", "later"), ("later", "fc"), ("input", "fc"), ("fc", "lif")]
    network = from_nir(nir.NIRGraph(nodes, [*edges, ("lif", "output")], type_check=False), dt=0.5)

    assert set(network.nodes["fc.sum"].sources) == {"input", Previous("input", 6)}
    assert network.nodes["lif"].module.shape == ()
    x = jnp.zeros((9, 1, 3)).at[0].set(1.0)
    summed_up = run(network, x, dt=0.5, record=("fc",)).recorded["fc"][:, 0, 0]
    np.testing.assert_array_equal(summed_up, [1, 0, 0, 0, 0, 0, 1, 0, 0])


def test_delays_of_others_may_differ():
    graph = nir.NIRGraph.from_list(nir.Delay(np.array([0.0, 1e-3, 3e-3])))
    network = from_nir(graph, dt=1.0)

    x = jnp.zeros((5, 1, 3)).at[0].set(1.0)
    np.testing.assert_array_equal(jnp.argmax(run(network, x).output[:, 0], axis=0), [0, 1, 3])


def test_several_inputs_and_learnable_time_constants(getkey):
    held = nj.core.kept_positive(nj.LIF(tau_m=6.0, v_threshold=0.2), lambda n: n.tau_m)
    network = SpikingNetwork({"lif": Node(held, "left", "right")}, "lif", ("left", "right"))
    graph = to_nir(network, dt=1.0, input_shape={"left": (4,), "right": (4,)})

    np.testing.assert_allclose(graph.nodes["lif"].tau, 6e-3, rtol=1e-5)
    x = {name: spikes(getkey, 4) for name in ("left", "right")}
    np.testing.assert_array_equal(run(from_nir(graph), x).output, run(network, x).output)


def test_other_readers_check_the_shapes(getkey, tmp_path):
    """nir's own check, that knows only square kernels and no groups."""
    network = sequential(eqx.nn.Conv2d(2, 3, 3, key=getkey()), nj.LIF(), jnp.ravel)
    write_nir(tmp_path / "a.nir", network, dt=1.0, input_shape=(2, 6, 5))
    graph = nir.read(tmp_path / "a.nir")

    assert graph.output_type["output"].tolist() == [3 * 4 * 3]
    assert graph.nodes["1.LIF"].v_threshold.shape == (3, 4, 3)


def test_double_precision(x64, getkey):
    network = sequential(nj.LIF(tau_m=np.float64(1 / 3)))
    graph = to_nir(network, dt=0.1, input_shape=(2,), euler_dt=0.1)
    again = from_nir(graph).nodes["0.LIF"].module

    np.testing.assert_allclose(again.tau_m, 1 / 3, rtol=1e-14)
