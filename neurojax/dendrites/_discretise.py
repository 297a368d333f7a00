"""How many compartments a section gets."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Int

from ._compartments import Compartments, compartments_of
from ._frusta import cables_of, in_length_constants
from ._morphology import Morphology, refuse_unknown_regions

FREQUENCY = 100.0
"""Hz, of the d_lambda rule."""


def discretise(
    morphology: Morphology,
    *,
    compartments: int | Mapping[str, int] | None = None,
    max_length: float | int | None = None,
    d_lambda: float | int | None = None,
    R_a: float | int = 100.0,
    C_m: float | int = 1.0,
) -> Compartments:
    """A morphology in compartments: by default one in each section.

    compartments: so many in each section, or by the region's name (others have one).
    max_length: as few as are at most this long (µm).
    d_lambda: an odd number, each at most about this share of the length constant at 100 Hz, for the
    axial resistivity R_a (Ω·cm) and the capacitance C_m (µF/cm²); 0.1 is usual.
    A soma that is a sphere is one compartment.

    Raises `ValueError` where more than one of the three is given, for a count below 1, an unknown
    region, and any of the others that is not positive.
    Source of the d_lambda rule: Hines & Carnevale 2001, Neuroscientist 7, 123.
    """
    if sum(x is not None for x in (compartments, max_length, d_lambda)) > 1:
        raise ValueError(
            "give one of compartments, max_length and d_lambda, got "
            f"compartments={compartments}, max_length={max_length}, d_lambda={d_lambda}."
        )
    given = {"max_length": max_length, "d_lambda": d_lambda, "R_a": R_a, "C_m": C_m}
    for name, value in given.items():
        if value is not None and not 0 < value < np.inf:
            raise ValueError(f"{name} must be positive and finite, got {value}.")
    s = morphology.sections
    if max_length is not None:
        # A length that is a multiple of max_length up to rounding is that multiple.
        counts = np.ceil(cables_of(s).length / max_length * (1 - 1e-12)).astype(int)
    elif d_lambda is not None:
        constants = in_length_constants(s, cables_of(s), R_a=R_a, C_m=C_m, frequency=FREQUENCY)
        counts = ((constants / d_lambda + 0.9) / 2).astype(int) * 2 + 1
    else:
        counts = _by_region(s.names, compartments if compartments is not None else 1)
    if s.sphere:
        counts[0] = 1
    return compartments_of(morphology, counts)


def _by_region(
    names: tuple[str, ...], compartments: int | Mapping[str, int]
) -> Int[np.ndarray, " section"]:
    by_name = (
        compartments if isinstance(compartments, Mapping) else dict.fromkeys(names, compartments)
    )
    refuse_unknown_regions(by_name, names, "compartments")
    for name, count in by_name.items():
        if count < 1:
            raise ValueError(f"compartments must be at least 1, got {count} for {name!r}.")
    return np.array([by_name.get(name, 1) for name in names])
