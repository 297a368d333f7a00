"""One side of a comparison: answers each line of stdin (a measure's name) with one sample.

Standard library only, since it runs inside every peer's own environment. Import it first: from
then on whatever a simulator prints goes to stderr, and stdout carries nothing but answers.
"""

import ctypes
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

SAMPLE_SECONDS = 0.2
"""A short call is repeated until a sample takes about this, well above the scheduler's grain."""
LONG_SECONDS = 2.0
"""A call of this or more needs no second one to be warm."""

if sys.platform.startswith("linux"):
    # All sides keep the memory they free (M_ARENA_MAX, M_MMAP_MAX, M_TRIM_THRESHOLD of glibc): to
    # have it from the system again in each call takes up to a quarter of the time of some.
    for what, value in ((-8, 1), (-4, 0), (-1, 2**31 - 1)):
        ctypes.CDLL(None).mallopt(what, value)

_answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


class Timed(NamedTuple):
    """Seconds of the part that counts: a measure returns it that works in a child process, or
    prepares each of its calls."""

    cpu: float
    wall: float


def _answer(record: dict) -> None:
    print(json.dumps(record), file=_answers, flush=True)


def _seconds(call: Callable[[], object], number: int = 1) -> dict[str, float]:
    """CPU time (over all threads of the process) and wall time of one call, in seconds."""
    told = []
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(number):
        returned = call()
        if isinstance(returned, Timed):
            told.append(returned)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    if told:
        cpu, wall = map(sum, zip(*told, strict=True))
    return {"cpu": cpu / number, "wall": wall / number}


def serve(
    measures: dict[str, Callable[[], object]],
    results: dict[str, Sequence[float]] | None = None,
    **about: object,
) -> None:
    """Say that this side is ready, then time `measures` as asked until stdin ends.

    A measure is a function of no arguments that returns when its work is done. The first time it
    is asked for it runs beforehand to compile and warm up, and to see how often a sample must
    repeat it. `about` (versions, spike counts, bytes) is reported with the results; of `results`
    (what was computed, by name) only how far the sides differ.
    """
    _answer({"about": about, "results": results or {}})
    numbers: dict[str, int] = {}
    for line in sys.stdin:
        name = line.strip()
        call = measures[name]
        if name not in numbers:
            first = _seconds(call)
            if first["wall"] < LONG_SECONDS:
                first = _seconds(call)
            numbers[name] = max(1, round(SAMPLE_SECONDS / first["wall"]))
            if numbers[name] == 1:
                _answer(first)
                continue
        _answer(_seconds(call, numbers[name]))
