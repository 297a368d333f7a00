"""A network of neurons with synaptic currents and delays against Brian2: the same spikes."""

import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj
from neurojax.networks import Network, Population, Projection
from neurojax.synapses import CurrentBased, Exponential

pytestmark = pytest.mark.usefixtures("x64")

N, DT, T1 = 400, 0.1, 200.0
SYNAPSES = {"exc": (range(320), 5.0, 3.0), "inh": (range(320, N), 10.0, -20.0)}


def edges(draw, sources):
    """One in ten of all pairs; each synapse has its own weight."""
    pairs = np.argwhere(draw.random((len(sources), N)) < 0.1)
    return pairs[:, 0] + sources[0], pairs[:, 1], draw.uniform(0.5, 1.5, len(pairs))


@pytest.mark.parametrize("delays", [(0, 0), (15, 8)])
def test_spikes_are_those_of_brian2(oracle, delays):
    draw = np.random.default_rng(0)
    v = draw.uniform(-60, -50, N)
    given, projections, kinds = {}, {}, {}
    for (name, (sources, tau, weight)), delay in zip(SYNAPSES.items(), delays, strict=True):
        pre, post, w = edges(draw, sources)
        given |= {f"{name}.pre": pre, f"{name}.post": post, f"{name}.w": weight * w}
        given[f"{name}.delay"] = delay * DT
        kinds[name] = CurrentBased(Exponential(tau=tau))
        projections[name] = Projection("cells", f"cells.{name}", (pre, post), weight * w, delay)
    theirs = oracle("brian2_network", dt=DT, t1=T1, v=v, **given)

    neurons = nj.LIF(
        shape=(N,), tau_m=20.0, v_rest=-49.0, v_threshold=-50.0, v_reset=-60.0, refractory=5.0
    )
    network = Network({"cells": Population(neurons, kinds)}, projections)
    state = network.initial_state()
    cells = state["cells"]
    state["cells"] = cells._replace(neurons=cells.neurons._replace(v=jnp.asarray(v)))
    sol = nj.simulate(network, t1=T1, dt=DT, state=state, record=["spikes"])

    due = np.zeros((round(T1 / DT), N), bool)
    due[theirs["steps"], theirs["indices"]] = True
    assert due.sum() > 500
    np.testing.assert_array_equal(sol.spikes["cells"].raster(), due)
