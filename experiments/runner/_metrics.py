"""metrics.jsonl: a line for each epoch of each fit, appended live, no doubles after a resume."""

import json
from pathlib import Path
from typing import Any

from experiments.runner._files import to_json, write


class Metrics:
    """The records of `path`, at most one for each (fit, epoch)."""

    def __init__(self, path: Path):
        self.path = path
        self._lines: dict[tuple[str, int], str] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                self._keep(line)
            write(path, "".join(line + "\n" for line in self._lines.values()).encode())

    def __len__(self) -> int:
        return len(self._lines)

    def __contains__(self, epoch: tuple[str, int]) -> bool:
        return epoch in self._lines

    def _keep(self, line: str) -> None:
        """Take in a line, unless a kill cut it short."""
        try:
            record = json.loads(line)
            self._lines.setdefault((record["fit"], record["epoch"]), line)
        except (ValueError, KeyError, TypeError):
            return

    def append(self, fit: str, record: dict[str, Any]) -> None:
        line = to_json({"fit": fit, **record})
        self._keep(line)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
