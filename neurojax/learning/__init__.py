"""Learning: the one training loop around optax, and the gradients it is fed."""

from ._fit import Fit as Fit
from ._fit import Gradient as Gradient
from ._fit import Record as Record
from ._fit import fit as fit
from ._gradients import by_backprop as by_backprop
