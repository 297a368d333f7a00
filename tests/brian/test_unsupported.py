"""What is not supported says so by name, and what to do instead."""

import numpy as np
import pytest

from neurojax import brian as b
from neurojax.brian import Hz, ms

NOISE = "dx/dt = -x/ms + xi/sqrt(ms) : 1\ndy/dt = -y/ms + xi/sqrt(ms) : 1"


def group(model="dv/dt = -v/(10*ms) : 1", **options):
    """A group that is run."""
    b.start_scope()
    neurons = b.NeuronGroup(2, model, **options)
    b.Network(neurons).run(1 * ms)
    return neurons


def synapses(model="w : 1", **options):
    """Synapses in a group, run."""
    b.start_scope()
    neurons = b.NeuronGroup(2, "v : 1", threshold="v > 1")
    edges = b.Synapses(neurons, neurons, model, **options)
    edges.connect()
    b.Network(neurons, edges).run(1 * ms)


@pytest.mark.parametrize(
    ("use", "name"),
    [
        (lambda: b.network_operation(lambda: None), "network_operation"),
        (lambda: b.set_device("cpp_standalone"), "set_device"),
        (lambda: setattr(b.prefs.codegen, "target", "numpy"), "prefs"),
        (lambda: b.SpatialNeuron(None), "SpatialNeuron"),
        (lambda: b.Morphology.from_file("x.swc"), "Morphology"),
        (lambda: b.EventMonitor(None), "EventMonitor"),
        (lambda: b.linked_var(None), "linked_var"),
        (lambda: group(method="gsl"), "gsl"),
        (lambda: group(method="leapfrog"), "leapfrog"),
        (lambda: group(events={"other": "v > 1"}), "events"),
        (lambda: group(dt=1 * ms), "dt"),
        (lambda: group().run_regularly("v = 0"), "run_regularly"),
        (lambda: group("v = rand() : 1\ndx/dt = v/ms : 1"), "rand"),
        (lambda: group("dv/dt = own(v)/ms : 1", namespace={"own": abs}), "own"),
        (lambda: group("dv/dt = x/ms : 1\nx = t/ms : 1 (constant over dt)"), "constant over dt"),
        (lambda: group("v : 1 (linked)"), "linked"),
        (lambda: b.check_units(x=1), "check_units"),
        (lambda: group(NOISE, method="euler"), "noise"),
        (lambda: synapses("w : 1\nv_post = w : 1 (summed)"), "summed"),
        (lambda: synapses("dw/dt = -w*w/ms : 1 (event-driven)", on_pre="w += 1"), "event-driven"),
        (lambda: synapses(multisynaptic_index="k"), "multisynaptic_index"),
        (lambda: b.StateMonitor(group(), "v", record=True, when="end"), "when"),
        (lambda: b.StateMonitor(group(), "v"), "record=False"),
        (lambda: b.TimedArray(np.zeros((2, 2, 2)), dt=1 * ms), "TimedArray"),
        (lambda: b.store(filename="x"), "filename"),
        (lambda: group()[np.array([0, 1])], "subgroup"),
    ],
)
def test_says_so_by_name(use, name):
    with pytest.raises(NotImplementedError, match=name):
        use()


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("dv/dt = -v*v/ms : 1", {"method": "exact"}, "not linear"),
        ("dv/dt = -v/ms + sin(t/ms)/ms : 1", {"method": "linear"}, "depend on time"),
        ("dv/dt = -v/ms + xi/sqrt(ms) : 1", {"method": "rk4"}, "noise"),
        ("dv/dt = -v/ms + v*xi/sqrt(ms) : 1", {"method": "euler"}, "noise depends"),
    ],
)
def test_methods_that_do_not_fit(model, options, message):
    with pytest.raises(ValueError, match=message):
        group(model, **options)


def test_dimensions_of_equations_are_checked():
    with pytest.raises(b.DimensionMismatchError, match="dv/dt"):
        group("dv/dt = -v : 1")
    with pytest.raises(b.DimensionMismatchError, match="rates"):
        b.start_scope()
        poisson = b.PoissonGroup(2, rates="3*ms")
        b.Network(poisson).run(1 * ms)
    with pytest.raises(b.DimensionMismatchError, match="rates"):
        b.PoissonGroup(2, rates=3)
    assert b.PoissonGroup(2, rates=3 * Hz).N == 2
