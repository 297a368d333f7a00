"""Recordings, written by the libraries of the formats and read back."""

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pynwb
import pytest
from pyabf.abfWriter import writeABF1

from neurojax.interop import Recording, read_abf, read_npz, read_nwb, read_recording

nwb: Any = pynwb  # its signatures are made at run time
RATE = 10_000.0
SAMPLES = 1000  # a smaller ABF1 file is shorter than its header says
VOLTAGE = -60 + 20 * np.sin(np.arange(SAMPLES) / 30) * np.array([[1.0], [2.0], [3.0]])  # mV
CURRENT = np.where(np.arange(SAMPLES) < 100, 0.0, np.array([[0.01], [0.02], [0.03]]))  # nA


def write_npz(path: Path) -> None:
    np.savez(path, voltage_mV=VOLTAGE, current_pA=1000 * CURRENT, rate_hz=RATE)


def write_abf(path: Path) -> None:
    writeABF1(VOLTAGE, str(path), RATE, units="mV")


def write_nwb(path: Path, **changes) -> None:
    """Volts and amperes as the format has them, sweeps in disorder, 100 ms between them."""
    table, voltage, stamps = (changes.get(n) for n in ("table", "voltage", "timestamps"))
    file = nwb.NWBFile("a cell", "cell 1", datetime(2020, 1, 1, tzinfo=UTC))
    device = file.create_device(name="amplifier")
    electrode = file.create_icephys_electrode(name="pipette", device=device, description="patch")
    for sweep in (2, 0, 1):
        clock = {"starting_time": 0.2 * sweep, "rate": RATE}
        if stamps is not None:
            clock = {"timestamps": stamps}
        common = {"electrode": electrode, "gain": 1.0, "sweep_number": np.uint64(sweep)} | clock
        mV = VOLTAGE[sweep] if voltage is None else voltage[sweep]
        response = nwb.icephys.CurrentClampSeries(
            name=f"response {sweep}", data=mV, conversion=1e-3, **common
        )
        stimulus = nwb.icephys.CurrentClampStimulusSeries(
            name=f"stimulus {sweep}", data=1e-9 * CURRENT[sweep], **common
        )
        if table:
            file.add_intracellular_recording(
                electrode=electrode, stimulus=stimulus, response=response
            )
        else:
            file.add_acquisition(response)
            file.add_stimulus(stimulus)
    with nwb.NWBHDF5IO(str(path), "w") as io:
        io.write(file)


def check(read: Recording, starts: list[float], tolerance: float = 1e-9) -> None:
    np.testing.assert_allclose(read.voltage, VOLTAGE, atol=tolerance)
    np.testing.assert_allclose(read.current, CURRENT, atol=1e-12)
    np.testing.assert_allclose(read.starts, starts)
    assert read.rate == RATE and read.dt == 0.1 and read.times[-1] == pytest.approx(99.9)


def test_npz(tmp_path: Path):
    write_npz(tmp_path / "cell.npz")
    check(read_recording(tmp_path / "cell.npz"), [0, 100, 200])


def test_abf(tmp_path: Path):
    """The writer truncates to a step of its 16 bits, 0.031 mV; it stores no command."""
    path = tmp_path / "cell.abf"
    write_abf(path)
    check(read_abf(path, current=CURRENT), [0, 100, 200], tolerance=0.031)
    with pytest.raises(ValueError, match=r"cell\.abf holds no command .* give current"):
        read_recording(path)
    with pytest.raises(ValueError, match="channel must be from 0 to 0, got 1"):
        read_abf(path, channel=1)
    with pytest.raises(ValueError, match=r"cell\.abf: current is \(3, 999\), voltage \(3, 1000\)"):
        read_abf(path, current=CURRENT[:, 1:])


def test_abf_units(tmp_path: Path):
    path = tmp_path / "cell.abf"
    writeABF1(VOLTAGE / 1000, str(path), RATE, units="V")
    read = read_abf(path, current=CURRENT)
    np.testing.assert_allclose(read.voltage, VOLTAGE, atol=0.031)
    writeABF1(VOLTAGE, str(path), RATE, units="pA")
    with pytest.raises(ValueError, match=r"cell\.abf: no channel has a unit of voltage.*'pA'"):
        read_abf(path, current=CURRENT)
    with pytest.raises(ValueError, match=r"unit of channel 0 is 'pA', known are 'V'"):
        read_abf(path, channel=0, current=CURRENT)


@pytest.mark.parametrize("table", [False, True])
def test_nwb(tmp_path: Path, table: bool):
    path = tmp_path / "cell.nwb"
    write_nwb(path, table=table)
    check(read_recording(path), [0, 200, 400])
    few = read_nwb(path, sweeps=["response 1"])
    np.testing.assert_allclose(few.voltage, VOLTAGE[1:2])
    with pytest.raises(ValueError, match=r"cell\.nwb has no current-clamp sweep 'x', it has"):
        read_nwb(path, sweeps=["x"])


def test_nwb_timestamps(tmp_path: Path):
    path = tmp_path / "cell.nwb"
    stamps = 5 + np.arange(SAMPLES) / RATE
    write_nwb(path, timestamps=stamps)
    assert read_nwb(path).rate == RATE
    stamps[-1] += 1
    write_nwb(path, timestamps=stamps)
    with pytest.raises(ValueError, match=r"cell\.nwb: the samples of response . are not evenly"):
        read_nwb(path)


def test_nwb_that_does_not_fit(tmp_path: Path):
    path = tmp_path / "cell.nwb"
    write_nwb(path, voltage=[VOLTAGE[0], VOLTAGE[1], VOLTAGE[2, 1:]])
    with pytest.raises(
        ValueError, match=r"cell\.nwb: response 2 is \(999,\), stimulus 2 \(1000,\)"
    ):
        read_nwb(path)
    write_nwb(path, voltage=np.where(VOLTAGE < -100, np.nan, VOLTAGE))
    with pytest.raises(ValueError, match=r"cell\.nwb: voltage holds values that are not finite"):
        read_nwb(path)
    with nwb.NWBHDF5IO(str(path), "w") as io:
        io.write(nwb.NWBFile("nothing", "cell 1", datetime(2020, 1, 1, tzinfo=UTC)))
    with pytest.raises(ValueError, match=r"cell\.nwb has no CurrentClampSeries with a"):
        read_nwb(path)


WRITERS: dict[str, Callable[[Path], None]] = {
    ".npz": write_npz, ".abf": write_abf, ".nwb": write_nwb
}  # fmt: skip


@pytest.mark.parametrize("kind", WRITERS)
def test_files_that_are_something_else(tmp_path: Path, kind: str):
    path = tmp_path / f"cell{kind}"
    with pytest.raises(ValueError, match=rf"there is no file .*cell\{kind}"):
        read_recording(path)
    path.write_text("no recording at all")
    with pytest.raises(ValueError, match=rf"cell\{kind} is no "):
        read_recording(path)
    WRITERS[kind](path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(ValueError, match=rf"cell\{kind} is no "):
        read_recording(path)


def test_another_kind_of_file(tmp_path: Path):
    shutil.copy(__file__, tmp_path / "cell.py")
    with pytest.raises(ValueError, match=r"cell\.py: a recording is a file that ends in \.abf"):
        read_recording(tmp_path / "cell.py")


class Explosive:
    def __reduce__(self):
        return os.abort, ()


def test_archives_that_do_not_fit(tmp_path: Path):
    path = tmp_path / "cell.npz"
    np.savez(path, voltage_mV=np.array([Explosive()], dtype=object), current_pA=0, rate_hz=1)
    with pytest.raises(ValueError, match=r"cell\.npz is no archive of a recording"):
        read_npz(path)
    for voltage, rate, said in (
        (VOLTAGE[0], RATE, r"voltage must be \[sweeps, samples\], it is \(1000,\)"),
        (VOLTAGE, 0, "the rate must be positive, it is 0.0 Hz"),
        (VOLTAGE[:2], RATE, r"current is \(3, 1000\), voltage \(2, 1000\)"),
    ):
        np.savez(path, voltage_mV=voltage, current_pA=CURRENT, rate_hz=rate)
        with pytest.raises(ValueError, match=said):
            read_npz(path)
