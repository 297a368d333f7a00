"""Integrate-and-fire neurons that keep each other active, with synapses of currents (CUBA).

Four in five neurons excite. Any two are connected with a probability of 2 %, without delay.
Source: Vogels & Abbott 2005, J. Neurosci. 25, 10786–10795; as benchmarks Brette et al. 2007, J.
Comput. Neurosci. 23, 349–398, appendix B.
"""

import jax.random as jr
from jaxtyping import PRNGKeyArray

import neurojax as nj
from neurojax.networks import FixedProbability, Network, Population, Projection
from neurojax.synapses import CurrentBased, Exponential

PROBABILITY = 0.02
TAU_EXC, TAU_INH = 5.0, 10.0  # ms
V_RESET, V_THRESHOLD = -60.0, -50.0  # mV


def cuba(neurons: int = 4000, *, seed: int = 0) -> Network:
    """Weights in mV: 1.62 from neurons that excite, −9 from those that inhibit, into currents that
    are in mV too, of a resistance of 1. They rest above threshold, at −49 mV."""
    cells = nj.LIF(
        shape=(neurons,),
        tau_m=20.0,
        v_rest=-49.0,
        v_reset=V_RESET,
        v_threshold=V_THRESHOLD,
        refractory=5.0,
    )
    synapses = {
        "exc": CurrentBased(Exponential(tau=TAU_EXC)),
        "inh": CurrentBased(Exponential(tau=TAU_INH)),
    }
    first = neurons * 4 // 5
    rule = FixedProbability(PROBABILITY)
    projections = {
        "exc": Projection(f"cells[:{first}]", "cells.exc", rule, 60 * 0.27 / 10),
        "inh": Projection(f"cells[{first}:]", "cells.inh", rule, -20 * 4.5 / 10),
    }
    return Network({"cells": Population(cells, synapses)}, projections, seed=seed)


def at_random(network: Network, key: PRNGKeyArray) -> dict:
    """A state to start from: potentials anywhere between reset and threshold."""
    state = network.initial_state()
    v = jr.uniform(key, state["cells"].v.shape, minval=V_RESET, maxval=V_THRESHOLD)
    neurons = state["cells"].neurons._replace(v=v)
    return state | {"cells": state["cells"]._replace(neurons=neurons)}
