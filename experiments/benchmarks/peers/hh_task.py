"""The cells that every side simulates: squid HH, a graded step of current; runs in every venv."""

import numpy as np

DT, T1 = 0.025, 100.0  # ms
ON, OFF = 5.0, 95.0  # ms, of the current
DIAMETER = 20.0  # um, and as long
DENSITY = 1e5 / (np.pi * DIAMETER**2)  # uA/cm2 of one nA over the membrane


def nanoamperes(cells: int) -> np.ndarray:
    """The currents, one a cell; a single cell gets the largest."""
    return np.linspace(0.06, 0.2, cells) if cells > 1 else np.array([0.2])
