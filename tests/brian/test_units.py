"""Quantities: arithmetic, comparison, and how they are shown, as Brian2 does."""

import numpy as np
import pytest

from neurojax import brian as b


@pytest.mark.parametrize(
    ("quantity", "shown", "spelled"),
    [
        (10 * b.ms, "10. ms", "10. * msecond"),
        ([1, 2] * b.mV, "[1. 2.] mV", "array([1., 2.]) * mvolt"),
        (1 * b.nS * b.mV, "1. pA", "1. * pamp"),
        (20 * b.Hz, "20. Hz", "20. * hertz"),
        (0 * b.mV, "0. V", "0. * volt"),
        # The unit in which the geometric mean of the values is the closest to 10.
        (0.5 * b.mV, "0.5 mV", "0.5 * mvolt"),
        ([0.1, 0.2] * b.ms, "[100. 200.] us", "array([100., 200.]) * usecond"),
        ([5, 3000] * b.Hz, "[   5. 3000.] Hz", "array([   5., 3000.]) * hertz"),
        (3 * b.mM, "3. mM", "3. * mmolar"),
        (70 * b.umetre**2, "70. um^2", "70. * umetre2"),
        (-70 * b.mV, "-70. mV", "-70. * mvolt"),
        (2 * b.ms**2, "2. ms^2", "2. * msecond2"),
        (1 * b.amp * b.second, "1. C", "1. * coulomb"),
    ],
)
def test_shown_in_a_unit_that_suits(quantity, shown, spelled):
    assert str(quantity) == shown
    assert repr(quantity) == spelled
    assert f"{quantity}" == shown


def test_what_has_no_dimension_is_plain():
    assert (10 * b.ms) / b.ms == 10.0
    assert type((10 * b.ms) / b.ms) is float
    assert type(np.array([1.0, 2.0]) * b.ms / b.second) is np.ndarray
    assert type(2 * b.ms * b.Hz) is float
    np.testing.assert_allclose(np.exp(-(1 * b.ms) / b.second), np.exp(-1e-3))


def test_functions_of_numpy_keep_units():
    values = [1, 2, 6] * b.mV

    assert np.mean(values) / b.mV == 3
    assert str(values[1]) == "2. mV"
    assert values.max() / b.mV == 6
    np.testing.assert_allclose(b.linspace(0 * b.mV, 10 * b.mV, 3) / b.mV, [0, 5, 10])
    np.testing.assert_allclose(b.arange(0 * b.ms, 3 * b.ms, 1 * b.ms) / b.ms, [0, 1, 2])
    np.testing.assert_allclose(b.arange(4), [0, 1, 2, 3])


def test_plain_values_are_in_si():
    assert float(10 * b.ms) == 0.01
    np.testing.assert_allclose(np.asarray([1, 2] * b.mV), [1e-3, 2e-3])


@pytest.mark.parametrize(
    "compute",
    [
        lambda: 1 * b.ms + 1 * b.mV,
        lambda: 1 * b.ms + 1,
        lambda: 1 - 1 * b.ms,
        lambda: (1 * b.ms) < (2 * b.mV),
        lambda: np.exp(1 * b.mV),
        lambda: np.array([1.0, 2.0]) * b.mV < 3 * b.ms,
        lambda: b.arange(0 * b.ms, 3 * b.ms, 1 * b.mV),
    ],
)
def test_dimensions_that_do_not_match(compute):
    with pytest.raises(b.DimensionMismatchError, match=r"match"):
        compute()


def test_zero_has_every_dimension():
    assert (1 * b.ms + 0) / b.ms == 1
    assert (1 * b.ms) > 0


def test_dimensions_can_be_asked_for():
    assert b.have_same_dimensions(3 * b.nA, b.nS * b.mV)
    assert not b.have_same_dimensions(3 * b.nA, b.nS)
    assert b.is_dimensionless(3 * b.ms / b.second)
    assert (3456 * b.nA).in_unit(b.uA) == "3.456 uA"
    with pytest.raises(b.DimensionMismatchError, match="do not match"):
        (3 * b.nA).in_unit(b.mV)
