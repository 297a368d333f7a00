"""Dimensions and units: what is checked when the text is read, and what values are worth."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pint
import pytest

import neurojax as nj
from neurojax.equations import EquationError, from_equations, units
from neurojax.equations.units import Mohm, kHz, mM, ms, mV, nA, nS, pF, uS

MEMBRANE = "dv/dt = (g*(E - v) + I)/C : volt\nI : amp"


@pytest.mark.parametrize(
    ("text", "column", "problem"),
    [
        ("dv/dt = (g*(E - v) + I)/C : amp\nI : amp", 13, "E has voltage, v has current"),
        ("dv/dt = (g*(E - v) + E)/C : volt", 10, "has current, E has voltage"),
        ("dv/dt = g*(E - v) : volt", 9, r"dv/dt has voltage/time, this has current"),
        ("dv/dt = E - v : volt", 9, r"has voltage/time, this has voltage; divide by a time"),
        ("dv/dt = exp(v)*E/tau : volt", 13, "argument of exp has no dimension, this has voltage"),
        ("dv/dt = (E+x)/tau : volt\nx = g*E : volt", 5, "x has voltage, this has current"),
        ("dv/dt = clip(v, E, g)/tau : volt", 9, "v has voltage, g has conductance"),
        ("dv/dt = v**2/tau : volt", 9, r"has voltage/time, this has voltage²/time"),
        ("dv/dt = sqrt(v)/tau : volt", 9, r"this has voltage¹ᐟ²/time"),
        ("dv/dt = int(v > g)*v/tau : volt", 13, "v has voltage, g has conductance"),
        ("dv/dt = (v > 1)*v/tau : volt", 10, "a condition where a number is due"),
        ("dv/dt = 2**v*E/tau : volt", 12, "an exponent has no dimension, this has voltage"),
        ("dv/dt = xi*E/tau : volt", 9, r"this has voltage/time³ᐟ²"),
        ("dv/dt = v/tau + v*nA : volt", 9, r"v/tau has voltage/time, v\*nA has current voltage"),
    ],
)
def test_dimensions_that_do_not_match_are_both_named(text, column, problem):
    given = {"g": 10 * nS, "E": -70 * mV, "C": 100 * pF, "tau": 10 * ms}
    with pytest.raises(EquationError, match=problem) as caught:
        from_equations(text, parameters=given)
    assert caught.value.column == column


@pytest.mark.parametrize(
    ("argument", "text", "problem"),
    [
        ("threshold", "v > 1", "threshold.*v has voltage, 1 has no dimension"),
        ("threshold", "v + 10*mV", "a number where a condition is due"),
        ("threshold", "v == 10*mV", "comparisons by > or <"),
        ("threshold", "not_refractory", "comparisons by > or <"),
        ("threshold", "I > 1*nA", "I is an input, and not known here"),
        ("threshold", "v > t*mV/ms", "t is not known here"),
        ("threshold", "v > 10*mV*xi*sqrt(ms)", "xi is not known here"),
        ("reset", "v = 1", "reset.*v has voltage, this has no dimension"),
        ("reset", "v += 1*nA", "v has voltage, this has current"),
        ("reset", "v *= 2*mV", "a factor has no dimension, this has voltage"),
        ("reset", "g = 0", "g is no variable that can be set"),
        ("reset", "u = 0", "u is no variable that can be set"),
        ("reset", "v = rand()*mV", "rand has no meaning"),
        ("refractory", "5*mV", "a refractory period has time, this has voltage"),
        ("refractory", "v > 1*nA", "v has voltage"),
        ("refractory", "tau_ref", "unknown name 'tau_ref'"),
    ],
)
def test_threshold_reset_and_refractoriness_are_checked_too(argument, text, problem):
    rest: dict[str, Any] = {"threshold": "v > 10*mV"} | {argument: text}
    given = {"g": 10 * nS, "E": -70 * mV, "C": 100 * pF}
    with pytest.raises(EquationError, match=f"(?s){problem}"):
        from_equations(MEMBRANE, parameters=given, **rest)


def test_a_quantity_of_another_dimension():
    given = {"g": 10 * nS, "E": -70 * mV, "C": 100 * pF}
    declared = MEMBRANE + "\nE : volt"
    with pytest.raises(ValueError, match=r"parameters\['E'\] has dimension current, but E has vol"):
        from_equations(declared, parameters=given | {"E": 1 * nA})
    with pytest.raises(ValueError, match=r"initial\['v'\] has dimension time, but v has voltage"):
        from_equations(MEMBRANE, parameters=given, initial={"v": 1 * ms})
    with pytest.raises(EquationError, match=r"refractory.*has time, this has voltage"):
        from_equations(MEMBRANE, threshold="v > 0*mV", refractory=1 * mV, parameters=given)
    # What is not declared and has no unit of its own must still fit all its uses.
    with pytest.raises(EquationError, match=r"conductance"):
        from_equations(MEMBRANE + "\nx = g + E : volt", parameters=given | {"E": -70.0})


def test_values_arrive_in_neurojax_units_whatever_their_unit():
    other = pint.UnitRegistry()
    given = {
        "tau": 0.01 * other.second,
        "E": -0.07 * units.volt,
        "g": np.array([10.0, 20.0]) * nS,
        "C": 0.1 * units.nF,
        "R": 100 * Mohm,
        "conc": 5 * mM,
        "rate": 2 * kHz,
        "g_area": 0.3 * units.mS / units.cm**2,
        "rho": 150 * units.ohm * units.cm,
        "single": ms,
    }
    neuron = from_equations("dv/dt = -v/tau : volt", parameters=given)
    expected = {
        "tau": 10.0,
        "E": -70.0,
        "g": [0.01, 0.02],
        "C": 0.1,
        "R": 100.0,
        "conc": 5.0,
        "rate": 2000.0,
        "g_area": 0.3,
        "rho": 150.0,
        "single": 1.0,
    }
    for name, value in expected.items():
        np.testing.assert_allclose(neuron.parameters[name], value, rtol=1e-6, err_msg=name)
    assert neuron.shape == (2,)


UNITS = """
ms mvolt nS usiemens ufarad metre umetre cm**2 Mohm amp namp kHz mM mmolar volt/second kelvin
siemens/meter**2 farad*cm**-2 cm2 um3 joule coulomb 1 Hz 1/ms integer
"""


@pytest.mark.parametrize("unit", UNITS.split())
def test_names_of_units(unit):
    model = from_equations(f"dv/dt = -v/tau : 1\nx : {unit}", parameters={"tau": 10.0})
    assert model.model.inputs == ("x",)


@pytest.mark.usefixtures("x64")
def test_densities_and_rates_of_plain_numbers_are_in_neurojax_units():
    """A squid axon per area, as HodgkinHuxley takes it: declared, inferred and said
    outright."""
    declared = "dv/dt = (g*(E - v) + I)/C : volt\nI : amp/meter**2\n"
    rates = [
        from_equations(declared + more, parameters=given, initial={"v": -60.0}).vector_field(
            0.0, {"v": jnp.array(-60.0)}, 10.0
        )["v"]
        for more, given in [
            ("g : siemens/meter**2\nC : farad/meter**2", {"g": 0.3, "E": -50.0, "C": 2.0}),
            ("", {"g": 0.3, "E": -50.0, "C": 2.0}),
            ("", {"g": 3 * uS / units.cm**2 * 100, "E": -50 * mV, "C": 2 * units.uF / units.cm**2}),
        ]
    ]
    np.testing.assert_allclose(rates, (0.3 * 10 + 10) / 2, rtol=1e-12)

    decay = from_equations("dx/dt = -k*x : 1\nk : Hz", parameters={"k": 100.0})
    np.testing.assert_allclose(decay.vector_field(0.0, {"x": jnp.array(2.0)}, 0.0)["x"], -0.2)
    for text in ("dx/dt = -k*x : 1", "dx/dt = -k*x : 1\nk : 1/ms"):
        with pytest.raises(ValueError, match=r"'k'\] is a rate, and a plain number could be per"):
            from_equations(text, parameters={"k": 0.1})


@pytest.mark.usefixtures("x64")
def test_a_state_and_a_drive_in_hz():
    """A rate neuron in Hz, driven in Hz: the numbers outside are Hz, whatever is inside."""
    unit = from_equations("dr/dt = (drive - r)/tau : Hz\ndrive : Hz", parameters={"tau": 10 * ms})
    sol = nj.simulate(unit, 50.0, t1=10.0, dt=0.5)
    np.testing.assert_allclose(sol["r"], 50 * (1 - np.exp(-np.asarray(sol.ts) / 10)), rtol=1e-12)
