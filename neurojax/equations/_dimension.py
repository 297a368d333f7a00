"""Physical dimensions, and the unknown ones that equations determine."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

# Named by what a neuron's equations are made of: mass is voltage · current · time³ / length².
BASE = ("voltage", "current", "time", "length", "substance", "temperature", "luminosity")

SUPERSCRIPT = str.maketrans("0123456789-/", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᐟ")


@dataclass(frozen=True)
class Dimension:
    """Powers of base dimensions, and of unknown ones (whose names begin with "?")."""

    powers: tuple[tuple[str, Fraction], ...] = ()

    @classmethod
    def of(cls, powers: Mapping[str, Fraction | int]) -> "Dimension":
        """The product of these powers."""
        return cls(tuple(sorted((n, Fraction(p)) for n, p in powers.items() if p)))

    def __mul__(self, other: "Dimension") -> "Dimension":
        powers = dict(self.powers)
        for name, power in other.powers:
            powers[name] = powers.get(name, Fraction(0)) + power
        return Dimension.of(powers)

    def __truediv__(self, other: "Dimension") -> "Dimension":
        return self * other**-1

    def __pow__(self, power: Fraction | int) -> "Dimension":
        return Dimension.of({name: p * power for name, p in self.powers})

    def __str__(self) -> str:
        if not self.powers:
            return "no dimension"
        if self in NAMED:
            return NAMED[self]
        above = [_power(n, p) for n, p in self.powers if p > 0]
        below = [_power(n, -p) for n, p in self.powers if p < 0]
        if not below:
            return " ".join(above)
        bottom = below[0] if len(below) == 1 else f"({' '.join(below)})"
        return f"{' '.join(above) or '1'}/{bottom}"


def _power(name: str, power: Fraction) -> str:
    return name if power == 1 else name + str(power).translate(SUPERSCRIPT)


NONE = Dimension()
TIME = Dimension.of({"time": 1})
VOLTAGE = Dimension.of({"voltage": 1})
CURRENT = Dimension.of({"current": 1})
LENGTH = Dimension.of({"length": 1})
CONDUCTANCE = CURRENT / VOLTAGE
CAPACITANCE = CURRENT * TIME / VOLTAGE
NAMED = {
    CONDUCTANCE: "conductance",
    CAPACITANCE: "capacitance",
    VOLTAGE / CURRENT: "resistance",
    CURRENT * TIME: "charge",
    TIME**-1: "1/time (a rate)",
    CONDUCTANCE / LENGTH**2: "conductance/area",
    CAPACITANCE / LENGTH**2: "capacitance/area",
    CURRENT / LENGTH**2: "current/area",
    Dimension.of({"substance": 1, "length": -3}): "concentration",
}


class Unknowns:
    """Dimensions that are not given: each equality of two dimensions may determine one.

    This is elimination in the powers, that are linear (Kennedy 1996, Programming languages and
    dimensions, ch. 3, over the rationals).
    """

    def __init__(self) -> None:
        self._found: dict[str, Dimension] = {}
        self._count = 0

    def new(self) -> Dimension:
        """A dimension not known yet."""
        self._count += 1
        return Dimension.of({f"?{self._count}": 1})

    def known(self, dimension: Dimension) -> Dimension:
        """The dimension by all that is known now."""
        result = NONE
        for name, power in dimension.powers:
            found = self._found.get(name)
            one = Dimension.of({name: 1}) if found is None else self.known(found)
            result = result * one**power
        return result

    def equal(self, a: Dimension, b: Dimension) -> bool:
        """Make two dimensions equal; False if they cannot be."""
        ratio = self.known(a / b)
        for name, power in ratio.powers:
            if name.startswith("?"):
                self._found[name] = (ratio / Dimension.of({name: power})) ** (-1 / power)
                return True
        return ratio == NONE


def is_determined(dimension: Dimension) -> bool:
    """Whether nothing in it is unknown."""
    return not any(name.startswith("?") for name, _ in dimension.powers)


def product(dimensions: Iterable[Dimension]) -> Dimension:
    """All of them multiplied."""
    result = NONE
    for dimension in dimensions:
        result = result * dimension
    return result
