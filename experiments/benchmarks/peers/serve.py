"""One side of a comparison: answers each line of stdin (a measure's name) with one sample.

Standard library only, since it runs inside every peer's own environment. Import it first: from
then on whatever a simulator prints goes to stderr, and stdout carries nothing but answers.
"""

import json
import os
import sys
import time
from collections.abc import Callable

SAMPLE_SECONDS = 0.2
"""A short call is repeated until a sample takes about this, well above the scheduler's grain."""

_answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def _answer(record: dict) -> None:
    print(json.dumps(record), file=_answers, flush=True)


def _seconds(call: Callable[[], object], number: int = 1) -> dict[str, float]:
    """CPU time (over all threads of the process) and wall time of one call, in seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(number):
        call()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {"cpu": cpu / number, "wall": wall / number}


def serve(measures: dict[str, Callable[[], object]], **about: object) -> None:
    """Say that this side is ready, then time `measures` as asked until stdin ends.

    A measure is a function of no arguments that returns when its work is done. The first time it
    is asked for it runs twice beforehand: once to compile and warm up, once to see how often a
    sample must repeat it. `about` (versions, spike counts, bytes) is reported with the results.
    """
    _answer({"about": about})
    numbers: dict[str, int] = {}
    for line in sys.stdin:
        name = line.strip()
        call = measures[name]
        if name not in numbers:
            _seconds(call)
            numbers[name] = max(1, round(SAMPLE_SECONDS / _seconds(call)["wall"]))
        _answer(_seconds(call, numbers[name]))
