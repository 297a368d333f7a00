"""Predictive coding: hierarchies that settle down an energy and learn where they settle."""

from ._backprop import from_backprop as from_backprop
from ._backprop import to_backprop as to_backprop
from ._diagnostics import Diagnostics as Diagnostics
from ._diagnostics import diagnose as diagnose
from ._energies import Categorical as Categorical
from ._energies import Energy as Energy
from ._energies import Gaussian as Gaussian
from ._finetune import accuracy as accuracy
from ._finetune import finetune as finetune
from ._hierarchy import Dense as Dense
from ._hierarchy import Hierarchy as Hierarchy
from ._hierarchy import mlp as mlp
from ._hierarchy import predict as predict
from ._inference import Settled as Settled
from ._inference import infer as infer
from ._rules import BackpropRule as BackpropRule
from ._rules import PredictiveCoding as PredictiveCoding
