"""The energy of counted operations on hardware of published energies, from low to high."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ._hardware import HARDWARE, EnergyConstant, Hardware
from ._operations import Operations

_UNCOUNTED = "biases, activation functions, pooling, normalisation, learning"


@dataclass(frozen=True, repr=False)
class EnergyEstimate:
    """The operations of a sample and their energy, in the mean, from `low` to `high` (pJ) where
    published energies differ. `left_out` names what is not in it. Prints as a table.

    `layers` are the operations that were priced, by the names of the layers.
    """

    layers: Mapping[str, Operations]
    hardware: Hardware
    left_out: tuple[str, ...]

    @property
    def total(self) -> Operations:
        """The operations of all layers."""
        return sum(self.layers.values(), start=Operations())

    @property
    def low(self) -> float:
        """The least energy, pJ for a sample."""
        return _picojoules(self.total, self.hardware)[0]

    @property
    def high(self) -> float:
        """The most energy, pJ for a sample."""
        return _picojoules(self.total, self.hardware)[1]

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The lines of its table, layer by layer and in total."""
        layers = list(self.layers.items())
        if len(layers) > 1:
            layers.append(("total", self.total))
        return [
            (
                name,
                *(f"{n:,.0f}" for n in (x.macs, x.acs, x.dense, x.updates)),
                _shown(*_picojoules(x, self.hardware)),
            )
            for name, x in layers
        ]

    def __repr__(self) -> str:
        return table(self.hardware, self.rows, self.left_out)


def estimate_energy(
    operations: Operations | Mapping[str, Operations],
    hardware: Hardware = HARDWARE["CMOS fp32"],
    *,
    skips_zeros: bool = True,
) -> EnergyEstimate:
    """The energy of `operations`, of one network or by the names of its layers, on `hardware`.

    With `skips_zeros=False` the hardware multiplies by zeros too: the dense count is priced, as
    multiply-accumulates. Updates of neurons are priced where the hardware has a constant for them,
    else named in `left_out`.

    Raises `ValueError` for multiply-accumulates or accumulates that the hardware has no price for.
    """
    layers = operations if isinstance(operations, Mapping) else {"network": operations}
    if not skips_zeros:
        layers = {
            name: Operations(macs=x.dense, dense=x.dense, updates=x.updates)
            for name, x in layers.items()
        }
    for name, x in layers.items():
        for what, count, price in (
            ("multiply-accumulates", x.macs, hardware.mac),
            ("accumulates", x.acs, hardware.ac),
        ):
            if count and not price:
                raise ValueError(
                    f"estimate_energy: {hardware.name} has no energy for {what}, "
                    f"of which {name!r} has {count:g} a sample."
                )
    left_out = (*hardware.left_out, _UNCOUNTED)
    updates = sum(x.updates for x in layers.values())
    if updates and not hardware.update:
        left_out += (f"updates of neurons ({updates:,.0f} counted)",)
    return EnergyEstimate(dict(layers), hardware, left_out)


def table(
    hardware: Hardware, rows: Sequence[tuple[str, ...]], left_out: Sequence[str], *notes: str
) -> str:
    """Rows under their heads, what there is to note of them, and what is left out."""
    rows = [("per sample", "MACs", "ACs", "dense", "updates", "energy"), *rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
        for row in rows
    ]
    head = f"{hardware.name} ({hardware.process})"
    return "\n".join([head, *lines, *notes, "left out:", *(f"  {what}" for what in left_out)])


def _picojoules(x: Operations, hardware: Hardware) -> tuple[float, float]:
    priced = ((x.macs, hardware.mac), (x.acs, hardware.ac), (x.updates, hardware.update))
    low = sum(count * _range(prices)[0] for count, prices in priced)
    high = sum(count * _range(prices)[1] for count, prices in priced)
    return low, high


def _range(prices: tuple[EnergyConstant, ...]) -> tuple[float, float]:
    energies = [price.picojoules for price in prices]
    return (min(energies), max(energies)) if energies else (0.0, 0.0)


def _shown(low: float, high: float) -> str:
    """Both in the largest of pJ, nJ, µJ and mJ in which `high` is at least 1."""
    power = next((i for i in range(3) if high < 999.5 * 1000**i), 3)
    unit, (low, high) = ("pJ", "nJ", "µJ", "mJ")[power], (x / 1000**power for x in (low, high))
    return f"{high:.3g} {unit}" if low == high else f"{low:.3g}–{high:.3g} {unit}"
