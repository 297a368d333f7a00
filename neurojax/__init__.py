"""NeuroJAX: neurons, dendrites, spiking networks and predictive coding on JAX."""

from . import (
    channels as channels,
    core as core,
    dendrites as dendrites,
    equations as equations,
    interop as interop,
    learning as learning,
    metrics as metrics,
    networks as networks,
    neurons as neurons,
    predictive as predictive,
    spiking as spiking,
    synapses as synapses,
    units as units,
)
from .core import (
    Arrivals as Arrivals,
    Constant as Constant,
    Drive as Drive,
    EnergySystem as EnergySystem,
    ExactLinear as ExactLinear,
    ExponentialEuler as ExponentialEuler,
    Integral as Integral,
    Path as Path,
    Poisson as Poisson,
    Ramp as Ramp,
    Reduction as Reduction,
    SemiImplicitEuler as SemiImplicitEuler,
    Series as Series,
    Sine as Sine,
    Solution as Solution,
    SpikeCount as SpikeCount,
    SpikingSystem as SpikingSystem,
    StaggeredCrankNicolson as StaggeredCrankNicolson,
    Step as Step,
    System as System,
    as_term as as_term,
    keep_freed_memory as keep_freed_memory,
    load as load,
    ornstein_uhlenbeck as ornstein_uhlenbeck,
    save as save,
    simulate as simulate,
)
from .equations import from_equations as from_equations
from .neurons import (
    LIF as LIF,
    AdEx as AdEx,
    HodgkinHuxley as HodgkinHuxley,
    Izhikevich as Izhikevich,
)
from .spiking import energy as energy
