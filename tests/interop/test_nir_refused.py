"""What NIR or we cannot express is refused by name."""

# nir takes shapes where it is said to take dicts of them.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import nir
import numpy as np
import pytest

import neurojax as nj
from neurojax.interop import Flatten, from_nir, to_nir, write_nir
from neurojax.spiking import Node, Previous, SpikingNetwork, sequential

KEY = jax.random.key(0)
NOISE = nj.neurons.EscapeNoise(rate=100.0, width=0.1)


def conv(**how):
    return eqx.nn.Conv2d(2, 2, 2, key=KEY, **how)


WRITTEN = {
    "another neuron": (nj.AdEx(), (4,), "node '0.AdEx', AdEx of neurojax"),
    "another layer": (eqx.nn.LayerNorm(4), (4,), "node '0.LayerNorm', LayerNorm of equinox"),
    "a function": (jnp.tanh, (4,), "tanh of jax, has no counterpart"),
    "escape noise": (nj.LIF(escape=NOISE), (4,), "node '0.LIF', LIF: NIR has no escape noise"),
    "convention": (nj.LIF(convention="nest"), (4,), 'convention must be "brian2"'),
    "surrogate": (nj.LIF(surrogate=jnp.cos), (4,), "surrogate must be superspike or one of"),
    "padding": (
        conv(padding=((0, 1), (0, 0))),
        (2, 5, 5),
        "padding must be the same on both sides",
    ),
    "padding by name": (conv(padding="SAME", stride=2), (2, 5, 5), "'SAME' with a stride of 1"),
    "padding mode": (conv(padding=1, padding_mode="CIRCULAR"), (2, 5, 5), "CIRCULAR"),
    "ceil": (eqx.nn.AvgPool2d(2, 2, use_ceil=True), (2, 5, 5), "AvgPool2d: NIR has no use_ceil"),
    "pool": (eqx.nn.MaxPool2d(2), (2, 5, 5), "MaxPool2d of equinox, has no counterpart"),
    "scalar": (eqx.nn.Linear(4, "scalar", key=KEY), (4,), 'NIR has no "scalar" features'),
    "no axis": (nj.LIF(), (), "input_shape of 'input' must be positive numbers"),
    "an empty axis": (nj.LIF(), (0,), "input_shape of 'input' must be positive numbers"),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_refused_in_writing(case):
    module, shape, said = WRITTEN[case]
    with pytest.raises(ValueError, match="to_nir") as refused:
        to_nir(sequential(module), dt=1.0, input_shape=shape)
    assert said in str(refused.value)


def test_refused_graphs_and_arguments():
    twice = SpikingNetwork(
        {
            "lif": Node(nj.LIF(), "input", "back", Previous("back")),
            "back": Node(eqx.nn.Linear(3, 3, key=KEY), Previous("lif")),
        },
        "lif",
    )
    with pytest.raises(ValueError, match="'lif' takes 'back' more than once"):
        to_nir(twice, dt=1.0, input_shape=(3,))
    network = sequential(nj.LIF())
    with pytest.raises(TypeError, match="SpikingNetwork"):
        to_nir(nj.LIF(), dt=1.0, input_shape=(3,))  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="to_nir: dt must be positive, got 0"):
        to_nir(network, dt=0, input_shape=(3,))
    with pytest.raises(ValueError, match="euler_dt must be positive"):
        to_nir(network, dt=1.0, input_shape=(3,), euler_dt=-0.1)
    with pytest.raises(ValueError, match="input_shape must be of input, got x"):
        to_nir(network, dt=1.0, input_shape={"x": (3,)})


def of_one(node, **ends):
    return nir.NIRGraph(
        {"input": nir.Input([3]), "node": node, "output": nir.Output([3])} | ends,
        [("input", "node"), ("node", "output")],
        type_check=False,
    )


def lif(tau):
    return nir.LIF(*(np.full(3, x) for x in (tau, 1.0, 0.0, 1.0)))


def noted(node, text):
    node.metadata = {"neurojax": text}
    return node


READ = {
    "another node": (nir.I(np.ones(3)), "node 'node', I, has no counterpart"),
    "no positive time": (lif(0.0), "node 'node': tau must be positive"),
    "a short time": (lif(1e-4), "tau must be above euler_dt, 0.1 ms, got 0.1 ms"),
    "no delay": (
        nir.Delay(np.array([1e-3, -2e-3, 1e-3])),
        "'node', Delay: delay must be whole numbers of steps of 0.1 ms",
    ),
    "part of a step": (nir.Delay(np.full(3, 1.5e-4)), "must be whole numbers of steps of 0.1 ms"),
    "weights": (
        nir.Linear(np.ones((2, 3, 3))),
        "node 'node', Linear: weight must be \\[out, in\\]",
    ),
    "surrogate": (noted(lif(1e-2), '{"surrogate": ["cosine", {}]}'), "surrogate must be one of"),
}


@pytest.mark.parametrize("case", READ)
def test_refused_in_reading(case):
    node, said = READ[case]
    with pytest.raises(ValueError, match=f"from_nir.*{said}"):
        from_nir(of_one(node), dt=1.0, euler_dt=0.1)


def test_refused_structures_of_graphs():
    with pytest.raises(ValueError, match="the graph must have one Output, got 2"):
        from_nir(of_one(lif(1e-2), more=nir.Output([3])))
    alone = of_one(lif(1e-2), more=lif(1e-2))
    with pytest.raises(ValueError, match="node 'more', LIF, takes nothing"):
        from_nir(alone)
    alone.edges.append(("nobody", "node"))
    with pytest.raises(ValueError, match="unknown node, 'nobody'"):
        from_nir(alone)
    empty = of_one(nir.Delay(np.full(3, 1e-3)))
    empty.edges.append(("node", "node"))
    with pytest.raises(ValueError, match="'node' is in a cycle of nodes that only pass on"):
        from_nir(empty, dt=1.0)
    with pytest.raises(ValueError, match="from_nir: dt must be given"):
        from_nir(of_one(nir.Delay(np.full(3, 1e-3))))
    with pytest.raises(TypeError, match="graph must be a NIRGraph or the path"):
        from_nir(lif(1e-2))


def test_files_that_are_something_else(tmp_path):
    with pytest.raises(ValueError, match=r"no file at .*missing\.nir"):
        from_nir(tmp_path / "missing.nir")
    (tmp_path / "other.nir").write_text("something else")
    with pytest.raises(ValueError, match=r"other\.nir is no file of NIR"):
        from_nir(tmp_path / "other.nir")


def test_without_nir(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "nir", None)
    for call in (
        lambda: from_nir(tmp_path / "a.nir"),
        lambda: write_nir(tmp_path / "a.nir", sequential(Flatten()), dt=1.0, input_shape=(3,)),
    ):
        with pytest.raises(
            ImportError, match=r"needs nir: pip install nir, or neurojax\[interop\]"
        ):
            call()
