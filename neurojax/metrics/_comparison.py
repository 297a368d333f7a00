"""The energies of several networks on one hardware, beside each other."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from ._energy import EnergyEstimate, table
from ._hardware import Hardware
from ._operations import Operations


@dataclass(frozen=True, repr=False)
class EnergyComparison:
    """Estimates by the names of the networks. Prints as one table."""

    estimates: Mapping[str, EnergyEstimate]

    def ratio(self, name: str, other: str) -> tuple[float, float]:
        """The least and the most that the energy of a network is of that of another: with the same
        prices for both, whichever of those published."""
        one, two = self.estimates[name], self.estimates[other]
        ratios = [
            _priced(one.total, prices) / _priced(two.total, prices)
            for prices in _prices(one.hardware)
        ]
        return min(ratios), max(ratios)

    def __repr__(self) -> str:
        first, *others = self.estimates
        rows: list[tuple[str, ...]] = []
        for name, estimate in self.estimates.items():
            rows.append((name, "", "", "", "", ""))
            rows += [(f"  {what}", *numbers) for what, *numbers in estimate.rows]
        notes = []
        for name in others:
            low, high = (f"{x:.3g}" for x in self.ratio(name, first))
            span = low if low == high else f"{low}–{high}"
            notes.append(f"{name} takes {span} times the energy of {first}")
        hardware = self.estimates[first].hardware
        return table(hardware, rows, self._left_out, *notes)

    @property
    def _left_out(self) -> list[str]:
        shared = [
            what
            for what in next(iter(self.estimates.values())).left_out
            if all(what in x.left_out for x in self.estimates.values())
        ]
        return shared + [
            f"{name}: {what}"
            for name, x in self.estimates.items()
            for what in x.left_out
            if what not in shared
        ]


def compare_energies(estimates: Mapping[str, EnergyEstimate]) -> EnergyComparison:
    """Networks beside each other, by name: a spiking one and its conventional twin.

    Raises `ValueError` for fewer than two, for estimates of different hardware, and for an energy
    of zero.
    """
    if len(estimates) < 2:
        raise ValueError(f"compare_energies: estimates must be two or more, got {len(estimates)}.")
    names = sorted({x.hardware.name for x in estimates.values()})
    if len(names) > 1:
        raise ValueError(
            f"compare_energies: estimates must be of one hardware, got {', '.join(names)}."
        )
    for name, x in estimates.items():
        if x.low <= 0:
            raise ValueError(f"compare_energies: the energy of {name!r} is {x.low} pJ.")
    return EnergyComparison(dict(estimates))


def _prices(hardware: Hardware) -> list[tuple[float, float, float]]:
    """The combinations of a published price of a MAC, an AC and an update."""
    macs, acs, updates = (
        [x.picojoules for x in constants] or [0.0]
        for constants in (hardware.mac, hardware.ac, hardware.update)
    )
    # Where both cost the same operation, they cost the same.
    pairs = [(x, x) for x in macs] if hardware.mac == hardware.ac else itertools.product(macs, acs)
    return [(mac, ac, update) for mac, ac in pairs for update in updates]


def _priced(x: Operations, prices: tuple[float, float, float]) -> float:
    mac, ac, update = prices
    return mac * x.macs + ac * x.acs + update * x.updates
