"""Networks beside each other, by hand."""

import pytest

from neurojax.metrics import HARDWARE, Operations, compare_energies, estimate_energy


def test_one_price():
    """100 accumulates of 0.9 pJ beside 50 multiply-accumulates of 4.6 pJ."""
    found = compare_energies(
        {
            "conventional": estimate_energy({"a": Operations(macs=50.0, dense=60.0)}),
            "spiking": estimate_energy({"a": Operations(acs=100.0, dense=240.0, updates=8.0)}),
        }
    )
    assert found.ratio("spiking", "conventional") == pytest.approx((90 / 230, 90 / 230))
    lines = str(found).splitlines()
    assert lines[:7] == [
        "CMOS fp32 (45 nm, 0.9 V)",
        "per sample    MACs  ACs  dense  updates  energy",
        "conventional",
        "  a             50    0     60        0  230 pJ",
        "spiking",
        "  a              0  100    240        8   90 pJ",
        "spiking takes 0.391 times the energy of conventional",
    ]
    assert lines[7] == "left out:"
    assert sum("memory" in line for line in lines) == 1
    assert lines[-1] == "  spiking: updates of neurons (8 counted)"


def test_prices_that_disagree_are_the_same_for_both():
    """On Loihi 23.6 to 35.5 pJ an accumulate, 72.8 or 81 an update; the ratio of accumulates alone
    does not depend on it."""
    loihi = HARDWARE["Loihi"]
    found = compare_energies(
        {
            "one": estimate_energy({"a": Operations(acs=10.0)}, loihi),
            "two": estimate_energy({"a": Operations(acs=20.0)}, loihi),
            "three": estimate_energy({"a": Operations(acs=10.0, updates=10.0)}, loihi),
        }
    )
    assert found.ratio("two", "one") == pytest.approx((2, 2))
    assert found.ratio("three", "one") == pytest.approx((1 + 72.8 / 35.5, 1 + 81.0 / 23.6))
    assert "three takes 3.05–4.43 times the energy of one" in str(found)


def test_a_mac_costs_what_an_ac_does_where_both_are_one_operation():
    spinnaker = HARDWARE["SpiNNaker2"]
    found = compare_energies(
        {
            "macs": estimate_energy({"a": Operations(macs=10.0)}, spinnaker),
            "acs": estimate_energy({"a": Operations(acs=30.0)}, spinnaker),
        }
    )
    assert found.ratio("acs", "macs") == pytest.approx((3, 3))


def test_refused():
    one = estimate_energy({"a": Operations(acs=10.0)})
    with pytest.raises(ValueError, match="two or more, got 1"):
        compare_energies({"one": one})
    with pytest.raises(ValueError, match="one hardware, got CMOS fp32, Loihi"):
        other = estimate_energy({"a": Operations(acs=10.0)}, HARDWARE["Loihi"])
        compare_energies({"one": one, "other": other})
    with pytest.raises(ValueError, match=r"the energy of 'none' is 0\.0 pJ"):
        compare_energies({"one": one, "none": estimate_energy({"a": Operations()})})
