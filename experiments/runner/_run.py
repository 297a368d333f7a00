"""The folder of one run, and the stages that let a killed run go on where it stopped.

- config.json: the experiment, its options and the versions it ran with
- metrics.jsonl: a line for each epoch of each fit
- checkpoints/: a .json for each finished stage, a .safetensors for each fit
- summary.json: the result, the same bits whether the run was killed and resumed or not
- timing.json: everything measured with a clock, which is why it is not in the summary
- figures/: .png
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from experiments.runner._errors import ExperimentError
from experiments.runner._files import read_json, to_json, write_json
from experiments.runner._metrics import Metrics
from experiments.runner._seeding import seeds_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Run:
    """What an experiment is given beside its options."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._metrics = Metrics(folder / "metrics.jsonl")
        self._timing = _Timing(folder / "timing.json")
        self._tables: list[Table] = []
        # disable=None: no bar unless there is a terminal to draw it on
        self._bar = tqdm(initial=len(self._metrics), unit="epoch", disable=None, leave=False)

    def expect(self, epochs: int) -> None:
        """Say how many epochs all fits will take, for the progress bar."""
        self._bar.total = epochs

    def stage(self, name: str, compute: Callable[[], Any]) -> Any:
        """`compute()`, or what it returned in an earlier session of this run.

        The value is JSON, with arrays as lists; it comes back as it was stored, so the first
        session and a resumed one see the same.
        """
        path = self.folder / "checkpoints" / f"{name}.json"
        if path.exists():
            return read_json(path)
        value = json.loads(to_json(compute()))
        write_json(path, value)
        return value

    def each_seed(self, config: Any, one_seed: Callable[[int], Any]) -> list[Any]:
        """A stage for each of the Config's seeds."""
        return [self.stage(f"seed-{seed}", partial(one_seed, seed)) for seed in seeds_of(config)]

    def fit(self, name: str, trainer: Callable[..., Any]) -> Any:
        """Call a trainer built on `learning.fit` so that it can be killed, resumed and watched.

        `trainer` takes `checkpoint`, `resume` and `on_epoch` and returns a `Fit`; of a resumed run
        it tells the epochs in the checkpoint again, so what a kill kept out of the metrics gets in.
        """
        from neurojax.core import metadata_of

        checkpoint = self.folder / "checkpoints" / f"{name}.safetensors"
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        self._bar.set_description(name)
        self._timing.start()

        def on_epoch(record: dict[str, Any]) -> None:
            if (name, record["epoch"]) in self._metrics:
                return
            self._timing.lap(name)
            self._metrics.append(name, record)
            self._bar.update()

        try:
            if checkpoint.exists():
                metadata_of(checkpoint)
        except ValueError as error:
            raise ExperimentError(str(error)) from error
        try:
            return trainer(checkpoint=checkpoint, resume=True, on_epoch=on_epoch)
        except FloatingPointError as error:
            raise ExperimentError(f"{name}: {error}") from error

    def seconds(self, fit: str) -> list[float]:
        """Wall seconds of the epochs of a fit; the first of each session includes compiling."""
        return self._timing.epochs.get(fit, [])

    def figure(self, name: str, figure: Figure) -> None:
        path = self.folder / "figures" / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        figure.savefig(path, dpi=150)

    def table(
        self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], caption: str
    ) -> None:
        """A table to print when the run ends."""
        table = Table(*columns, title=title, caption=caption, box=SIMPLE_HEAD)
        for column in table.columns[1:]:
            column.justify = "right"
        for row in rows:
            table.add_row(*row)
        self._tables.append(table)

    def finish(self, summary: Any) -> None:
        """Write the summary and print the tables."""
        write_json(self.folder / "summary.json", summary)
        self._timing.save()
        self.close()
        console = Console(width=None if sys.stdout.isatty() else 120)
        for table in self._tables:
            console.print(table)
        print(f"{self._timing.total:.0f} s, all in {self.folder}")

    def close(self) -> None:
        self._bar.close()


class _Timing:
    """timing.json: seconds of each session of the run, and of each epoch of each fit."""

    def __init__(self, path: Path):
        self.path = path
        stored = read_json(path) if path.exists() else {"sessions": [], "epochs": {}}
        self.epochs: dict[str, list[float]] = stored["epochs"]
        self.sessions: list[float] = [*stored["sessions"], 0.0]
        self._session_start = self._lap_start = time.perf_counter()

    @property
    def total(self) -> float:
        return sum(self.sessions)

    def start(self) -> None:
        self._lap_start = time.perf_counter()

    def lap(self, fit: str) -> None:
        self.epochs.setdefault(fit, []).append(time.perf_counter() - self._lap_start)
        self.save()
        self.start()

    def save(self) -> None:
        self.sessions[-1] = time.perf_counter() - self._session_start
        write_json(self.path, {"sessions": self.sessions, "epochs": self.epochs})
