"""`on_pre` and `on_post` as a script sees them: `S.pre.delay`."""

from typing import TYPE_CHECKING, Any

from ..equations import parse_statements
from ._code import called
from ._quantity import TIME
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
