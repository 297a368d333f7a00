"""Brian2's names, so that small scripts run with only their import line changed.

`from neurojax.brian import *` gives NeuronGroup, Synapses, monitors, inputs, `run`, units, and
pylab's names (numpy's where matplotlib is not installed), as `from brian2 import *` does.
docs/brian.md has what agrees with Brian2, and to what error. What is not supported says so, by
name, when it is used.
"""

from . import _unsupported
from ._clock import defaultclock
from ._group import Subgroup, start_scope
from ._monitors import PopulationRateMonitor, SpikeMonitor, StateMonitor
from ._names import array_names, unit_names
from ._network import MagicError, Network, collect, magic_network, restore, run, seed, store
from ._neurons import Equations, NeuronGroup, PoissonGroup, SpikeGeneratorGroup
from ._poisson_input import PoissonInput
from ._quantity import (
    DimensionMismatchError,
    Quantity,
    get_dimensions,
    have_same_dimensions,
    is_dimensionless,
)
from ._synapses import Synapses
from ._timed_array import TimedArray

_OWN = {
    name: value
    for name, value in globals().items()
    if not name.startswith("_") and name not in ("array_names", "unit_names")
}
_REFUSED = {n: _unsupported.Refused(n, why) for n, why in _unsupported.INSTEAD.items()}
globals().update(array_names() | _REFUSED | unit_names() | _OWN)
__all__ = [name for name in globals() if not name.startswith("_")]  # pyright: ignore[reportUnsupportedDunderAll]
