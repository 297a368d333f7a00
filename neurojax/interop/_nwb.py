"""Neurodata Without Borders, through PyNWB."""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ._recording import MILLIVOLTS, NANOAMPERES, Recording, checked, in_units, refuse_missing


class _Sweep(NamedTuple):
    name: str
    voltage: np.ndarray
    current: np.ndarray
    rate: float
    start: float


def read_nwb(path: str | os.PathLike, *, sweeps: Sequence[str] | None = None) -> Recording:
    """Read the current-clamp sweeps of one electrode from an NWB 2 file, in order of time.

    Each `CurrentClampSeries` is paired with its `CurrentClampStimulusSeries` by the table of
    intracellular recordings, or by sweep number where there is none. `sweeps`: the names of the
    series to read, where a file holds recordings of several lengths, rates or electrodes.

    Raises `ValueError` naming the file where it is no NWB file, has no such pairs, or they do not
    fit together.
    """
    try:
        from pynwb import NWBHDF5IO
    except ImportError:
        raise ImportError(
            "read_nwb needs pynwb: pip install pynwb, or neurojax[interop]."
        ) from None
    refuse_missing(path)
    try:
        with NWBHDF5IO(os.fspath(path), mode="r") as io:  # pyright: ignore[reportCallIssue]
            pairs = _pairs(io.read())
            if sweeps is not None:
                _refuse_unknown(path, sweeps, [response.name for response, _ in pairs])
                pairs = [pair for pair in pairs if pair[0].name in sweeps]
            electrodes = {response.electrode.name for response, _ in pairs}
            found = [_sweep(path, response, stimulus) for response, stimulus in pairs]
    except _Unusable as error:
        raise ValueError(str(error)) from None
    except Exception as error:  # whatever a reader of HDF5 meets in a file that is something else
        raise ValueError(f"{path} is no NWB file, or a damaged one: {error}.") from error
    return _stacked(path, found, electrodes)


class _Unusable(Exception):
    """Said by us of a file that PyNWB could read."""


def _pairs(file: Any) -> list[tuple[Any, Any]]:
    """Response and stimulus of each sweep in current clamp."""
    from pynwb.icephys import CurrentClampSeries, CurrentClampStimulusSeries

    table = file.intracellular_recordings
    if table is not None:
        responses = table.get_category("responses")["response"]
        stimuli = table.get_category("stimuli")["stimulus"]
        rows = [(responses[row], stimuli[row]) for row in range(len(table))]
        pairs = [(response.timeseries, stimulus.timeseries) for response, stimulus in rows]
    else:
        numbered = {s.sweep_number: s for s in file.stimulus.values() if hasattr(s, "sweep_number")}
        recorded = [r for r in file.acquisition.values() if hasattr(r, "sweep_number")]
        pairs = [(r, numbered.get(r.sweep_number)) for r in recorded if r.sweep_number is not None]
    return [
        (response, stimulus)
        for response, stimulus in pairs
        if isinstance(response, CurrentClampSeries)
        and isinstance(stimulus, CurrentClampStimulusSeries)
    ]


def _sweep(path: str | os.PathLike, response: Any, stimulus: Any) -> _Sweep:
    rate, start = _clock(path, response)
    if _clock(path, stimulus)[0] != rate:
        raise _Unusable(f"{path}: {response.name} and {stimulus.name} differ in their rates.")
    try:
        voltage = _values(path, response, MILLIVOLTS)
        current = _values(path, stimulus, NANOAMPERES)
    except ValueError as error:
        raise _Unusable(str(error)) from None
    if voltage.shape != current.shape or voltage.ndim != 1:
        raise _Unusable(
            f"{path}: {response.name} is {voltage.shape}, {stimulus.name} {current.shape}: both "
            "must have one value for each sample."
        )
    return _Sweep(response.name, voltage, current, rate, start)


def _values(path: str | os.PathLike, series: Any, known: dict[str, float]) -> np.ndarray:
    """In mV or nA: stored values times `conversion` plus `offset` are in `unit`."""
    scale = in_units(path, series.name, series.unit, known)
    return (np.asarray(series.data, np.float64) * series.conversion + series.offset) * scale


def _clock(path: str | os.PathLike, series: Any) -> tuple[float, float]:
    """Rate (Hz) and start (ms) of a series."""
    if series.rate is not None:
        return float(series.rate), 1000 * float(series.starting_time)
    stamps = np.asarray(series.timestamps, np.float64)
    steps = np.diff(stamps)
    if len(steps) == 0 or np.ptp(steps) > 1e-3 * steps.mean():
        raise _Unusable(f"{path}: the samples of {series.name} are not evenly spaced in time.")
    return round(float(1 / steps.mean()), 6), 1000 * float(stamps[0])


def _stacked(path: str | os.PathLike, found: list[_Sweep], electrodes: set[str]) -> Recording:
    if not found:
        raise ValueError(
            f"{path} has no CurrentClampSeries with a CurrentClampStimulusSeries to it."
        )
    kinds = {(sweep.rate, len(sweep.voltage)) for sweep in found}
    if len(kinds) > 1 or len(electrodes) > 1:
        raise ValueError(
            f"{path} holds sweeps of {len(electrodes)} electrodes and of (rate in Hz, samples) "
            f"{sorted(kinds)}: choose some of one kind by sweeps={[s.name for s in found]}."
        )
    found = sorted(found, key=lambda sweep: sweep.start)
    return checked(
        path,
        [sweep.voltage for sweep in found],
        [sweep.current for sweep in found],
        found[0].rate,
        [sweep.start for sweep in found],
    )


def _refuse_unknown(path: str | os.PathLike, chosen: Sequence[str], known: list[str]) -> None:
    for name in chosen:
        if name not in known:
            raise _Unusable(f"{path} has no current-clamp sweep {name!r}, it has {known}.")
