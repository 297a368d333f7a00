"""Learning: the one training loop around optax, and the gradients it is fed."""

from ._fit import (
    Fit as Fit,
    Gradient as Gradient,
    IncrementalGradient as IncrementalGradient,
    Record as Record,
    fit as fit,
)
from ._gradients import by_backprop as by_backprop
