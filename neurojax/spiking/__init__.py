"""Deep spiking networks: their codes, surrogates and losses here, all else in rooms.

`network` describes and runs them, `modules` go into them, `exact` has layers whose spikes are known
in closed form, and `deployment` leads to hardware.
"""

from ._activity import (
    high_activity_penalty as high_activity_penalty,
    l1_rate_penalty as l1_rate_penalty,
    l2_rate_penalty as l2_rate_penalty,
    low_activity_penalty as low_activity_penalty,
)
from ._classification import (
    last_membrane_cross_entropy as last_membrane_cross_entropy,
    max_membrane_cross_entropy as max_membrane_cross_entropy,
    mean_membrane_cross_entropy as mean_membrane_cross_entropy,
    spike_count_cross_entropy as spike_count_cross_entropy,
    spike_count_mse as spike_count_mse,
)
from ._decoders import first_spike_times as first_spike_times
from ._encoders import (
    delta_code as delta_code,
    direct_code as direct_code,
    latency_code as latency_code,
    linear_latency_code as linear_latency_code,
    population_code as population_code,
    rate_code as rate_code,
)
from ._surrogates import (
    arctan as arctan,
    fast_sigmoid as fast_sigmoid,
    gaussian as gaussian,
    straight_through as straight_through,
    triangle as triangle,
)
from ._van_rossum import van_rossum_distance as van_rossum_distance
from .deployment import (
    NetworkMeasures as NetworkMeasures,
    Quantised as Quantised,
    energy as energy,
    folded as folded,
    from_ann as from_ann,
    measure as measure,
    quantised as quantised,
)
from .exact import (
    FirstSpikes as FirstSpikes,
    Layer as Layer,
    SpikeTimes as SpikeTimes,
    first_spike_cross_entropy as first_spike_cross_entropy,
    first_spikes as first_spikes,
    shortfall as shortfall,
    spike_times as spike_times,
)
from .modules import (
    AvgPool2d as AvgPool2d,
    BatchNorm as BatchNorm,
    BatchNormState as BatchNormState,
    Delay as Delay,
    Dropout as Dropout,
    LearnableDelays as LearnableDelays,
    MaxPool2d as MaxPool2d,
    SigmaScheduleState as SigmaScheduleState,
    membrane_shortcut_block as membrane_shortcut_block,
    rounded as rounded,
    sew_block as sew_block,
    sigma_schedule as sigma_schedule,
    with_sigma as with_sigma,
    with_statistics as with_statistics,
)
from .network import (
    NetworkRun as NetworkRun,
    NetworkState as NetworkState,
    Node as Node,
    OverTime as OverTime,
    Previous as Previous,
    SpikingNetwork as SpikingNetwork,
    run as run,
    sequential as sequential,
)
