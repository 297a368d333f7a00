"""Axon Binary Format, which pCLAMP writes, through pyABF."""

import os
from typing import Any

import numpy as np
from jaxtyping import Float

from ._recording import MILLIVOLTS, NANOAMPERES, Recording, checked, in_units, refuse_missing


def read_abf(
    path: str | os.PathLike,
    *,
    channel: int | None = None,
    current: Float[np.ndarray, "sweeps samples"] | None = None,
) -> Recording:
    """Read the sweeps of an ABF file (1 or 2) that was recorded in current clamp.

    - `channel`: the input that recorded the voltage; the first with a unit of voltage unless given.
    - `current` (nA): the injected current, where the file does not hold it. Unless given it is the
      command that the protocol sent out on the output of the channel's number.

    Raises `ValueError` naming the file where it is no ABF file, is truncated, or has no voltage or
    no command in units of current.
    """
    file = _opened(path)
    units = [_plain(unit) for unit in file.adcUnits]
    if channel is None:
        voltages = [number for number, unit in enumerate(units) if unit in MILLIVOLTS]
        if not voltages:
            raise ValueError(f"{path}: no channel has a unit of voltage, they are {units}.")
        channel = voltages[0]
    elif not 0 <= channel < len(units):
        raise ValueError(f"channel must be from 0 to {len(units) - 1}, got {channel} ({path}).")
    scale = in_units(path, f"channel {channel}", units[channel], MILLIVOLTS)
    sweeps, commands = [], []
    for number in file.sweepList:
        file.setSweep(number, channel=channel)
        sweeps.append(np.array(file.sweepY, np.float64) * scale)
        if current is None:
            commands.append(_command(path, file, channel))
    if len({len(sweep) for sweep in sweeps}) != 1:
        raise ValueError(f"{path}: its sweeps differ in length: {sorted(map(len, sweeps))}.")
    return checked(
        path,
        sweeps,
        commands if current is None else current,
        float(file.dataRate),
        1000 * np.asarray(file.sweepTimesSec, np.float64),
    )


def _opened(path: str | os.PathLike) -> Any:
    try:
        from pyabf import ABF
    except ImportError:
        raise ImportError(
            "read_abf needs pyabf: pip install pyabf, or neurojax[interop]."
        ) from None
    refuse_missing(path)
    try:
        return ABF(os.fspath(path))
    except Exception as error:  # whatever a reader of bytes meets in bytes that are something else
        raise ValueError(f"{path} is no ABF file, or a truncated one: {error}.") from error


def _command(path: str | os.PathLike, file: Any, channel: int) -> np.ndarray:
    """The command (nA) of the sweep that `file` stands at."""
    unit = _plain(file.dacUnits[channel]) if channel < len(file.dacUnits) else ""
    command = np.array(file.sweepC, np.float64)
    if unit not in NANOAMPERES or not np.isfinite(command).all():
        raise ValueError(
            f"{path} holds no command in units of current (output {channel} has {unit!r}): "
            "give current, the injected one in nA."
        )
    return command * NANOAMPERES[unit]


def _plain(unit: str) -> str:
    return unit.strip(" \x00")
