"""Brian2's names, so that small scripts run with only their import line changed.

`from neurojax.brian import *` gives NeuronGroup, Synapses, monitors, inputs, `run`, units, and
pylab's names (numpy's where matplotlib is not installed), as `from brian2 import *` does.
docs/brian.md has what agrees with Brian2, and to what error. What is not supported says so, by
name, when it is used.
"""

from typing import Any

from . import _names, _unsupported
from ._clock import defaultclock as defaultclock
from ._group import Subgroup as Subgroup, start_scope as start_scope
from ._model import Equations as Equations
from ._monitors import (
    PopulationRateMonitor as PopulationRateMonitor,
    SpikeMonitor as SpikeMonitor,
    StateMonitor as StateMonitor,
)
from ._network import (
    MagicError as MagicError,
    Network as Network,
    collect as collect,
    magic_network as magic_network,
    restore as restore,
    run as run,
    seed as seed,
    store as store,
)
from ._neurons import NeuronGroup as NeuronGroup
from ._poisson_input import PoissonInput as PoissonInput
from ._quantity import (
    DimensionMismatchError as DimensionMismatchError,
    Quantity as Quantity,
    get_dimensions as get_dimensions,
    have_same_dimensions as have_same_dimensions,
    is_dimensionless as is_dimensionless,
)
from ._sources import PoissonGroup as PoissonGroup, SpikeGeneratorGroup as SpikeGeneratorGroup
from ._synapses import Synapses as Synapses
from ._timed_array import TimedArray as TimedArray

_OWN = {name: value for name, value in globals().items() if not name.startswith("_")}
_REFUSED = {n: _unsupported.Refused(n, why) for n, why in _unsupported.INSTEAD.items()}
globals().update(_names.array_names() | _REFUSED | _names.unit_names() | _OWN)
__all__ = [name for name in globals() if not name.startswith("_")]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    raise AttributeError(f"neurojax.brian has no {name!r}, neither its own nor refused by name.")
