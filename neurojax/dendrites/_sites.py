"""Compartments that have names."""

from collections.abc import Mapping

import numpy as np

from ._compartments import Compartments

SOMA = "soma"


class Sites:
    """Names of compartments; hashable, for jit."""

    def __init__(self, index: Mapping[str, int], count: int) -> None:
        for name, at in index.items():
            if not 0 <= at < count:
                raise ValueError(f"Cell: sites[{name!r}] is {at}, there are {count} compartments.")
        self._index = {name: int(at) for name, at in index.items()}

    def __getitem__(self, name: str) -> int:
        if name not in self._index:
            raise ValueError(f"there is no site {name!r}: the cell has {', '.join(self._index)}.")
        return self._index[name]

    def __hash__(self) -> int:
        return hash(tuple(self._index.items()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sites) and self._index == other._index

    def __repr__(self) -> str:
        return f"Sites({self._index})"


def soma_of(compartments: Compartments) -> int:
    """The compartment of the region soma that is nearest its centre; the first where there is no
    soma."""
    soma = np.flatnonzero(np.array(compartments.region) == SOMA)
    if not len(soma):
        return 0
    area = compartments.area[soma, None]
    center = (compartments.xyz[soma] * area).sum(axis=0) / area.sum()
    return int(soma[np.argmin(np.linalg.norm(compartments.xyz[soma] - center, axis=1))])
