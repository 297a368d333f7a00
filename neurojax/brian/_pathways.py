"""`on_pre` and `on_post`: as a script sees them (`S.pre.delay`), and as they run."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from ..equations import parse_statements
from ._code import Names, called
from ._delivery import Pathway
from ._linear import ZERO, affine
from ._model import filled_in
from ._quantity import TIME
from ._unsupported import refuse
from ._variables import STORED, Variable

if TYPE_CHECKING:
    from ._synapses import Synapses

PRE, POST = "pre", "post"


class PathwayOfScript:
    """`S.pre` or `S.post`, with the delay of its spikes."""

    def __init__(self, synapses: "Synapses", name: str, end: str, code: str, delay: Any) -> None:
        self.synapses, self.name, self.end, self.code = synapses, name, end, code
        self.variable = "delay" if name == PRE else f"delay of {name}"
        self.statements = parse_statements(code, f"on_{end}", called(code))
        synapses.declare(self.variable, Variable(TIME, STORED, delay is not None, unit="second"))
        if delay is not None:
            synapses.put(self.variable, slice(None), delay)

    @property
    def delay(self) -> Any:
        """The delay of its spikes."""
        return self.synapses.view(self.variable, False)

    @delay.setter
    def delay(self, value: Any) -> None:
        self.synapses.put(self.variable, slice(None), value)


def pathways_of(
    synapses: "Synapses", namespace: Mapping[str, Any], step: int
) -> tuple[list[Pathway], dict[str, Any]]:
    """What spikes do in a run from this step on, and the spikes that are on their way."""
    names = synapses.names(namespace)
    decays = tuple(_decay(synapses, names, name) for name in synapses.driven)
    found, rings = [], {}
    for path in synapses.paths.values():
        delay = _steps(synapses, path)
        depth = int(delay.max()) + 1 if delay.size else 1
        pathway = Pathway(
            synapses=synapses.name,
            name=f"{synapses.name}_{path.name}",
            order=-1 if path.end == PRE else 1,
            end=path.end,
            statements=names.statements(path.code, f"on_{path.end}"),
            decays=decays,
            depth=depth,
            delay=jnp.asarray(delay),
        )
        if depth > 1:
            neurons = (synapses.source if path.end == PRE else synapses.target).root.N
            old = synapses.rings.get(pathway.ring)
            rings[pathway.ring] = jnp.asarray(_ring(old, depth, neurons, step))
        found.append(pathway)
    return found, rings


def _steps(synapses: "Synapses", path: PathwayOfScript) -> np.ndarray:
    """The delays in steps, half a step rounded up; one for all where they are the same."""
    exact = np.asarray(synapses.values[path.variable] / synapses.dt_ms)
    delay = np.floor(exact + 0.5).astype(np.int32)
    if delay.size and delay.min() < 0:
        raise ValueError(f"{synapses.name}: delays must not be negative, got {exact.min()} steps.")
    return delay.reshape(-1)[:1].reshape(()) if np.unique(delay).size == 1 else delay


def _ring(old: np.ndarray | None, depth: int, neurons: int, step: int) -> np.ndarray:
    """The spikes of the last steps, from a ring that may have had another depth."""
    ring = np.zeros((depth, neurons), bool)
    if old is not None:
        for back in range(1, min(depth, len(old)) + 1):
            ring[(step - back) % depth] = old[(step - back) % len(old)]
    return ring


def _decay(synapses: "Synapses", names: Names, name: str) -> tuple[str, Any, Any]:
    """An event-driven equation as slope and offset."""
    lines = synapses.equations.of("subexpression")
    rate = filled_in(synapses.driven[name], {line.name: line.expression for line in lines})
    rate = names.expression(rate, synapses.variables[name].dim / TIME, f"d{name}/dt")
    terms = affine(rate, set(synapses.driven))
    if terms is None or set(terms) - {name, None}:
        refuse(
            f"the event-driven equation of {name} in {synapses.name}, not linear or coupled",
            "flag it (clock-driven)",
        )
    return name, terms.get(name, ZERO), terms.get(None, ZERO)
