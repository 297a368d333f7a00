"""Networks that go to snnTorch and Norse and come from them, by files of NIR: the same spikes.

With `euler_dt`, that is: they take forward Euler steps, of 0.1 and 1 ms. What is lost without, and
of what NIR does not carry, is at the end.
"""

import dataclasses
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import neurojax as nj
from neurojax.interop import from_nir, write_nir
from neurojax.learning import by_backprop, fit
from neurojax.neurons import IF, CurrentLIF, LeakyIntegrator
from neurojax.spiking import (
    Node,
    Previous,
    SpikingNetwork,
    fast_sigmoid,
    run,
    sequential,
    spike_count_cross_entropy,
)

STEPS, SAMPLES = 120, 4
EULER = {"snntorch": 0.1, "norse": 1.0}


class Case(NamedTuple):
    """A network of ours for a peer, its input, and how it is written."""

    network: SpikingNetwork
    x: np.ndarray
    dt: float = 1.0
    euler_dt: float | None = None


def spikes(*shape, seed=0):
    draw = np.random.default_rng(seed).random((STEPS, SAMPLES, *(shape or (20,))))
    return (draw < 0.3).astype(np.float32)


class Keys:
    """Layers of strong weights, or hardly a neuron would spike."""

    def __init__(self, seed):
        self.left = iter(jax.random.split(jax.random.key(seed), 9))

    def linear(self, into, out, **how):
        return self._strong(eqx.nn.Linear(into, out, key=next(self.left), **how))

    def conv(self, into, out):
        return self._strong(eqx.nn.Conv2d(into, out, 3, padding=1, key=next(self.left)))

    def _strong(self, layer):
        return eqx.tree_at(lambda m: m.weight, layer, 2.5 * layer.weight)


def resistance(tau):
    """With it, v decays and the input is added: snnTorch's `mem = beta mem + input`."""
    return float(1 / -np.expm1(-1 / tau))


def added(tau):
    return nj.LIF(tau_m=tau, resistance=resistance(tau), surrogate=fast_sigmoid(25.0))


def weighed(tau):
    """What Norse reads: of a resistance of 1."""
    return nj.LIF(tau_m=tau, v_threshold=0.15, surrogate=fast_sigmoid(25.0))


def chain(neuron, unit=1.0):
    keys = Keys(0)
    return sequential(
        keys.linear(20, 40), neuron(5.0 * unit), keys.linear(40, 10), neuron(8.0 * unit)
    )


def layer(tau):
    return sequential(Keys(5).linear(20, 40), weighed(tau))


def trained(network):
    """A few steps towards telling which half of the inputs fires more."""
    labels = np.arange(64) % 2
    p = np.where((np.arange(20) < 10) == labels[:, None], 0.5, 0.1)
    x = np.random.default_rng(0).random((64, 30, 20)) < p[:, None]

    def loss(model, batch, key):
        x, labels = batch
        return spike_count_cross_entropy(run(model, jnp.moveaxis(x, 0, 1)).output, labels), {}

    done = fit(
        network,
        (jnp.asarray(x, jnp.float32), jnp.asarray(labels)),
        by_backprop(loss),
        optimizer=optax.adam(3e-3),
        epochs=5,
        batch_size=16,
        trainable=lambda x: eqx.is_inexact_array(x) and x.ndim > 0,  # weights and biases
        key=jax.random.key(0),
    )
    losses = [float(record["train/loss"]) for record in done.history]
    assert losses[-1] < 0.8 * losses[0]
    return done.model


def convolutional(neuron, pool):
    keys = Keys(1)
    layers = (keys.conv(2, 4), neuron(5.0), pool, jnp.ravel, keys.linear(64, 10), neuron(8.0))
    return sequential(*layers)


def synapses():
    keys = Keys(2)
    synapse = lambda: LeakyIntegrator(tau_m=3.0, resistance=resistance(3.0))  # noqa: E731
    return sequential(
        keys.linear(20, 40), synapse(), added(5.0), keys.linear(40, 10), synapse(), added(8.0)
    )


def recurrent(neuron):
    """By names in the order of the nodes: nirtorch, behind snnTorch, needs a subgraph to come after
    what it takes. In the first step it has nothing come back, no bias either."""
    keys = Keys(3)
    return SpikingNetwork(
        {
            "a": Node(keys.linear(20, 40), "input"),
            "b": Node(neuron(5.0), "a", Previous("b to b")),
            "b to b": Node(keys.linear(40, 40), "b"),
            "c": Node(keys.linear(40, 10), "b"),
            "d": Node(neuron(8.0), "c"),
        },
        "d",
    )


def arriving():
    """Spikes arrive at the end of a step; without biases, which come from the first step on."""
    keys = Keys(4)

    def neuron(tau):
        return CurrentLIF(tau_m=tau, tau_syn=3.0, resistance=resistance(tau), v_threshold=2.0)

    first, second = keys.linear(20, 40, use_bias=False), keys.linear(40, 10, use_bias=False)
    return sequential(first, neuron(5.0), second, neuron(8.0))


def soft(network):
    neurons = [name for name, node in network.nodes.items() if isinstance(node.module, nj.LIF)]
    where = lambda n: [n.nodes[name].module for name in neurons]  # noqa: E731
    changed = [dataclasses.replace(neuron, soft_reset=True) for neuron in where(network)]
    return eqx.tree_at(where, network, changed)


SAME = {
    "snntorch": {
        "trained": lambda: (trained(chain(added)), spikes()),
        "convolutional": lambda: (
            convolutional(added, eqx.nn.AvgPool2d(2, 2)),
            spikes(2, 8, 8),
        ),
        "synapses": lambda: (synapses(), spikes()),
        "recurrent": lambda: (recurrent(added), spikes()),
    },
    "norse": {
        "trained": lambda: (trained(chain(weighed)), spikes()),
        "convolutional": lambda: (
            convolutional(weighed, eqx.nn.Pool(0.0, jax.lax.add, 2, 2, 2)),
            spikes(2, 8, 8),
        ),
        "synapses": lambda: (synapses(), spikes()),
        "recurrent": lambda: (recurrent(weighed), spikes()),
        "perfect": lambda: (chain(lambda tau: IF()), spikes()),
    },
}


def ours(peer):
    """All that a peer is given to read."""
    euler_dt = EULER[peer]
    made = {name: make() for name, make in SAME[peer].items()}
    cases = {name: Case(network, x, 1.0, euler_dt) for name, (network, x) in made.items()}
    cases["arriving"] = Case(arriving(), spikes(), 1.0, euler_dt)
    cases["soft"] = Case(
        soft(chain(added if peer == "snntorch" else weighed)), spikes(), 1.0, euler_dt
    )
    # The time constants themselves; snnTorch's steps are of 0.1 ms, whatever ours are.
    tau, dt = (0.5, 0.1) if peer == "snntorch" else (5.0, 1.0)
    cases["a layer, coarse"] = Case(layer(tau), spikes(), dt)
    cases["a layer, fine"] = Case(layer(5.0), np.repeat(spikes(), 10, axis=0), 0.1)
    chained = chain(weighed, tau / 5)
    cases["two layers, coarse"] = Case(chained, spikes(), dt)
    return cases


THEIRS = {
    "snntorch": {
        "dense": (20,),
        "convolutional": (2, 8, 8),
        "synapses": (20,),
        "recurrent": (20,),
        "subtracting": (20,),
        "late synapses": (20,),
    },
    "norse": {"dense": (20,), "convolutional": (2, 8, 8), "perfect": (20,), "late synapses": (20,)},
}


class Peers:
    """What each peer made of our files, and files of its own; asked once."""

    def __init__(self, oracle, folder):
        self.oracle, self.path, self.cases, self.answers = oracle, folder / "a.nir", {}, {}

    def __call__(self, peer):
        if peer not in self.answers:
            self.cases[peer] = ours(peer)
            inputs: dict[str, Any] = {
                f"input:{n}": spikes(*shape, seed=1) for n, shape in THEIRS[peer].items()
            }
            for name, (network, x, dt, euler_dt) in self.cases[peer].items():
                about = {"dt": dt, "input_shape": x.shape[2:], "euler_dt": euler_dt}
                write_nir(self.path, network, **about)
                inputs |= {f"input:our {name}": x, f"dt:our {name}": dt}
                inputs[f"file:our {name}"] = np.frombuffer(self.path.read_bytes(), np.uint8)
            self.answers[peer] = inputs | self.oracle(f"{peer}_nir", **inputs)
        return self.answers[peer]

    def there_and_here(self, peer, name):
        """What a network of ours gives there and here."""
        there = self(peer)[f"output:our {name}"]
        network, x, dt, _ = self.cases[peer][name]
        return there, np.asarray(run(network, x, dt=dt).output)

    def read(self, peer, name):
        """A network of a peer's as ours, its input and what it gave there."""
        answers = self(peer)
        self.path.write_bytes(answers[f"file:{name}"].tobytes())
        network = from_nir(self.path, dt=1.0, euler_dt=EULER[peer])
        return network, jnp.asarray(answers[f"input:{name}"]), answers[f"output:{name}"]


@pytest.fixture(scope="session")
def peers(oracle, tmp_path_factory):
    return Peers(oracle, tmp_path_factory.mktemp("nir"))


@pytest.mark.parametrize(("peer", "name"), [(p, n) for p, made in SAME.items() for n in made])
def test_ours_gives_the_same_spikes_there(peers, peer, name):
    there, here = peers.there_and_here(peer, name)

    assert here.sum() > 100
    np.testing.assert_array_equal(there, here)


@pytest.mark.parametrize("peer", EULER)
def test_arriving_spikes_are_felt_there_a_step_earlier_in_each_layer(peers, peer):
    there, here = peers.there_and_here(peer, "arriving")

    assert here.sum() > 100
    np.testing.assert_array_equal(there[:-2], here[2:])


@pytest.mark.parametrize("name", ["dense", "convolutional", "synapses", "recurrent"])
def test_snntorchs_gives_the_same_spikes_here(peers, name):
    network, x, there = peers.read("snntorch", name)

    assert there.sum() > 100
    np.testing.assert_array_equal(run(network, x).output, there)


def test_norses_gives_the_same_spikes_here(peers):
    network, x, there = peers.read("norse", "convolutional")

    assert there.sum() > 100
    np.testing.assert_array_equal(run(network, x).output, there)


def test_norses_gives_the_same_membrane_here(peers):
    network, x, there = peers.read("norse", "dense")

    # A spike at another step would change it by some 0.01.
    np.testing.assert_allclose(run(network, x).output, there, atol=1e-5)


def mismatched(there, here):
    """The share of spikes, of either, that the other does not have in that step."""
    return np.sum(there != here) / np.sum((there > 0) | (here > 0))


@pytest.mark.parametrize("peer", EULER)
def test_plain_time_constants_and_soft_resets_do_not_give_the_same(peers, peer):
    """Euler's steps decay faster, the more so the longer they are: here of tau / 5 and tau / 50."""
    rates, off = {}, {}
    for name in ("a layer, coarse", "a layer, fine", "two layers, coarse", "soft"):
        there, here = peers.there_and_here(peer, name)
        if "fine" in name:
            there, here = (x.reshape(STEPS, 10, *x.shape[1:]).sum(1) for x in (there, here))
        rates[name] = float(mismatched(there, here))
        off[name] = float(there.sum() / here.sum() - 1)

    assert 0 < rates["a layer, fine"] < rates["a layer, coarse"] < rates["two layers, coarse"]
    assert 0 < 4 * off["a layer, fine"] < off["a layer, coarse"]
    assert off["soft"] < -0.1  # a reset to 0 throws away what was above threshold


def changed(network, **how):
    """The network with other parameters of its spiking neurons, functions of what they are."""
    kinds = nj.LIF | IF
    names = [name for name, node in network.nodes.items() if isinstance(node.module, kinds)]
    where = lambda n: [n.nodes[name].module for name in names]  # noqa: E731
    new = [
        dataclasses.replace(neuron, **{name: f(neuron) for name, f in how.items()})
        for neuron in where(network)
    ]
    return eqx.tree_at(where, network, new)


@pytest.mark.parametrize(
    ("peer", "name", "how"),
    [
        # A spike's threshold is taken off in the next step: the decay of that is made up for.
        (
            "snntorch",
            "subtracting",
            {
                "soft_reset": lambda n: True,
                "v_reset": lambda n: n.v_threshold * (1 - jnp.exp(1 / n.tau_m)),
            },
        ),
        # v is set to 0 at the end of the step after a spike.
        ("snntorch", "late synapses", {"refractory": lambda n: 2.0}),
        # Each input is added, in whatever a step is.
        ("norse", "perfect", {"C_m": lambda n: jnp.ones_like(n.C_m)}),
        ("norse", "late synapses", None),
    ],
)
def test_what_nir_does_not_carry(peers, peer, name, how):
    """A file is read as its own writer reads it; what that loses can be put in by hand."""
    network, x, there = peers.read(peer, name)
    again, here = peers(peer)[f"again:{name}"], np.asarray(run(network, x).output)

    assert there.sum() > 100 and mismatched(there, here) > 0.2
    if name != "perfect":
        np.testing.assert_array_equal(here, again)
    if how is not None:
        np.testing.assert_array_equal(run(changed(network, **how), x).output, there)
