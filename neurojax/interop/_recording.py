"""A current-clamp recording, and what its readers share."""

import os
import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

# Of one unit in mV and in nA, by how files spell it.
MILLIVOLTS = {"V": 1e3, "volts": 1e3, "mV": 1.0, "uV": 1e-3, "µV": 1e-3}
NANOAMPERES = {"A": 1e9, "amperes": 1e9, "uA": 1e3, "µA": 1e3, "nA": 1.0, "pA": 1e-3}


class Recording(NamedTuple):
    """Sweeps of a current-clamp recording of one neuron, all of one length.

    - `voltage` (mV) and `current` (the injected one, nA): [sweeps, samples].
    - `rate`: samples per second (Hz). `starts`: when each sweep begins (ms).
    """

    voltage: Float[np.ndarray, "sweeps samples"]
    current: Float[np.ndarray, "sweeps samples"]
    rate: float
    starts: Float[np.ndarray, " sweeps"]

    @property
    def dt(self) -> float:
        """Time between samples (ms)."""
        return 1000 / self.rate

    @property
    def times(self) -> Float[np.ndarray, " samples"]:
        """Times of a sweep's samples from its start (ms)."""
        return np.arange(self.voltage.shape[1]) * self.dt


def read_npz(path: str | os.PathLike) -> Recording:
    """Read arrays `voltage_mV` and `current_pA`, [sweeps, samples], and `rate_hz`, a number.

    The sweeps follow one another without a gap. Raises `ValueError` naming the file where it is no
    such archive; nothing in it is run.
    """
    refuse_missing(path)
    try:
        # numpy leaves a file open that it opened and cannot read; pickled arrays are refused
        with open(path, "rb") as raw, np.load(raw) as file:
            voltage, current = file["voltage_mV"], file["current_pA"]
            rate = float(file["rate_hz"])
    except (OSError, ValueError, TypeError, KeyError, EOFError, AttributeError) as error:
        raise ValueError(f"{path} is no archive of a recording: {error}.") from error
    except (zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} is no archive of a recording: {error}.") from error
    return checked(path, voltage, current * NANOAMPERES["pA"], rate)


def checked(
    path: str | os.PathLike, voltage: Any, current: Any, rate: float, starts: Any = None
) -> Recording:
    """A `Recording` of what a file holds, refused where it cannot be one; without `starts`, sweeps
    follow one another."""
    voltage, current = (np.asarray(x, np.float64) for x in (voltage, current))
    if not 0 < rate < np.inf:
        raise ValueError(f"{path}: the rate must be positive, it is {rate} Hz.")
    if voltage.ndim != 2 or voltage.size == 0:
        raise ValueError(f"{path}: voltage must be [sweeps, samples], it is {voltage.shape}.")
    if current.shape != voltage.shape:
        raise ValueError(f"{path}: current is {current.shape}, voltage {voltage.shape}.")
    for name, values in (("voltage", voltage), ("current", current)):
        if not np.isfinite(values).all():
            raise ValueError(f"{path}: {name} holds values that are not finite.")
    sweeps, samples = voltage.shape
    if starts is None:
        starts = np.arange(sweeps) * (samples * 1000 / rate)
    return Recording(voltage, current, float(rate), np.asarray(starts, np.float64))


def in_units(path: str | os.PathLike, what: str, unit: str, known: dict[str, float]) -> float:
    """What one `unit` is in our own; refused where that unit cannot be of a `what`."""
    unit = unit.replace("\N{GREEK SMALL LETTER MU}", "\N{MICRO SIGN}")
    if unit not in known:
        raise ValueError(
            f"{path}: the unit of {what} is {unit!r}, known are {', '.join(map(repr, known))}."
        )
    return known[unit]


def refuse_missing(path: str | os.PathLike) -> None:
    if not Path(path).is_file():
        raise ValueError(f"there is no file {path}.")
