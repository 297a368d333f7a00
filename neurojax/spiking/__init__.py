"""Spiking layers, and their exact spikes."""

from ._first_spikes import FirstSpikes as FirstSpikes, first_spikes as first_spikes
from ._layer import Layer as Layer
from ._losses import first_spike_cross_entropy as first_spike_cross_entropy, shortfall as shortfall
from ._spike_times import SpikeTimes as SpikeTimes, spike_times as spike_times
