"""The base of units is consistent: laws of physics hold between the floats."""

import math

import pytest

from neurojax import units as u


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (u.MOhm * u.nA, u.mV),  # Ohm's law
        (u.GOhm * u.pA, u.mV),
        (u.nA / u.mV, u.uS),
        (u.pA / u.mV, u.nS),
        (1 / u.MOhm, u.uS),
        (1 / u.GOhm, u.nS),
        (u.nF / u.uS, u.ms),  # time constants
        (u.pF / u.nS, u.ms),
        (u.MOhm * u.nF, u.ms),
        (u.GOhm * u.pF, u.ms),
        (u.nF * u.mV / u.ms, u.nA),  # C dv/dt is a current
        (u.uF_per_cm2 / u.mS_per_cm2, u.ms),
        (u.mS_per_cm2 * u.mV, u.uA_per_cm2),
        (u.uF_per_cm2 * u.mV / u.ms, u.uA_per_cm2),
        (1000 * u.mV, u.volt),
        (1000 * u.uV, u.mV),
        (1000 * u.us, u.ms),
        (1000 * u.ms, u.second),
        (1000 * u.Hz, u.kHz),
        (1000 * u.um, u.mm),
        (10 * u.mm, u.cm),
        (1000 * u.pA, u.nA),
        (1000 * u.nA, u.uA),
        (1000 * u.nS, u.uS),
        (1000 * u.uS, u.mS),
        (1000 * u.pF, u.nF),
        (1000 * u.uM, u.mM),
        (1000 * u.mS_per_cm2, u.S_per_cm2),
    ],
)
def test_a_law(left, right):
    assert math.isclose(left, right, rel_tol=1e-15)


def test_the_base_is_one():
    base = [u.ms, u.mV, u.um, u.nA, u.uS, u.mS_per_cm2, u.uF_per_cm2, u.ohm_cm, u.mM]
    assert base == [1.0] * len(base)


def test_they_are_floats():
    values = [x for x in vars(u).values() if isinstance(x, int | float)]
    assert len(values) > 25
    assert all(type(x) is float for x in values)
