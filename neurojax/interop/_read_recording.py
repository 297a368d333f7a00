"""Recordings, read by what their file's name ends in."""

import os
from pathlib import Path

from ._abf import read_abf
from ._nwb import read_nwb
from ._recording import Recording, read_npz

READERS = {".abf": read_abf, ".nwb": read_nwb, ".npz": read_npz}


def read_recording(path: str | os.PathLike) -> Recording:
    """Read a recording by what the file's name ends in: .abf, .nwb or .npz.

    Raises `ValueError` naming the file where it is none of these or cannot be used.
    """
    kind = Path(path).suffix.lower()
    if kind not in READERS:
        raise ValueError(f"{path}: a recording is a file that ends in {', '.join(READERS)}.")
    return READERS[kind](path)
