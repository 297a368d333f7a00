"""Synapses: what an arriving spike opens, and the current that flows through it."""

from ._conductances import (
    AMPA as AMPA,
    GABA_A as GABA_A,
    GABA_B as GABA_B,
    NMDA as NMDA,
    Alpha as Alpha,
    Biexponential as Biexponential,
    Exponential as Exponential,
)
from ._current_based import CurrentBased as CurrentBased
from ._synapse import Synapse as Synapse
