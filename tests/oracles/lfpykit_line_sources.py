"""LFPykit's line and point sources.

Inputs: `xyz` [segments, 2, 3] and `diameter` [segments] (um), the first of which is a soma at its
middle; `electrodes` [electrodes, 3] (um); `sigma` (S/m).
Results: `lines` and `points` [electrodes, segments] (mV/nA), all segments line sources, or the
first a point source.
"""

# pyright: reportMissingImports=false
import sys

import lfpykit
import numpy as np


def main(inputs, out):
    x, y, z = np.moveaxis(inputs["xyz"], -1, 0)
    cell = lfpykit.CellGeometry(x=x, y=y, z=z, d=inputs["diameter"])
    ex, ey, ez = inputs["electrodes"].T
    where = {"x": ex, "y": ey, "z": ez, "sigma": float(inputs["sigma"])}
    results = {
        name: kind(cell, **where).get_transformation_matrix()
        for name, kind in {
            "lines": lfpykit.LineSourcePotential,
            "points": lfpykit.PointSourcePotential,
        }.items()
    }
    np.savez(out, **results)


if __name__ == "__main__":
    main(np.load(sys.argv[1]), sys.argv[2])
