"""Spiking layers, and their exact spikes."""

from ._activity import (
    high_activity_penalty as high_activity_penalty,
    l1_rate_penalty as l1_rate_penalty,
    l2_rate_penalty as l2_rate_penalty,
    low_activity_penalty as low_activity_penalty,
)
from ._batch_norm import (
    BatchNorm as BatchNorm,
    BatchNormState as BatchNormState,
    with_statistics as with_statistics,
)
from ._classification import (
    last_membrane_cross_entropy as last_membrane_cross_entropy,
    max_membrane_cross_entropy as max_membrane_cross_entropy,
    mean_membrane_cross_entropy as mean_membrane_cross_entropy,
    spike_count_cross_entropy as spike_count_cross_entropy,
    spike_count_mse as spike_count_mse,
)
from ._conversion import from_ann as from_ann
from ._decoders import first_spike_times as first_spike_times
from ._delay import Delay as Delay
from ._dropout import Dropout as Dropout
from ._encoders import (
    delta_code as delta_code,
    direct_code as direct_code,
    latency_code as latency_code,
    linear_latency_code as linear_latency_code,
    population_code as population_code,
    rate_code as rate_code,
)
from ._first_spikes import FirstSpikes as FirstSpikes, first_spikes as first_spikes
from ._folded import folded as folded
from ._layer import Layer as Layer
from ._learnable_delays import (
    LearnableDelays as LearnableDelays,
    SigmaScheduleState as SigmaScheduleState,
    rounded as rounded,
    sigma_schedule as sigma_schedule,
    with_sigma as with_sigma,
)
from ._losses import first_spike_cross_entropy as first_spike_cross_entropy, shortfall as shortfall
from ._measure import NetworkMeasures as NetworkMeasures, energy as energy, measure as measure
from ._network import (
    Node as Node,
    Previous as Previous,
    SpikingNetwork as SpikingNetwork,
    sequential as sequential,
)
from ._over_time import OverTime as OverTime
from ._pooling import AvgPool2d as AvgPool2d, MaxPool2d as MaxPool2d
from ._quantised import Quantised as Quantised, quantised as quantised
from ._residual import (
    membrane_shortcut_block as membrane_shortcut_block,
    sew_block as sew_block,
)
from ._run import run as run
from ._runner import NetworkRun as NetworkRun, NetworkState as NetworkState
from ._spike_times import SpikeTimes as SpikeTimes, spike_times as spike_times
from ._surrogates import (
    arctan as arctan,
    fast_sigmoid as fast_sigmoid,
    gaussian as gaussian,
    straight_through as straight_through,
    triangle as triangle,
)
from ._van_rossum import van_rossum_distance as van_rossum_distance
