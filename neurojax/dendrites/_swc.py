"""Morphologies from SWC files, and to them."""

from pathlib import Path

import numpy as np

from ._morphology import Morphology, on_circle

COLUMNS = ("id", "type", "x", "y", "z", "radius", "parent")
INTEGERS = ("id", "type", "parent")


def read_swc(path: str | Path) -> Morphology:
    """The morphology in an SWC file: seven columns, `id type x y z radius parent`, in µm.

    Points may stand in any order, types be any whole number from 0. A file may have several roots
    (parent −1), see `Morphology`. A point that stands there twice, once as a root and once with a
    parent, has the parent.

    Raises `FileNotFoundError`, and `ValueError` with the number of the line: for a wrong count of
    columns, what is no finite number, a radius that is not positive, an id that is there twice, a
    parent that is not there, a point that is its own ancestor, and a file without points.
    Source: Cannon et al. 1998, J. Neurosci. Methods 84, 49; the INCF's SWC+ specification.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path: there is no file {path}.")
    rows, lines = [], []
    text = path.read_text(encoding="utf-8-sig", errors="replace")  # -sig: whether or not marked
    for number, line in enumerate(text.split("\n"), 1):
        words = line.partition("#")[0].split()
        if words:
            rows.append(_row(words, f"{path}, line {number}"))
            lines.append(number)
    if not rows:
        raise ValueError(f"{path} has no points, in {number} lines.")
    table = np.array(rows)
    _refuse_wrong_values(table, lines, path)
    ids, types, parents = (table[:, COLUMNS.index(name)].astype(int) for name in INTEGERS)
    where = _unique(ids, parents, table[:, 1:6], lines, path)
    ids, types, parents, table = ids[where], types[where], parents[where], table[where]
    return Morphology(
        ids=ids,
        types=types,
        xyz=table[:, 2:5],
        radii=table[:, 5],
        parents=_indices(ids, parents, np.array(lines)[where], path),
    )


def write_swc(morphology: Morphology, path: str | Path) -> None:
    """Writes a morphology so that `read_swc` reads an equal one: all digits, roots as joined."""
    m = morphology
    parents = np.where(m.parents < 0, -1, m.ids[m.parents])
    rows = zip(m.ids.tolist(), m.types.tolist(), m.xyz.tolist(), m.radii.tolist(), parents.tolist(),
               strict=True)  # fmt: skip
    lines = [
        f"{point} {kind} {x!r} {y!r} {z!r} {radius!r} {parent}"
        for point, kind, (x, y, z), radius, parent in rows
    ]
    Path(path).write_text("\n".join(["# " + " ".join(COLUMNS), *lines, ""]), encoding="utf-8")


def _row(words: list[str], where: str) -> list[float]:
    if len(words) != len(COLUMNS):
        raise ValueError(f"{where}: expected {len(COLUMNS)} columns ({' '.join(COLUMNS)}), "
                         f"got {len(words)}.")  # fmt: skip
    try:
        return [float(word) for word in words]
    except ValueError as error:
        raise ValueError(f"{where}: expected numbers, got {' '.join(words)!r}.") from error


def _refuse_wrong_values(table: np.ndarray, lines: list[int], path: Path) -> None:
    for name, column in zip(COLUMNS, table.T, strict=True):
        faults = [("finite", ~np.isfinite(column))]
        if name in INTEGERS:
            faults.append(("a whole number", column != np.floor(column)))
        if name in ("id", "type"):
            faults.append(("0 or more", column < 0))
        if name == "radius":
            faults.append(("positive", column <= 0))
        for expected, wrong in faults:
            if wrong.any():
                row = int(np.argmax(wrong))
                raise ValueError(
                    f"{path}, line {lines[row]}: {name} must be {expected}, got {column[row]}."
                )


def _unique(
    ids: np.ndarray, parents: np.ndarray, places: np.ndarray, lines: list[int], path: Path
) -> np.ndarray:
    """Rows of distinct points: of one that is there twice, the row that has a parent."""
    row_of: dict[int, int] = {}
    for row, point in enumerate(ids.tolist()):
        first = row_of.setdefault(point, row)
        if first == row:
            continue
        same = bool((places[first] == places[row]).all())
        if not same or (parents[first] >= 0) == (parents[row] >= 0):
            raise ValueError(
                f"{path}, line {lines[row]}: the id {point} is that of line {lines[first]} already."
            )
        if parents[first] < 0:
            row_of[point] = row
    return np.array(sorted(row_of.values()))


def _indices(ids: np.ndarray, parents: np.ndarray, lines: np.ndarray, path: Path) -> np.ndarray:
    """Each point's parent as an index, −1 for a root."""
    order = np.argsort(ids)
    place = np.minimum(np.searchsorted(ids, parents, sorter=order), len(ids) - 1)
    found = order[place]
    root = parents < 0
    missing = np.flatnonzero(~root & (ids[found] != parents))
    if missing.size:
        row = missing[0]
        raise ValueError(f"{path}, line {lines[row]}: the parent {parents[row]} of point "
                         f"{ids[row]} is not there.")  # fmt: skip
    index = np.where(root, -1, found)
    circle = on_circle(index)
    if circle.size:
        row = circle[0]
        raise ValueError(f"{path}, line {lines[row]}: point {ids[row]} is its own ancestor.")
    return index
