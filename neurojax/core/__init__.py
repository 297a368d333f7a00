"""What evolves, and how it is run through time."""

from ._affine import Affine as Affine
from ._checkpoint import load as load, metadata_of as metadata_of, save as save
from ._checks import (
    as_parameter as as_parameter,
    is_known as is_known,
    non_negative as non_negative,
    positive as positive,
    refuse_nan as refuse_nan,
)
from ._convolutions import with_fast_convolutions as with_fast_convolutions
from ._drives import (
    Arrivals as Arrivals,
    Constant as Constant,
    Drive as Drive,
    Function as Function,
    Path as Path,
    Poisson as Poisson,
    Ramp as Ramp,
    Series as Series,
    Sine as Sine,
    Step as Step,
    ornstein_uhlenbeck as ornstein_uhlenbeck,
)
from ._exact_linear import ExactLinear as ExactLinear
from ._exponential_euler import (
    ExponentialEuler as ExponentialEuler,
    phi1 as phi1,
    unwrapped as unwrapped,
)
from ._flow import Flow as Flow, as_term as as_term, terms_of as terms_of
from ._kept_positive import kept_positive as kept_positive
from ._layers import (
    CONTAINERS as CONTAINERS,
    NORMALISATIONS as NORMALISATIONS,
    Held as Held,
    InState as InState,
    first_line as first_line,
    held_state as held_state,
    is_stateful as is_stateful,
    layers_in as layers_in,
    name_of as name_of,
    on_one_sample as on_one_sample,
    probe as probe,
    refuse_training as refuse_training,
)
from ._memory import keep_freed_memory as keep_freed_memory
from ._native import native as native, native_if_small as native_if_small
from ._recording import (
    Integral as Integral,
    Reduction as Reduction,
    SpikeCount as SpikeCount,
)
from ._reparametrised import Reparametrised as Reparametrised, plain as plain
from ._rows import (
    for_each_row as for_each_row,
    row as row,
    spread_rows as spread_rows,
    take_rows as take_rows,
    with_row as with_row,
)
from ._scan import SOLVED as SOLVED
from ._semi_implicit_euler import (
    SemiImplicitEuler as SemiImplicitEuler,
    StaggeredCrankNicolson as StaggeredCrankNicolson,
)
from ._simulate import simulate as simulate
from ._solution import (
    ClockSpikes as ClockSpikes,
    EventSpikes as EventSpikes,
    RunState as RunState,
    Solution as Solution,
)
from ._spike import (
    Surrogate as Surrogate,
    spike as spike,
    superspike as superspike,
    where_spiked as where_spiked,
)
from ._step_solver import StepSolver as StepSolver
from ._stepper import Stepper as Stepper, with_root_finder as with_root_finder
from ._system import (
    Clock as Clock,
    EnergySystem as EnergySystem,
    SpikingSystem as SpikingSystem,
    StiffPart as StiffPart,
    System as System,
)
