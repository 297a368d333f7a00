"""What every experiment shares: options, the run folder, seeding, statistics, figures."""

from experiments.runner._errors import ExperimentError
from experiments.runner._options import at_least, distinct, in_range, positive
from experiments.runner._run import Run
from experiments.runner._seeding import generator, key, seeds_of
from experiments.runner._statistics import interval, plus_minus, spread

__all__ = [
    "ExperimentError",
    "Run",
    "at_least",
    "distinct",
    "generator",
    "in_range",
    "interval",
    "key",
    "plus_minus",
    "positive",
    "seeds_of",
    "spread",
]
