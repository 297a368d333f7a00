"""Channels against NEURON: its own `hh`, and the layer 5 set as mechanisms compiled for the test;
curves of the gates, and currents after a step of a voltage clamp, in double precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from neurojax import channels

pytestmark = pytest.mark.usefixtures("x64")

# −120, ..., 60 mV, and where the rates are zero over zero.
POTENTIALS = np.sort([*np.linspace(-120, 60, 46), -66, -64.4, -55, -38, -27, -17.0])
HOLD, TEST, TIMES, CA = -90.0, -10.0, np.array([0.1, 0.5, 2.0, 10.0, 50.0, 300.0]), 4e-4
LAYER_5 = (
    channels.NaTa_t,
    channels.Nap_Et2,
    channels.K_Tst,
    channels.K_Pst,
    channels.SKv3_1,
    channels.SK_E2,
    channels.Im,
    channels.Ih,
    channels.Ca_HVA,
    channels.Ca_LVAst,
)


@pytest.fixture(scope="module")
def neuron(oracle):
    return oracle("neuron_channels", v=POTENTIALS, hold=HOLD, test=TEST, ts=TIMES, ca=CA)


def curves(channel, v):
    """Steady states and time constants, [gates, 2, potentials]."""
    opening, closing = channel.rates(jnp.asarray(v), {"ca": jnp.full(v.shape, CA)})
    return np.stack([opening / (opening + closing), 1 / (opening + closing)], axis=1)


def gates_after_the_step(channel):
    (start, _), (end, tau) = (
        np.moveaxis(curves(channel, np.array([v])), 1, 0) for v in (HOLD, TEST)
    )
    return end + (start - end) * np.exp(-TIMES / tau)


def currents_after_the_step(channel):
    """mA/cm², [currents, times]."""
    v, ions = jnp.full(TIMES.shape, TEST), {"ca": jnp.full(TIMES.shape, CA)}
    flows = channel.currents(v, jnp.asarray(gates_after_the_step(channel)), ions)
    return 1e-3 * np.stack([flow.at(v) for flow in flows])


# Curves differ by rounding. Currents are CVODE's, at a tolerance of 1e-10 a step, of up to five
# gates multiplied, after up to a thousand steps.
ROUNDING, SOLVED = 1e-12, 2e-7


def test_the_squids(neuron):
    squid = channels.HodgkinHuxley()

    np.testing.assert_allclose(curves(squid, POTENTIALS), neuron["hh_curves"], rtol=ROUNDING)
    clamp = np.stack([neuron["hh_ina"], neuron["hh_ik"]])
    np.testing.assert_allclose(currents_after_the_step(squid), clamp, rtol=SOLVED)


@pytest.mark.parametrize("kind", LAYER_5)
def test_those_of_the_layer_5_cell(kind, neuron):
    channel, name = kind(g=1.0), kind.__name__

    np.testing.assert_allclose(curves(channel, POTENTIALS), neuron[f"{name}_curves"], rtol=ROUNDING)
    (clamp,) = currents_after_the_step(channel)
    np.testing.assert_allclose(clamp, neuron[f"{name}_clamp"], rtol=SOLVED)


def test_calcium_that_gathers_and_opens_potassium_channels(neuron):
    """Two calcium channels fill a pool, whose calcium moves their reversal and opens SK_E2."""
    parts = [kind(g=1.0) for kind in (channels.Ca_HVA, channels.Ca_LVAst, channels.SK_E2)]
    pool, ends = channels.CalciumPool(), [0, 2, 4, 5]

    def flows(v, x, ca):
        pairs = zip(parts, ends, ends[1:], strict=False)
        every = [c.currents(v, x[first:last], {"ca": ca}) for c, first, last in pairs]
        calcium, calcium_2, potassium = (flow.at(v) for (flow,) in every)
        return calcium + calcium_2, potassium

    def rates(v, ca):
        opening, closing = zip(*(c.rates(v, {"ca": ca}) for c in parts), strict=True)
        return jnp.concatenate(opening), jnp.concatenate(closing)

    @jax.jit
    def field(t, y):
        x, ca, v = y[:5], y[5], jnp.asarray(TEST)
        opening, closing = rates(v, ca)
        change = pool.rate(ca, flows(v, x, ca)[0])
        return jnp.append(opening * (1 - x) - closing * x, change)

    opening, closing = rates(jnp.asarray(HOLD), pool.minimum)
    start = np.append(opening / (opening + closing), pool.minimum)
    span = (0.0, TIMES[-1])
    sol = solve_ivp(field, span, start, "LSODA", TIMES, rtol=1e-10, atol=1e-13)

    ours = flows(jnp.full(TIMES.shape, TEST), jnp.asarray(sol.y[:5]), jnp.asarray(sol.y[5]))
    assert neuron["pool_cai"].max() > 3e-4  # the pool fills, from 1e-4 mM
    np.testing.assert_allclose(sol.y[5], neuron["pool_cai"], rtol=SOLVED)
    np.testing.assert_allclose(1e-3 * ours[0], neuron["pool_ica"], rtol=SOLVED)
    np.testing.assert_allclose(1e-3 * ours[1], neuron["pool_ik"], rtol=SOLVED)
