"""What goes into networks beside neurons: normalisation, delays, dropout, pooling, blocks."""

from ._batch_norm import (
    BatchNorm as BatchNorm,
    BatchNormState as BatchNormState,
    with_statistics as with_statistics,
)
from ._delay import Delay as Delay
from ._dropout import Dropout as Dropout
from ._learnable_delays import (
    LearnableDelays as LearnableDelays,
    SigmaScheduleState as SigmaScheduleState,
    rounded as rounded,
    sigma_schedule as sigma_schedule,
    with_sigma as with_sigma,
)
from ._pooling import AvgPool2d as AvgPool2d, MaxPool2d as MaxPool2d
from ._residual import (
    membrane_shortcut_block as membrane_shortcut_block,
    sew_block as sew_block,
)
