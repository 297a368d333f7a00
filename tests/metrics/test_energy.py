"""Energies by hand and as published, their ranges, and what is said to be left out."""

import re
from pathlib import Path

import pytest

from neurojax.metrics import (
    HARDWARE,
    EnergyConstant,
    Hardware,
    Operations,
    estimate_energy,
)

DOCS = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_by_hand():
    """10 × 4.6 + 20 × 0.9 pJ."""
    found = estimate_energy(Operations(macs=10.0, acs=20.0, dense=100.0))
    assert found.low == found.high == pytest.approx(64.0)
    assert found.hardware.name == "CMOS fp32"


def test_a_published_network():
    """18.39 M multiply-accumulates of 4.6 pJ: 845.94e-7 J (PMC10242054, table 3)."""
    found = estimate_energy(Operations(macs=18.39e6, dense=18.39e6))
    assert found.high * 1e-12 == pytest.approx(845.94e-7, rel=1e-6)


def test_hardware_of_one_s_own():
    """keras-spiking's documentation: a dense layer of 784 × 128 on its CPU needs 8.64e-4 J."""
    price = (EnergyConstant(8600.0, "one multiply-accumulate", "Degnan et al. 2015"),)
    cpu = Hardware("CPU", "22 nm", mac=price, update=price)
    layer = Operations(macs=784 * 128.0, dense=784 * 128.0, updates=128.0)
    found = estimate_energy({"dense": layer}, cpu)
    assert found.high * 1e-12 == pytest.approx(8.64e-4, rel=1e-3)


def test_sources_that_disagree_make_a_range():
    found = estimate_energy(Operations(acs=100.0, updates=10.0), HARDWARE["Loihi"])
    assert found.low == pytest.approx(100 * 23.6 + 10 * 72.8)
    assert found.high == pytest.approx(100 * 35.5 + 10 * 81.0)


def test_layers_add_up():
    layers = {"a": Operations(macs=5.0, dense=10.0), "b": Operations(acs=7.0, dense=9.0)}
    found = estimate_energy(layers)
    assert found.total == Operations(macs=5.0, acs=7.0, dense=19.0)
    assert found.high == pytest.approx(sum(estimate_energy(x).high for x in layers.values()))


def test_hardware_that_multiplies_by_zeros():
    layers = {"a": Operations(macs=5.0, dense=10.0), "b": Operations(acs=7.0, dense=9.0)}
    found = estimate_energy(layers, skips_zeros=False)
    assert found.high == pytest.approx(19 * 4.6)
    assert found.total.acs == 0


def test_what_has_no_price_is_refused():
    with pytest.raises(ValueError, match=r"Loihi has no energy for multiply.*'a' has 5 a sample"):
        estimate_energy({"a": Operations(macs=5.0)}, HARDWARE["Loihi"])
    adder = Hardware("multiplier", "", mac=(EnergyConstant(1.0, "", ""),))
    with pytest.raises(ValueError, match="no energy for accumulate"):
        estimate_energy(Operations(acs=5.0), adder)
    with pytest.raises(ValueError, match=r"picojoules must be finite and at least 0, got -1\.0"):
        EnergyConstant(-1.0, "", "")


def test_graded_messages_where_they_are_supported():
    for name in ("SENECA", "SpiNNaker", "SpiNNaker2"):
        graded = estimate_energy(Operations(macs=3.0), HARDWARE[name])
        assert graded.high == estimate_energy(Operations(acs=3.0), HARDWARE[name]).high > 0


def test_what_is_left_out_is_named():
    found = estimate_energy(Operations(macs=1.0, updates=1200.0))
    said = "; ".join(found.left_out)
    for what in ("memory", "idle", "biases", "updates of neurons (1,200 counted)"):
        assert what in said
    priced = estimate_energy(Operations(acs=1.0, updates=1200.0), HARDWARE["Loihi"])
    assert not any("updates" in x for x in priced.left_out)


def test_table():
    layers = {
        "hidden": Operations(acs=1.5e6, dense=2e7, updates=640.0),
        "output": Operations(acs=200.4, dense=5e3),
    }
    lines = str(estimate_energy(layers, HARDWARE["Loihi"])).splitlines()
    assert lines[:5] == [
        "Loihi (14 nm)",
        "per sample  MACs        ACs       dense  updates        energy",
        "hidden         0  1,500,000  20,000,000      640  35.4–53.3 µJ",
        "output         0        200       5,000        0  4.73–7.11 nJ",
        "total          0  1,500,200  20,005,000      640  35.5–53.3 µJ",
    ]
    assert lines[5:7] == ["left out:", "  idle power and leakage"]
    one = str(estimate_energy(Operations(macs=2.0))).splitlines()
    assert one[2].split() == ["network", "2", "0", "0", "0", "9.2", "pJ"]


@pytest.mark.parametrize(
    ("picojoules", "shown"),
    [(0.0, "0 pJ"), (999.4, "999 pJ"), (999.6, "1 nJ"), (1e6, "1 µJ"), (2.5e12, "2.5e+03 mJ")],
)
def test_units(picojoules, shown):
    hardware = Hardware("", "", mac=(EnergyConstant(picojoules, "", ""),))
    assert str(estimate_energy(Operations(macs=1.0), hardware)).splitlines()[2].endswith(shown)


def test_every_constant_is_documented():
    """Its number, what it covers and its sources, in one row."""
    rows = DOCS.read_text().splitlines()
    for hardware in HARDWARE.values():
        assert hardware.left_out
        for constant in {*hardware.mac, *hardware.ac, *hardware.update}:
            told = [
                row
                for row in rows
                if row.startswith(f"| {hardware.name} ({hardware.process}) |")
                and f"| {constant.picojoules:,g} |" in row
                and constant.covers in row
                and constant.source in row
                and (constant.quoted_from or "") in row
            ]
            assert len(told) == 1, (hardware.name, constant)


def test_the_documented_example(capsys):
    """Its convolution has 8 × 13 × 13 outputs of 9 taps, its readout 13,520 weights."""
    example, whole = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    exec(example, {})
    printed = capsys.readouterr().out
    assert re.search(r"convolution +12,168 +0 +12,168 +0 +56 nJ", printed)
    assert re.search(r"readout +\d,\d+ +0 +13,520", printed)
    exec(whole, {})
    printed = capsys.readouterr().out
    assert re.search(r"0\.Linear +\d[\d,]* +0 +4,096", printed)
    assert re.search(r"spiking takes .* times the energy of conventional", printed)
