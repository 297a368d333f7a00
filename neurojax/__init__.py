"""NeuroJAX: neurons, dendrites, spiking networks and predictive coding on JAX."""

from . import core as core, learning as learning, neurons as neurons, predictive as predictive
from .core import (
    Constant as Constant,
    Drive as Drive,
    EnergySystem as EnergySystem,
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
    Step as Step,
    System as System,
    as_term as as_term,
    load as load,
    ornstein_uhlenbeck as ornstein_uhlenbeck,
    save as save,
    simulate as simulate,
    units as units,
)
from .neurons import LIF as LIF, HodgkinHuxley as HodgkinHuxley
