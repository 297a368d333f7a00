"""Files that a kill at any moment leaves whole, old or new; JSON, so that no data can run code."""

import json
import os
from pathlib import Path
from typing import Any

from experiments.runner._errors import ExperimentError


def to_json(value: Any, indent: int | None = None) -> str:
    """Arrays become lists and floats keep every bit."""
    return json.dumps(value, indent=indent, default=lambda array: array.tolist())


def read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ExperimentError(f"{path} cannot be read as JSON: {error}") from error


def write_json(path: Path, value: Any) -> None:
    write(path, to_json(value, indent=2).encode() + b"\n")


def write(path: Path, content: bytes) -> None:
    """Replace `path` in one step; the name of the part file keeps two processes apart."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
