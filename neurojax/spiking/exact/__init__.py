"""A layer of neurons, and its spikes in closed form: exact times, their derivatives and losses."""

from ._first_spike_losses import (
    first_spike_cross_entropy as first_spike_cross_entropy,
    shortfall as shortfall,
)
from ._first_spikes import FirstSpikes as FirstSpikes, first_spikes as first_spikes
from ._layer import Layer as Layer
from ._spike_times import SpikeTimes as SpikeTimes, spike_times as spike_times
