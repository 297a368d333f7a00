"""Predictive coding: hierarchies that settle down an energy and learn where they settle."""

from ._backprop import from_backprop as from_backprop, to_backprop as to_backprop
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
from ._rules import BackpropRule as BackpropRule, PredictiveCoding as PredictiveCoding
