"""What all channels share: shapes, transforms, parameters; and their sums against the neurons."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurojax import channels, neurons
from neurojax.channels import CalciumPool, Channel

KINDS = [
    kind
    for kind in vars(channels).values()
    if isinstance(kind, type) and issubclass(kind, Channel) and kind is not Channel
]
V = jnp.linspace(-90.0, 30.0, 4)
IONS = {"ca": jnp.full(4, 1e-4)}


def of(kind, g=None):
    """A channel, its conductances g, or its defaults."""
    names = [n for n in kind.__dataclass_fields__ if n == "g" or n.startswith("g_")]
    given = dict.fromkeys(names, g) if g is not None else {"g": 0.02}
    return kind(**given) if g is not None or kind is channels.HCurrent else kind()


def test_all_of_them_are_looked_at():
    assert len(KINDS) == 17


@pytest.mark.parametrize("kind", KINDS)
def test_values_for_each_compartment(kind):
    """Arrays of parameters do, compartment by compartment, what scalars do."""
    g = jnp.array([1.0, 0.0, 2.0, 3.0])
    gates = jnp.full((len(kind.gates), 4), 0.3)
    together = of(kind, g).currents(V, gates, IONS)
    alone = of(kind, 1.0).currents(V, gates, IONS)

    assert of(kind).rates(V, IONS)[0].shape == (len(kind.gates), 4)
    for a, b in zip(together, alone, strict=True):
        np.testing.assert_allclose(a.at(V), g * b.at(V), rtol=1e-5, atol=1e-4)  # near reversals


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_it_says_it_reads(kind):
    channel, gates = of(kind), jnp.full((len(kind.gates), 4), 0.3)

    def both(ions):
        return channel.rates(V, ions), channel.currents(V, gates, ions)

    both({name: IONS[name] for name in kind.reads})
    if kind.reads:
        with pytest.raises(KeyError):
            both({})


@pytest.mark.parametrize("kind", KINDS)
def test_under_jit_vmap_and_gradients(kind):
    channel = of(kind)

    def total(channel, v, ca):
        opening, closing = channel.rates(v, {"ca": ca})
        flows = channel.currents(v, opening / (opening + closing), {"ca": ca})
        return sum(flow.at(v) for flow in flows)

    singly = jnp.stack([total(channel, v, ca) for v, ca in zip(V, IONS["ca"], strict=True)])
    batch = jax.jit(jax.vmap(total, (None, 0, 0)))(channel, V, IONS["ca"])
    slopes = eqx.filter_grad(lambda channel: total(channel, V[1], IONS["ca"][1]))(channel)

    np.testing.assert_allclose(batch, singly, rtol=1e-4, atol=1e-4)  # orders of sums differ
    for leaf, parameter in zip(jax.tree.leaves(slopes), jax.tree.leaves(channel), strict=True):
        assert leaf.shape == parameter.shape and np.all(np.isfinite(leaf))


@pytest.mark.parametrize(
    ("neuron", "parts"),
    [
        (neurons.HodgkinHuxley, lambda: [channels.HodgkinHuxley(), channels.Leak()]),
        (neurons.TraubMiles, lambda: [channels.TraubMiles(), channels.Leak(0.05, -60.0)]),
        (
            lambda shape, **v: neurons.Pospischil(shape, g_L=0.17, g_T=0.4, **v),
            lambda: [
                channels.TraubMiles.pospischil(),
                channels.Km(),
                channels.CaL(),
                channels.CaT(),
                channels.Leak(0.1, -70.0),
            ],
        ),
    ],
    ids=["HodgkinHuxley", "TraubMiles", "Pospischil"],
)
@pytest.mark.usefixtures("x64")
def test_together_they_make_the_neuron(neuron, parts):
    v = jnp.linspace(-90.0, 30.0, 4)
    cell = neuron(v.shape, v_init=v)
    state = cell.initial_state()

    first, total = 0, 0.0
    for channel in parts():
        alpha, beta = channel.rates(v, {})
        last = first + len(channel.gates)
        np.testing.assert_allclose(alpha / (alpha + beta), state.gates[first:last], rtol=1e-12)
        flows = channel.currents(v, state.gates[first:last], {})
        total, first = total + sum(flow.at(v) for flow in flows), last

    assert first == len(state.gates)
    np.testing.assert_allclose(cell.vector_field(0.0, state, 0.0).v, -total, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: channels.Leak(-0.1), "Leak: g must not be negative, got -0.1"),
        (lambda: channels.HodgkinHuxley(g_K=np.nan), "HodgkinHuxley: g_K must not be negative"),
        (lambda: channels.Ih(np.array([0.1, -1.0])), "Ih: g must not be negative"),
        (lambda: channels.Km(tau_max=0.0), "Km: tau_max must be positive, got 0"),
        (lambda: channels.HCurrent(0.02, k=-5.5), "HCurrent: k must be positive, got -5.5"),
        (lambda: channels.Ca_HVA(outside=0.0), "Ca_HVA: outside must be positive, got 0"),
        (lambda: channels.Ca_LVAst(g=-1.0), "Ca_LVAst: g must not be negative, got -1"),
        (lambda: CalciumPool(depth=0.0), "CalciumPool: depth must be positive, got 0"),
        (lambda: CalciumPool(minimum=-0.5), "CalciumPool: minimum must be positive, got -0.5"),
    ],
)
def test_parameters_that_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
