"""NeuroJAX: neurons, dendrites, spiking networks and predictive coding on JAX."""

from . import core as core
from . import equations as equations
from . import interop as interop
from . import learning as learning
from . import metrics as metrics
from . import neurons as neurons
from . import predictive as predictive
from . import spiking as spiking
from . import units as units
from .core import (
    Arrivals as Arrivals,
)
from .core import (
    Constant as Constant,
)
from .core import (
    Drive as Drive,
)
from .core import (
    EnergySystem as EnergySystem,
)
from .core import (
    ExactLinear as ExactLinear,
)
from .core import (
    ExponentialEuler as ExponentialEuler,
)
from .core import (
    Integral as Integral,
)
from .core import (
    Path as Path,
)
from .core import (
    Poisson as Poisson,
)
from .core import (
    Ramp as Ramp,
)
from .core import (
    Reduction as Reduction,
)
from .core import (
    SemiImplicitEuler as SemiImplicitEuler,
)
from .core import (
    Series as Series,
)
from .core import (
    Sine as Sine,
)
from .core import (
    Solution as Solution,
)
from .core import (
    SpikeCount as SpikeCount,
)
from .core import (
    SpikingSystem as SpikingSystem,
)
from .core import (
    Step as Step,
)
from .core import (
    System as System,
)
from .core import (
    as_term as as_term,
)
from .core import (
    load as load,
)
from .core import (
    ornstein_uhlenbeck as ornstein_uhlenbeck,
)
from .core import (
    save as save,
)
from .core import (
    simulate as simulate,
)
from .equations import from_equations as from_equations
from .neurons import LIF as LIF
from .neurons import AdEx as AdEx
from .neurons import HodgkinHuxley as HodgkinHuxley
