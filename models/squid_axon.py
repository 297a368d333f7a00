"""The membrane action potential of the squid giant axon.

Hodgkin & Huxley 1952, J. Physiol. 117, fig. 12: at time zero a shock displaces the membrane from
rest, with its gates still at their resting values. They computed by hand that 90, 15 and 7 mV give
an action potential (the smaller the shock, the later), and 6 mV does not.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

import neurojax as nj


def membrane_action_potentials(
    shocks: Float[Array, " shocks"], t1: float = 20.0, dt: float = 0.01
) -> nj.Solution:
    """One membrane for each displacement from rest (mV), for t1 ms in steps of dt ms.

    `sol["v"]` is in mV, [time, shocks]; `sol.spikes` are crossings of 0 mV.
    """
    # With the leak of the paper's table 3, 10.613 mV above rest, rest is at −65 mV.
    axon = nj.HodgkinHuxley(shape=shocks.shape, E_leak=-54.387)
    rest = axon.initial_state()
    shocked = rest._replace(v=rest.v + shocks, above=jnp.zeros_like(rest.above))
    return nj.simulate(axon, 0.0, state=shocked, t1=t1, dt=dt)
