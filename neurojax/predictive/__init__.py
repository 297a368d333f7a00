"""Predictive coding: hierarchies that settle down an energy and learn where they settle."""

from ._chains import (
    Dense as Dense,
    chain as chain,
    identity as identity,
    mlp as mlp,
    residual_mlp as residual_mlp,
)
from ._closed_form import equilibrium as equilibrium
from ._diagnostics import (
    Diagnostics as Diagnostics,
    diagnose as diagnose,
    target_alignment as target_alignment,
)
from ._energies import (
    Bernoulli as Bernoulli,
    Categorical as Categorical,
    CorrelatedGaussian as CorrelatedGaussian,
    Energy as Energy,
    Gaussian as Gaussian,
    Huber as Huber,
    Laplace as Laplace,
    LearnedGaussian as LearnedGaussian,
    StateDependentGaussian as StateDependentGaussian,
    Weighted as Weighted,
)
from ._finetune import accuracy as accuracy, finetune as finetune, weights_of as weights_of
from ._generalised import (
    GeneralisedFilter as GeneralisedFilter,
    TaylorEmbedding as TaylorEmbedding,
    temporal_precision as temporal_precision,
)
from ._hierarchy import Hierarchy as Hierarchy, predict as predict
from ._hopfield import ModernHopfield as ModernHopfield
from ._inference import Settled as Settled, infer as infer
from ._mupc import mupc as mupc
from ._parts import Edge as Edge, Node as Node
from ._rules import (
    BackpropRule as BackpropRule,
    IncrementalPredictiveCoding as IncrementalPredictiveCoding,
    Nudging as Nudging,
    PredictiveCoding as PredictiveCoding,
    rule_named as rule_named,
    weight_decay as weight_decay,
    weight_gradient as weight_gradient,
)
from ._sampling import Langevin as Langevin, Samples as Samples, sample as sample
from ._temporal import (
    TemporalPredictiveCoding as TemporalPredictiveCoding,
    infer_sequence as infer_sequence,
)
from .circuits._dendritic_rules import (
    DendriticBackprop as DendriticBackprop,
    DendriticLearning as DendriticLearning,
    alignment as alignment,
    gradient_rates as gradient_rates,
    local_updates as local_updates,
)
from .circuits._event_driven import (
    EventDriven as EventDriven,
    EventState as EventState,
    Messages as Messages,
)
from .circuits._microcircuit import (
    Microcircuit as Microcircuit,
    MicrocircuitState as MicrocircuitState,
    microcircuit as microcircuit,
    self_predicting as self_predicting,
)
from .circuits._spiking import (
    FiringRateHierarchy as FiringRateHierarchy,
    LIFHierarchy as LIFHierarchy,
    SpikingHierarchy as SpikingHierarchy,
    firing_rate as firing_rate,
    uniform_weights as uniform_weights,
)
from .circuits._spiking_rules import (
    ErrorTimesActivity as ErrorTimesActivity,
    at_rest as at_rest,
    responses as responses,
)
from .pretrained._adapters import merge_adapters as merge_adapters, with_adapters as with_adapters
from .pretrained._from_backprop import from_backprop as from_backprop, to_backprop as to_backprop
from .pretrained._layer_map import layer_map as layer_map
