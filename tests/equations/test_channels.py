"""Channels as text: the classes' curves and cells, and what is refused."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj
from neurojax import channels
from neurojax.channels import CalciumPool
from neurojax.dendrites import Cell, discretise, placed, random_morphology
from neurojax.equations import EquationError, channel_from_equations
from neurojax.equations.units import mM, mS, mV, siemens, um

SQUID = """
I_Na = g_Na*m**3*h*(v - E_Na) : amp/meter**2
I_K = g_K*n**4*(v - E_K) : amp/meter**2
dm/dt = phi*(alpha_m*(1 - m) - beta_m*m) : 1
dh/dt = phi*(0.07/ms*exp((-65*mV - v)/(20*mV))*(1 - h) - beta_h*h) : 1
dn/dt = opening - (opening + closing)*n : 1
opening = phi*0.1/ms/exprel((-55*mV - v)/(10*mV)) : Hz
closing = phi*0.125/ms*exp((-65*mV - v)/(80*mV)) : Hz
alpha_m = 1/ms/exprel((-40*mV - v)/(10*mV)) : 1/second
beta_m = 4/ms*exp((-65*mV - v)/(18*mV)) : Hz
beta_h = 1/ms/(exp((-35*mV - v)/(10*mV)) + 1) : 1/second
phi = 3**((celsius - 6.3)/10) : 1
"""
SQUID_VALUES = dict(g_Na=120.0, g_K=36.0, E_Na=50.0, E_K=-77.0, celsius=16.3)

H_CURRENT = """
drive = v - E : volt           # subexpressions of v are filled in
I = g*m*drive : amp/meter**2
dm/dt = (m_inf - m)/tau : 1
m_inf = 1/(1 + exp((v + 75*mV)/(5.5*mV))) : 1
tau = 1*ms/(exp(-14.59 - 0.086/mV*v) + exp(-1.87 + 0.0701/mV*v)) : second
"""

CALCIUM = """
I = g*m**2*h*(v - RT_F/2*log(outside/ca)) : amp/meter**2
dm/dt = alpha_m*(1 - m) - beta_m*m : 1
dh/dt = alpha_h*(1 - h) - beta_h*h : 1
alpha_m = 0.055*3.8/ms/exprel((-27*mV - v)/(3.8*mV)) : Hz
beta_m = 0.94/ms*exp((-75*mV - v)/(17*mV)) : Hz
alpha_h = 0.000457/ms*exp((-13*mV - v)/(50*mV)) : Hz
beta_h = 0.0065/ms/(exp((-v - 15*mV)/(28*mV)) + 1) : Hz
ca : mM
"""


def squid(**changes):
    values = SQUID_VALUES | changes
    return channel_from_equations(SQUID, currents={"I_Na": "na", "I_K": "k"}, parameters=values)


def h_current(g: Any = 0.02):
    return channel_from_equations(H_CURRENT, currents={"I": None}, parameters=dict(g=g, E=-43.0))


def calcium():
    thermal = 1e3 * 8.314462618 * (34 + 273.15) / 96485.33212 * mV
    given = dict(g=0.992 * mS / (1e4 * um) ** 2, outside=2 * mM, RT_F=thermal)
    return channel_from_equations(CALCIUM, currents={"I": "ca"}, parameters=given)


PAIRS = {
    "squid": (squid, lambda: channels.HodgkinHuxley(celsius=16.3)),
    "h": (h_current, lambda: channels.HCurrent(0.02)),
    "calcium": (calcium, channels.Ca_HVA),
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.usefixtures("x64")
def test_text_and_class_are_one_channel(name):
    """At the singularities of the rates (−55, −40, −27 mV) too, in value and slope."""
    text, written = (make() for make in PAIRS[name])
    v = jnp.concatenate([jnp.linspace(-120.0, 60.0, 37), jnp.array([-27.0])])
    ions = {"ca": jnp.linspace(1e-4, 1e-3, len(v))}
    gates = jax.random.uniform(jax.random.key(0), (len(written.gates), len(v)))

    assert (text.gates, text.reads) == (written.gates, written.reads)
    for a, b in zip(text.currents(v, gates, ions), written.currents(v, gates, ions), strict=True):
        assert a.ion == b.ion
        np.testing.assert_allclose(a.conductance, b.conductance, rtol=1e-12)
        np.testing.assert_allclose(a.source, b.source, rtol=1e-12)

    # n closes at (opening + closing) − opening: the rounding of the larger of the two.
    for a, b in zip(text.rates(v, ions), written.rates(v, ions), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)

    def slopes(channel):
        return jax.jvp(lambda v: channel.rates(v, ions), (v,), (jnp.ones_like(v),))[1]

    for a, b in zip(slopes(text), slopes(written), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-13)  # series of other lengths


@pytest.mark.parametrize("shape", [(), (2,)])
def test_inside_a_cell(shape):
    """In single precision, spikes and all, with arrays of parameters in a part of the cell."""
    compartments = discretise(random_morphology(np.random.default_rng(0), tips=4))
    apical = compartments.select("apical")
    g = jnp.linspace(0.1, 0.2, apical.sum())

    def run(squid, h, calcium):
        membrane = {"hh": squid, "h": placed(h, apical), "leak": channels.Leak(), "ca": calcium}
        cell = Cell(compartments, membrane, pools={"ca": CalciumPool()}, shape=shape)
        return nj.simulate(cell, 0.5, t1=20.0, dt=0.025, record=["v[soma]", "ions", "spikes"])

    ours = run(squid(), h_current(g), calcium())
    theirs = run(channels.HodgkinHuxley(celsius=16.3), channels.HCurrent(g), channels.Ca_HVA())
    assert ours.spikes.counts().min() >= 2
    # Rounding, on upstrokes of some hundred mV/ms.
    np.testing.assert_allclose(ours["v[soma]"], theirs["v[soma]"], atol=0.02)
    ca = theirs["ions"]["ca"]
    assert ca.max() > 1.5 * ca.min()
    np.testing.assert_allclose(ours["ions"]["ca"], ca, rtol=1e-3)


def test_parameters_are_trained():
    def flow(channel):
        m = jnp.full((1, 3), 0.5)
        return channel.currents(jnp.full(3, -70.0), m, {})[0].at(jnp.full(3, -70.0)).sum()

    slopes = eqx.filter_grad(flow)(h_current(jnp.full(3, 0.02)))
    np.testing.assert_allclose(slopes.parameters["g"], 0.5 * (-70.0 + 43.0), rtol=1e-6)
    np.testing.assert_allclose(slopes.parameters["E"], -0.5 * 0.06, rtol=1e-6)
    assert len(jax.tree.leaves(slopes)) == 2


@pytest.mark.usefixtures("x64")
def test_a_current_that_is_no_line_in_v_is_linearised():
    """`k v²`: at v = −20 mV its value and its slope, by hand."""
    given = dict(k=0.3 * siemens / (1e6 * um) ** 2 / mV)  # 0.03 mS/cm² for each mV
    text = "I = k*v**2 : amp/meter**2"
    channel = channel_from_equations(text, currents={"I": "k"}, parameters=given)
    v = jnp.array([-20.0])
    (current,) = channel.currents(v, jnp.zeros((0, 1)), {})
    np.testing.assert_allclose(current.conductance, 2 * 0.03 * -20.0, rtol=1e-12)
    np.testing.assert_allclose(current.at(v), 0.03 * 400, rtol=1e-12)
    assert channel.rates(v, {})[0].shape == (0, 1)


def test_it_is_shown_as_it_was_written():
    shown = repr(h_current())
    assert "dm/dt = (m_inf - m)/tau : 1" in shown
    assert "E = -43" in shown


LINE = "I = g*m*(v - E) : amp/meter**2\n"


@pytest.mark.parametrize(
    ("more", "line", "column", "problem"),
    [
        ("dm/dt = (0.5 - m**2)/ms : 1", 2, 16, "dm/dt is not linear in m here"),
        ("dm/dt = exp(-m)/ms : 1", 2, 9, "dm/dt is not linear in m here"),
        ("dm/dt = 0.5/ms : 1", 2, 2, "dm/dt does not depend on m"),
        ("dm/dt = (h - m)/ms : 1\ndh/dt = -h/ms : 1", 2, 10, "dm/dt depends on h"),
        ("dm/dt = (x - m)/ms : 1\nx = h : 1\ndh/dt = -h/ms : 1", 3, 5, "dm/dt depends on h"),
        ("dm/dt = (0.5*mV - m)/ms : volt", 2, 2, "the gate m has voltage, not 1"),
        ("dm/dt = (0.5 - m)/mV : 1", 2, 9, "has 1/time"),
        ("dm/dt = (0.5 - m)/tau : 1", 2, 19, "unknown name 'tau'"),
        ("dm/dt = (0.5 - m)/tau : 1\ntau : second", 3, 1, "tau has no value"),
        ("dm/dt = (exp(-t/ms) - m)/ms : 1", 2, 15, "t is not known to a channel"),
        ("dm/dt = (0.5 - m)/ms + xi*ms**-0.5 : 1", 2, 24, "xi is not known to a channel"),
        ("dm/dt = (0.5 - m)/ms : 1 (unless refractory)", 2, 2, "has no meaning in a channel"),
        ("dm/dt = (0.5 - m)/ms : 1\nv : volt", 3, 1, "v is the membrane potential"),
        ("m = 1 + v : 1", 2, 5, "1 has no dimension, v has voltage"),
    ],
)
def test_faults_of_the_text_are_named_where_they_stand(more, line, column, problem):
    given = dict(g=0.1, E=-43.0)
    with pytest.raises(EquationError, match=problem) as caught:
        channel_from_equations(LINE + more, currents={"I": None}, parameters=given)
    assert (caught.value.line, caught.value.column) == (line, column)


@pytest.mark.parametrize(
    ("currents", "changes", "problem"),
    [
        ({"J": None}, {}, "currents: 'J' is none of the subexpressions I"),
        ({"m": None}, {}, "currents: 'm' is none of the subexpressions I"),
        ({"tau": None}, {}, "line 3.*the current tau has time, not that of amp/meter"),
        ({"I": None}, {"v": 1.0}, r"parameters\['v'\]: v is the membrane potential"),
        ({"I": None}, {"E": 1 * um}, "v has voltage, E has length"),
        ({"I": None}, {"g": -0.1}, "EquationChannel: g must not be negative, got -0.1"),
        ({"I": None}, {"g": np.ones(2), "E": np.ones(3)}, r"E has shape \(3,\)"),
        ({"I": None}, {"m": 0.5}, r"parameters\['m'\]: m is given by an equation"),
    ],
)
def test_faults_of_the_values_are_named(currents, changes, problem):
    text = LINE + "dm/dt = (0.5 - m)/tau : 1\ntau = 2*ms : second"
    with pytest.raises(ValueError, match=f"(?s){problem}"):
        channel_from_equations(text, currents=currents, parameters=dict(g=0.1, E=-43.0) | changes)
