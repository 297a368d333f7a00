"""Learning: the one training loop around optax, and the gradients it is fed."""

from ._fit import Batches as Batches, Fit as Fit, Record as Record, fit as fit
from ._gradients import by_backprop as by_backprop
from ._update import Gradient as Gradient, IncrementalGradient as IncrementalGradient
