"""Graphs of modules: names, order, networks within networks, and what is refused."""

import equinox as eqx
import pytest

import neurojax as nj
from neurojax.spiking import Node, Previous, SpikingNetwork, sequential
from neurojax.spiking.network._network import order_in_step, reaches
from neurojax.spiking.network._plan import planned


def double(x):
    return 2 * x


def test_a_sequence_is_named_by_place_and_class(getkey):
    network = sequential(eqx.nn.Linear(2, 3, key=getkey()), nj.LIF(), double)
    assert list(network.nodes) == ["0.Linear", "1.LIF", "2.double"]
    assert network.nodes["1.LIF"].sources == ("0.Linear",)
    assert (network.inputs, network.output) == (("input",), "2.double")


def test_a_network_within_a_network_is_its_nodes():
    inner = SpikingNetwork(
        {"cells": Node(nj.LIF(), "left", "right", Previous("cells"))}, "cells", ("left", "right")
    )
    network = SpikingNetwork(
        {"a": Node(double, "input"), "pair": Node(inner, "a", Previous("a", 2))}, "pair"
    )
    assert list(network.nodes) == ["a", "pair.cells"]
    assert network.output == "pair.cells"
    own = Previous("pair.cells")
    assert network.nodes["pair.cells"].sources == ("a", Previous("a", 2), own)


def test_delays_of_networks_within_networks_add_up():
    inner = SpikingNetwork({"later": Node(double, Previous("input", 2))}, "later")
    network = SpikingNetwork({"x": Node(inner, Previous("input", 3))}, "x")
    assert network.nodes["x.later"].sources == (Previous("input", 5),)


def circuit():
    """Two groups of cells, each with a cycle, the first feeding the second."""
    return SpikingNetwork(
        {
            "readout": Node(double, "second"),
            "second": Node(nj.LIF(), "first", "back"),
            "back": Node(double, Previous("second")),
            "first": Node(nj.LIF(), "in", Previous("first")),
            "in": Node(double, "input"),
        },
        "readout",
    )


def test_order_and_cycles():
    order = order_in_step(circuit())
    assert [order.index(n) for n in ("in", "first", "second", "readout")] == sorted(
        order.index(n) for n in ("in", "first", "second", "readout")
    )
    reached = reaches(circuit())
    assert reached["second"] == {"readout", "back", "second"}
    assert reached["readout"] == set()


def test_what_runs_together():
    parts = planned(circuit(), "layers")
    assert [(set(p.nodes), p.loop) for p in parts] == [
        ({"in"}, False),
        ({"first"}, True),
        ({"second", "back"}, True),
        ({"readout"}, False),
    ]
    (whole,) = planned(circuit(), "steps")
    assert whole.loop and set(whole.nodes) == set(circuit().nodes)


def test_a_node_that_only_looks_back_at_itself_is_a_loop():
    network = SpikingNetwork({"sum": Node(lambda x, y: x + y, "input", Previous("sum"))}, "sum")
    assert [part.loop for part in planned(network, "layers")] == [True]


@pytest.mark.parametrize(
    ("nodes", "output", "message"),
    [
        ({"a": Node(double, "input")}, "b", "output 'b' is none of a"),
        (
            {"a": Node(double, "inptu")},
            "a",
            "'a' has an unknown source 'inptu'; known are input, a",
        ),
        ({"input": Node(double, "input")}, "input", "'input' names both a node and an input"),
        ({"a": Node(double)}, "a", "'a' has no source"),
        ({"a": Node(double, "b"), "b": Node(double, "a")}, "a", "a, b are in a cycle"),
        (
            {"a": Node(sequential(double), "input", "input")},
            "a",
            "'a' is a network of 1 inputs, got 2 sources",
        ),
    ],
)
def test_graphs_that_are_refused(nodes, output, message):
    with pytest.raises(ValueError, match=message):
        SpikingNetwork(nodes, output)


def test_nodes_that_are_refused():
    with pytest.raises(TypeError, match="module must be a System or callable, got 3"):
        Node(3, "input")
    with pytest.raises(ValueError, match=r"Previous\('a'\) needs steps ≥ 1"):
        Node(double, Previous("a", 0))
    with pytest.raises(ValueError, match="at least one module"):
        sequential()
