"""Currents that are a line in the potential."""

from typing import Any, NamedTuple


class Affine(NamedTuple):
    """A current into a membrane that depends on its potential v (mV): `source − conductance · v`
    (nA; µS, nA)."""

    conductance: Any
    source: Any

    def at(self, v: Any) -> Any:
        return self.source - self.conductance * v
