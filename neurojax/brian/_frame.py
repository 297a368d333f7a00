"""The names that are visible where a script calls: the one place that looks at its frame."""

import sys
from typing import Any

# Of this package, and of what checks its types in tests.
_OWN = ("neurojax.", "jaxtyping", "beartype")


def caller_names(level: int = 0) -> dict[str, Any]:
    """The globals and locals of the first caller outside of this package, `level` above it."""
    frame = sys._getframe(1)
    while frame.f_back is not None and (
        str(frame.f_globals.get("__name__", "")).startswith(_OWN)
        or frame.f_code.co_filename.startswith("<@")
    ):
        frame = frame.f_back
    for _ in range(level):
        frame = frame.f_back or frame
    return {**frame.f_globals, **frame.f_locals}
