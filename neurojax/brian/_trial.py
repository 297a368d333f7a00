"""Pairs of neurons that are not synapses yet, for the texts of connect rules."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ._code import Names
from ._group import Group
from ._quantity import NONE
from ._variables import FIXED, Variable

if TYPE_CHECKING:
    from ._synapses import Synapses


class Trial(Group):
    """Pairs of neurons that may become synapses, for the text of a connect rule."""

    def __init__(self, synapses: "Synapses", known: dict[str, np.ndarray]) -> None:
        size = max((np.size(x) for x in known.values()), default=1)
        object.__setattr__(self, "variables", {})
        object.__setattr__(self, "synapses", synapses)
        object.__setattr__(self, "known", known)
        for key, value in vars(synapses).items():
            if key in ("name", "start", "namespace", "values"):
                object.__setattr__(self, key, value)
        object.__setattr__(self, "N", size)

    def names(self, namespace: Mapping[str, Any]) -> Names:
        names = self.synapses.names(namespace)
        names.dimensions |= dict.fromkeys(self.known, NONE)
        return names

    def variable(self, name: str) -> Variable:
        return Variable(NONE, FIXED) if name in self.known else self.synapses.variable(name)

    def stored(self, name: str) -> np.ndarray:
        if name in self.known:
            return np.asarray(self.known[name])
        if name in ("N_pre", "N_post"):
            return self.synapses.stored(name)
        group, _, stem = self.synapses._ended(name)
        end = "i" if name.endswith("_pre") else "j"
        stored = group.root.stored(stem)
        return stored if stored.ndim == 0 else stored[self.known[end] + group.start]
