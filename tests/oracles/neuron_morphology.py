"""NEURON's areas and axial resistances of sections given by their outlines (pt3d).

Inputs: `offsets` [sections + 1] into `xyz` [entries, 3] and `radii` [entries] (um); `before`
[sections], the one whose end each is joined to (-1: the begin of section 0); `sphere`, whether that
is the soma, whose middle others are joined to; `counts` [sections] of segments; `d_lambda`.
Results: `area` (um2) and `ri` (MOhm, from the middle of the segment before, or the section's begin,
to the own) at 100 Ohm cm, and `L` (um), of every segment in the order of sections; `distance` (um)
from the begin of section 0; `nseg_d_lambda` [sections], by the d_lambda rule at 1 uF/cm2.
"""

# pyright: reportMissingImports=false
import sys
from itertools import pairwise

import numpy as np
from neuron import h


def make_sections(inputs):
    offsets, xyz, radii, befores, sphere, counts = (
        inputs[name] for name in ("offsets", "xyz", "radii", "before", "sphere", "counts")
    )
    sections = []
    for k, (first, end) in enumerate(pairwise(offsets)):
        section = h.Section(name=f"s{k}")
        for (x, y, z), radius in zip(xyz[first:end], radii[first:end], strict=True):
            section.pt3dadd(x, y, z, 2 * radius)
        section.nseg = int(counts[k])
        section.Ra, section.cm = 100.0, 1.0
        if k:
            before = befores[k]
            place = 0.0 if before < 0 else 0.5 if before == 0 and sphere else 1.0
            section.connect(sections[max(before, 0)](place), 0)
        sections.append(section)
    return sections


def main(inputs, out):
    h.load_file("stdlib.hoc")
    sections = make_sections(inputs)
    share = float(inputs["d_lambda"])
    rule = [int((s.L / (share * h.lambda_f(100, sec=s)) + 0.9) / 2) * 2 + 1 for s in sections]
    segments = [segment for section in sections for segment in section]
    h.distance(0, sections[0](0))
    np.savez(
        out,
        area=[segment.area() for segment in segments],
        ri=[segment.ri() for segment in segments],
        L=[segment.sec.L / segment.sec.nseg for segment in segments],
        distance=[h.distance(segment) for segment in segments],
        nseg_d_lambda=rule,
    )


if __name__ == "__main__":
    main(np.load(sys.argv[1]), sys.argv[2])
