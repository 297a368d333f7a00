"""Where spikes come from and go to: a population, some of its neurons, one of its synapses."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from ..core import SpikingSystem

FORM = re.compile(
    r"(?P<name>[^.\[\]]+)(\[(?P<first>\d*):(?P<end>\d*)\])?(\.(?P<synapse>[^.\[\]]+))?"
)


class Port(NamedTuple):
    """Neurons `first` to `end` of a population, flat, and the synapse that spikes arrive at, empty
    where it has but one kind."""

    population: str
    first: int
    end: int
    synapse: str

    @property
    def neurons(self) -> int:
        return self.end - self.first

    @property
    def target(self) -> str:
        """`"E"` or `"E.ampa"`."""
        return ".".join(filter(None, (self.population, self.synapse)))


def port_of(what: str, text: str, populations: Mapping[str, SpikingSystem]) -> Port:
    """Of `"E"`, `"E[:800]"` or `"E[100:200].ampa"`.

    Raises `ValueError` for another form, a population that is not there, or neurons or a synapse
    that it has not.
    """
    found = FORM.fullmatch(text)
    if found is None:
        raise ValueError(f'{what} must be as "E", "E[:800]" or "E[100:200].ampa", got {text!r}.')
    name = found["name"]
    if name not in populations:
        raise ValueError(f"{what} must be one of {', '.join(populations)}, got {name!r}.")
    size = size_of(populations[name])
    first, end = int(found["first"] or 0), int(found["end"] or size)
    if not first < end <= size:
        raise ValueError(f"{what} is {text!r}, and {name!r} has {size} neurons.")
    synapses, synapse = getattr(populations[name], "synapses", {}), found["synapse"] or ""
    if synapse and synapse not in synapses:
        known = ", ".join(synapses) or "none by name"
        raise ValueError(f"{what} is {text!r}, and the synapses of {name!r} are {known}.")
    return Port(name, first, end, synapse)


def size_of(population: SpikingSystem) -> int:
    """Neurons."""
    size = 1
    for n in getattr(population, "shape"):  # noqa: B009
        size *= n
    return size
