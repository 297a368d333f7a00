"""A comparison: two sides, each in processes of its own, timed in turns in one run.

A worker is a script of `peers/` that answers on stdin and stdout (`peers/serve.py`). A side may
have several workers, which tell their `setting`; the one with the least median stands for it.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal, Self

from experiments.benchmarks import _venvs

WORKERS = Path(__file__).parent / "peers"
ROOT = Path(__file__).parents[2]
PATIENCE = 600.0
"""Seconds that a worker may take over one answer."""

Line = dict[str, Any]
Time = Literal["cpu", "wall"]


@dataclass(frozen=True)
class Worker:
    """A script in `peers/` and its options; `peer` names the venv that runs it, None is ours."""

    script: str | Path
    options: tuple[str, ...] = ()
    peer: str | None = None


@dataclass(frozen=True)
class Case:
    """A claim: the median time of `ours` is at most `target` times that of `theirs`.

    `measures` is what our side and theirs are asked for. `time` is what is compared: the time of
    the process's threads summed (cpu) or that of the clock (wall). `rounds` bounds the samples of
    a long case. `agreement` bounds the mean difference between what the sides computed, by the
    name of the result: a case whose sides differ more has failed. `limits` bounds numbers that our
    side says of itself, as the bytes it uses, beside its time. Cases of one `curve` (its name) are
    drawn as our time over the `size` that our side says it has, which is measured in what `over`
    says; with `their_curve` their side's times are drawn as well.
    """

    name: str
    peer: str
    ours: tuple[Worker, ...]
    theirs: tuple[Worker, ...]
    target: float
    measures: tuple[str, str] = ("run", "run")
    time: Time = "cpu"
    rounds: int | None = None
    agreement: tuple[tuple[str, float], ...] = ()
    limits: tuple[tuple[str, float], ...] = ()
    curve: str | None = None
    their_curve: str | None = None
    over: str = "compartments"


class WorkerError(RuntimeError):
    """A worker ended, took too long or computed something else; the message says which."""


class _Running:
    """A worker's process while a comparison lasts."""

    def __init__(self, worker: Worker, measure: str):
        self.measure = measure
        self.about: dict[str, Any] = {}
        self.results: dict[str, list[float]] = {}
        self.samples: list[dict[str, float]] = []
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("JAX_", "PYTHON"))}
        if worker.peer is None:
            python = sys.executable
            environment["PYTHONPATH"] = str(ROOT)
        else:
            python = str(_venvs.interpreter(worker.peer))
        self._stderr = tempfile.TemporaryFile("w+")  # noqa: SIM115  (closed in __exit__)
        self._process = subprocess.Popen(
            [python, str(WORKERS / worker.script), *worker.options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
            env={**environment, "JAX_PLATFORMS": "cpu"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._stderr):
            if stream is not None:
                stream.close()

    def prepare(self) -> None:
        """Wait until the worker has built what it times, then warm it up."""
        answer = self._answer()
        self.about, self.results = answer["about"], answer.get("results", {})
        self.sample()
        self.samples.clear()

    def sample(self) -> None:
        """Ask for one sample: seconds per call."""
        assert self._process.stdin is not None
        try:
            print(self.measure, file=self._process.stdin, flush=True)
        except BrokenPipeError:
            raise WorkerError(self._last_words()) from None
        self.samples.append(self._answer())

    def seconds(self, which: Time) -> list[float]:
        return [sample[which] for sample in self.samples]

    def median(self, which: Time) -> float:
        return median(self.seconds(which))

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        watchdog = threading.Timer(PATIENCE, self._process.kill)
        watchdog.start()
        asked = time.monotonic()
        line = self._process.stdout.readline()
        waited = time.monotonic() - asked
        watchdog.cancel()
        if not line:
            late = f"no answer within {PATIENCE:g} s"
            raise WorkerError(late if waited >= PATIENCE else self._last_words())
        return json.loads(line)

    def _last_words(self) -> str:
        code = self._process.wait()
        self._stderr.seek(0)
        lines = [line.strip() for line in self._stderr if line.strip()]
        return lines[-1] if lines else f"exit code {code}, and nothing on stderr"


def run(case: Case, rounds: int) -> Line:
    """The result of a case, ready for JSON; what could not be measured is None."""
    line = {
        "case": case.name,
        "peer": case.peer,
        "status": "measured",
        "ours": None,
        "theirs": None,
        "ratio": None,
        "unit": f"s ({case.time})",
        "target": case.target,
        "holds": None,
    }
    for worker in (*case.ours, *case.theirs):
        if worker.peer is not None and _venvs.interpreter(worker.peer) is None:
            return {**line, "status": "absent", "set_up": _venvs.how_to_set_up(worker.peer)}
    rounds = min(rounds, case.rounds or rounds)
    try:
        ours, theirs = _measured(case, rounds)
        differences = _differences(case, [*ours, *theirs])
    except WorkerError as error:
        return {**line, "status": "failed", "error": str(error)}
    a, b = (min(worker.median(case.time) for worker in side) for side in (ours, theirs))
    line |= {"ours": a, "theirs": b, "ratio": a / b, "holds": a / b <= case.target}
    line |= {"rounds": rounds, **differences, **_details("ours", ours, case.time)}
    for name, limit in case.limits:
        line[f"{name}_limit"] = limit
        line["holds"] &= line[f"ours_{name}"] <= limit
    if case.curve is not None:
        line |= {"curve": case.curve, "over": case.over}
    if case.their_curve is not None:
        line["their_curve"] = case.their_curve
    return line | _details("theirs", theirs, case.time)


def _measured(case: Case, rounds: int) -> tuple[list[_Running], list[_Running]]:
    """The workers of both sides with their samples, taken in turns."""
    with ExitStack() as stack:
        sides = [
            [stack.enter_context(_Running(worker, measure)) for worker in workers]
            for workers, measure in zip((case.ours, case.theirs), case.measures, strict=True)
        ]
        turns = [worker for side in sides for worker in side]
        for worker in turns:
            worker.prepare()
        for _ in range(rounds):
            for worker in turns:
                worker.sample()
    ours, theirs = sides
    return ours, theirs


def _differences(case: Case, workers: list[_Running]) -> Line:
    """How far the workers' results differ from those of the first, the mean and the most."""
    first, *others = workers
    line = {}
    for name, bound in case.agreement:
        pairs = [(first.results[name], other.results[name]) for other in others]
        for counts in [tuple(map(len, pair)) for pair in pairs]:
            if counts[0] != counts[1]:
                raise WorkerError(f"the sides have {counts[0]} and {counts[1]} {name}")
        apart = [[abs(a - b) for a, b in zip(*pair, strict=True)] for pair in pairs]
        mean = max(sum(each) / len(each) for each in apart)
        if not mean <= bound:
            raise WorkerError(f"the sides' {name} differ by {mean:.3g} in the mean")
        line[f"{name}_differ"] = {"mean": mean, "most": max(map(max, apart)), "bound": bound}
    return line


def _details(side: str, workers: list[_Running], compared: Time) -> Line:
    """Of a side's fastest worker: both times, their range, and what it says of itself."""
    fastest = min(workers, key=lambda worker: worker.median(compared))
    line = {f"{side}_{key}": value for key, value in fastest.about.items()}
    for which in ("cpu", "wall"):
        seconds = fastest.seconds(which)
        line[f"{side}_{which}"] = median(seconds)
        line[f"{side}_{which}_range"] = [min(seconds), max(seconds)]
    if len(workers) > 1:
        settings = {worker.about["setting"]: worker.median(compared) for worker in workers}
        line[f"{side}_settings"] = settings
    return line
