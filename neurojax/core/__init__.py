"""What evolves, and how it is run through time."""

from ._checkpoint import load as load
from ._checkpoint import metadata_of as metadata_of
from ._checkpoint import save as save
from ._checks import (
    as_parameter as as_parameter,
)
from ._checks import (
    is_known as is_known,
)
from ._checks import (
    non_negative as non_negative,
)
from ._checks import (
    positive as positive,
)
from ._drives import (
    Arrivals as Arrivals,
)
from ._drives import (
    Constant as Constant,
)
from ._drives import (
    Drive as Drive,
)
from ._drives import (
    Function as Function,
)
from ._drives import (
    Path as Path,
)
from ._drives import (
    Poisson as Poisson,
)
from ._drives import (
    Ramp as Ramp,
)
from ._drives import (
    Series as Series,
)
from ._drives import (
    Sine as Sine,
)
from ._drives import (
    Step as Step,
)
from ._drives import (
    ornstein_uhlenbeck as ornstein_uhlenbeck,
)
from ._exact_linear import ExactLinear as ExactLinear
from ._exponential_euler import ExponentialEuler as ExponentialEuler
from ._flow import Flow as Flow
from ._flow import as_term as as_term
from ._recording import (
    Integral as Integral,
)
from ._recording import (
    Reduction as Reduction,
)
from ._recording import (
    SpikeCount as SpikeCount,
)
from ._semi_implicit_euler import SemiImplicitEuler as SemiImplicitEuler
from ._simulate import simulate as simulate
from ._solution import (
    ClockSpikes as ClockSpikes,
)
from ._solution import (
    EventSpikes as EventSpikes,
)
from ._solution import (
    RunState as RunState,
)
from ._solution import (
    Solution as Solution,
)
from ._spike import (
    Surrogate as Surrogate,
)
from ._spike import (
    spike as spike,
)
from ._spike import (
    superspike as superspike,
)
from ._spike import (
    where_spiked as where_spiked,
)
from ._system import (
    Clock as Clock,
)
from ._system import (
    EnergySystem as EnergySystem,
)
from ._system import (
    SpikingSystem as SpikingSystem,
)
from ._system import (
    StiffPart as StiffPart,
)
from ._system import (
    System as System,
)
