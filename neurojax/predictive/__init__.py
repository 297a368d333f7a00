"""Predictive coding: hierarchies that settle down an energy and learn where they settle."""

from ._backprop import from_backprop as from_backprop, to_backprop as to_backprop
from ._dendritic_rules import (
    DendriticBackprop as DendriticBackprop,
    DendriticLearning as DendriticLearning,
    alignment as alignment,
    gradient_rates as gradient_rates,
    local_updates as local_updates,
)
from ._diagnostics import Diagnostics as Diagnostics, diagnose as diagnose
from ._energies import (
    Bernoulli as Bernoulli,
    Categorical as Categorical,
    Energy as Energy,
    Gaussian as Gaussian,
    Huber as Huber,
    Laplace as Laplace,
)
from ._finetune import accuracy as accuracy, finetune as finetune
from ._hierarchy import Dense as Dense, Hierarchy as Hierarchy, mlp as mlp, predict as predict
from ._inference import Settled as Settled, infer as infer
from ._microcircuit import (
    Microcircuit as Microcircuit,
    MicrocircuitState as MicrocircuitState,
    microcircuit as microcircuit,
    self_predicting as self_predicting,
)
from ._rules import BackpropRule as BackpropRule, PredictiveCoding as PredictiveCoding
from ._spiking import (
    FiringRateHierarchy as FiringRateHierarchy,
    LIFHierarchy as LIFHierarchy,
    SpikingHierarchy as SpikingHierarchy,
    firing_rate as firing_rate,
    uniform_weights as uniform_weights,
)
from ._spiking_rules import (
    ErrorTimesActivity as ErrorTimesActivity,
    at_rest as at_rest,
    responses as responses,
)
