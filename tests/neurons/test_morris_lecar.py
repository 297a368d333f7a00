"""Morris & Lecar's fibre: where its two classes begin to fire, and how."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj
from neurojax.neurons import MorrisLecar

pytestmark = pytest.mark.usefixtures("x64")


def at_rest(make, v):
    """For each v: the current (µA/cm²) with which it rests there, and the trace of the linearised
    flow, whose sign is that of the oscillations' growth where the flow turns."""
    cells = make(v.shape, v_init=v)
    state = cells.initial_state()

    def along_v(v):
        return cells.vector_field(0.0, state._replace(v=v), 0.0).v

    def along_w(w):
        return cells.vector_field(0.0, state._replace(gates=w), 0.0).gates

    rate, to_v = jax.jvp(along_v, (state.v,), (jnp.ones_like(v),))
    _, to_w = jax.jvp(along_w, (state.gates,), (jnp.ones_like(state.gates),))
    return np.asarray(-rate * cells.C_m), np.asarray(to_v + to_w[0])


def test_class_1_begins_at_a_saddle_node():
    """Rinzel & Ermentrout 1998, sec. 7.4: at 39.96 µA/cm²."""
    v = np.linspace(-60, -20, 40001)
    current, _ = at_rest(MorrisLecar.class_1, v)

    assert abs(current.max() - 39.96) < 0.005


def test_class_2_rests_unstably_between_two_hopf_bifurcations():
    """Rinzel & Ermentrout 1998, sec. 7.3: from 93.86 to 212 µA/cm²."""
    v = np.linspace(-60, 40, 100001)
    current, trace = at_rest(MorrisLecar.class_2, v)
    unstable = current[trace > 0]

    assert np.all(np.diff(current) > 0)  # no saddle-node: one rest for each current
    np.testing.assert_allclose([unstable[0], unstable[-1]], [93.86, 212.0], atol=0.02)


def test_frequency_of_class_1_begins_at_zero():
    """As the root of what the current is above the saddle-node, 39.963: four times it, twice."""
    cells = MorrisLecar.class_1((3,))
    currents = 39.963 + np.array([-0.05, 0.05, 0.2])
    sol = nj.simulate(cells, currents, t1=2500.0, dt=0.1, record=["spikes"])

    assert sol.spikes.counts()[0] == 0
    slow, fast = (np.diff(sol.spikes.of(i))[-1] for i in (1, 2))
    assert slow > 700
    assert abs(slow / fast - 2) < 0.1  # the rest of the cycle is 1/30 of the slow one


def test_class_2_is_bistable_below_the_bifurcation():
    """At 90 µA/cm² a state near rest returns to it and one far from it goes on firing, as below a
    subcritical bifurcation; at 100 both fire, at 8 Hz or more; at 80 and at 220 nobody."""
    v = np.linspace(-60, 40, 100001)
    current, _ = at_rest(MorrisLecar.class_2, v)
    rest = np.interp([90.0, 100.0], current, v) + 0.3
    cells = MorrisLecar.class_2(v_init=np.array([rest[0], -60.0, rest[1], -60.0, -60.0, -60.0]))
    drive = np.array([90.0, 90.0, 100.0, 100.0, 80.0, 220.0])
    sol = nj.simulate(cells, drive, t1=1500.0, dt=0.1, record=["spikes"])

    late = [np.sum(sol.spikes.of(i) > 1000) for i in range(6)]
    assert late[0] == 0 and late[4] == late[5] == 0
    assert min(late[1:4]) >= 4
