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

    def _keep(self, line: str) -> bool:
        """Take in a line, unless a kill cut it short or its epoch is there already."""
        try:
            record = json.loads(line)
            epoch = (record["fit"], record["epoch"])
        except (ValueError, KeyError, TypeError):
            return False
        if epoch in self._lines:
            return False
        self._lines[epoch] = line
        return True

    def append(self, fit: str, record: dict[str, Any]) -> bool:
        """Write a record unless its epoch is there; whether it was written."""
        line = to_json({"fit": fit, **record})
        if not self._keep(line):
            return False
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        return True
